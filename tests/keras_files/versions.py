"""One network as each version of Keras stored it, in every form, written by hand without Keras.

The page docs/files.md is made from the lists here: `python -m tests.keras_files.files_page`.
"""

import json

import h5py
import numpy as np

from tests.keras_files.handmade import values, write_h5, write_zip

# Form: its name on the page.
FORMS = {
    "h5": "`.h5`, `.hdf5`",
    "keras": "`.keras`",
    "json": "weights `.h5` and JSON",
    "paths": "`.weights.h5` and JSON",
    "model": "weights and a model",
    "code": "weights and `FILE.py:FUNCTION`",
}
# Version, backend, and the forms in which this version wrote models.
_HDF5 = ("h5", "json", "model", "code")
_BOTH = ("h5", "keras", "json", "paths", "model", "code")
WRITERS = (
    *((version, "theano", _HDF5) for version in ("1.0.8", "1.1.2", "1.2.2")),
    *((version, "tensorflow", _HDF5) for version in ("1.1.2", "1.2.2")),
    *((version, "theano", _HDF5) for version in ("2.0.9", "2.2.4")),
    *((version, "tensorflow", _HDF5) for version in ("2.0.9", "2.1.6", "2.2.2", "2.2.4")),
    *((version, "tensorflow", _HDF5) for version in ("2.2.4-tf", "2.3.0-tf", "2.3.1", "2.4.0")),
    *((version, "tensorflow", _HDF5) for version in ("2.6.0", "2.9.0", "2.11.0")),
    *((version, "tensorflow", _BOTH) for version in ("2.12.0", "2.13.1", "2.15.0", "2.19.0")),
    *((version, "tensorflow", _BOTH) for version in ("3.0.5", "3.3.3", "3.6.0", "3.9.2")),
    *((version, "tensorflow", _BOTH) for version in ("3.12.0", "3.15.1")),
)
CASES = [(version, backend, form) for version, backend, forms in WRITERS for form in forms]

# The network: a convolution of two channels, its values in a row, a dense layer.
KERNEL, BIAS, MATRIX = values(2, 2, 1, 2), values(2, seed=1), values(12, 2, seed=2)
INPUTS = values(3, 3, 4, 1, seed=3)


def outputs():
    """The right outputs, by loops."""
    maps = np.zeros((3, 2, 3, 2), "float32")
    for row in range(2):
        for column in range(3):
            window = INPUTS[:, row : row + 2, column : column + 2]
            maps[:, row, column] = np.einsum("nrci,rcio->no", window, KERNEL) + BIAS
    return maps.reshape(3, -1) @ MATRIX


def write(folder, version, backend, form):
    """Writes one file, and for weights apart a plan.json; returns the path."""
    number = tuple(int(part) for part in version.split("-")[0].split("."))
    config = _config(number)
    paths = {
        "layers/conv2d/vars/0": KERNEL,
        "layers/conv2d/vars/1": BIAS,
        "layers/dense/vars/0": MATRIX,
        "layers/dense/vars/1": np.zeros(2, "float32"),
    }
    if form == "keras":
        return write_zip(folder / "m.keras", config, paths, version)
    plan = {**config, "keras_version": version, "backend": backend}
    (folder / "plan.json").write_text(json.dumps(plan))
    if form == "paths":
        with h5py.File(folder / "m.weights.h5", "w") as stream:
            for path, array in paths.items():
                stream[path] = array
        return folder / "m.weights.h5"
    stored = _arrays(number, backend)
    # Keras 1.0 and 1.1 stated no version in a file of weights.
    stated = {"version": version, "backend": backend} if number >= (1, 2) or form == "h5" else {}
    return write_h5(folder / "m.h5", config if form == "h5" else None, stored, **stated)


def _arrays(number, backend):
    """Weights by layer, under the names and with the kernel of a version."""
    kernel = KERNEL[::-1, ::-1] if backend == "theano" else KERNEL
    end = ":0" if backend == "tensorflow" else ""
    if number < (2,):
        names = ("conv_W", "conv_b"), ("full_W", "full_b")
    else:
        names = ("conv/kernel", "conv/bias"), ("full/kernel", "full/bias")
    pairs = (kernel, BIAS), (MATRIX, np.zeros(2, "float32"))
    return {
        layer: [(name + end, array) for name, array in zip(own, arrays, strict=True)]
        for layer, own, arrays in zip(("conv", "full"), names, pairs, strict=True)
    } | {"row": []}


def _config(number):
    """The configuration of a Sequential in the words of a version."""
    shape = [None, 3, 4, 1]
    if number < (2,):
        conv = {"nb_filter": 2, "nb_row": 2, "nb_col": 2, "dim_ordering": "tf"}
        conv |= {"border_mode": "valid", "subsample": [1, 1], "batch_input_shape": shape}
        kinds = ("Convolution2D", conv), ("Flatten", {}), ("Dense", {"output_dim": 2})
    else:
        conv = {"filters": 2, "kernel_size": [2, 2]}
        first = {} if number >= (3,) else {"batch_input_shape": shape}
        kinds = ("Conv2D", conv | first), ("Flatten", {}), ("Dense", {"units": 2})
    records = [
        {"class_name": kind, "config": {"name": name, **config}}
        for name, (kind, config) in zip(("conv", "row", "full"), kinds, strict=True)
    ]
    if number >= (3,):
        start = {"name": "start", "batch_shape": shape, "dtype": "float32"}
        records.insert(0, {"class_name": "InputLayer", "config": start})
        records = [{**r, "module": "keras.layers", "registered_name": None} for r in records]
        stored = {"name": "net", "layers": records}
        return {"class_name": "Sequential", "module": "keras", "config": stored}
    if number < (2, 2, 3):  # a bare list
        return {"class_name": "Sequential", "config": records}
    return {"class_name": "Sequential", "config": {"name": "net", "layers": records}}
