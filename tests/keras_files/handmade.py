"""Writes model files byte by byte as old versions of Keras wrote them, without any Keras."""

import io
import json
import os
import zipfile
from pathlib import Path

import h5py
import numpy as np

ZEROS = {"class_name": "Zeros", "config": {}}


def write_h5(path, config, weights, version=None, backend=None, numbered=False):
    """Writes an HDF5 model; `weights` maps layer name to (weight name, array) pairs.

    Without `config` it is a weights file, with the layers at the root.
    """
    with h5py.File(path, "w") as stream:
        group = stream
        if config is not None:
            stream.attrs["model_config"] = json.dumps(config).encode()
            group = stream.create_group("model_weights")
        for key, value in (("keras_version", version), ("backend", backend)):
            if value is not None:
                stream.attrs[key] = value.encode()
        if numbered:
            _write_numbered(group, weights)
        else:
            _write_named(group, weights)
    return path


def _write_named(group, weights):
    group.attrs["layer_names"] = [name.encode() for name in weights]
    for name, arrays in weights.items():
        member = group.create_group(name)
        member.attrs["weight_names"] = [weight.encode() for weight, _ in arrays]
        for weight, array in arrays:
            member[weight] = array


def _write_numbered(group, weights):
    group.attrs["nb_layers"] = len(weights)
    for index, arrays in enumerate(weights.values()):
        member = group.create_group(f"layer_{index}")
        member.attrs["nb_params"] = len(arrays)
        for k, (_, array) in enumerate(arrays):
            member[f"param_{k}"] = array


def write_zip(path, config, variables, version, separator="/", folder=""):
    """Writes a .keras zip; `variables` maps paths such as layers/dense/vars/0 to arrays."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as stream:
        for name, array in variables.items():
            stream[name.replace("/", separator)] = array
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{folder}metadata.json", json.dumps({"keras_version": version}))
        archive.writestr(f"{folder}config.json", json.dumps(config))
        archive.writestr(f"{folder}model.weights.h5", buffer.getvalue())
    return path


def dense(name, units=2, **config):
    """A Dense layer as Keras 2 wrote it."""
    return {"class_name": "Dense", "config": {"name": name, "units": units, **config}}


def sequential(*layers):
    return {"class_name": "Sequential", "config": {"name": "net", "layers": list(layers)}}


def functional(layers, inputs, outputs, name="net"):
    """A functional model; `layers` holds (record, calls) pairs."""
    records = [
        {**record, "name": record["config"]["name"], "inbound_nodes": calls}
        for record, calls in layers
    ]
    config = {"name": name, "layers": records, "input_layers": inputs, "output_layers": outputs}
    return {"class_name": "Functional", "config": config}


def input_layer(name, shape):
    config = {"name": name, "batch_input_shape": [None, *shape], "dtype": "float32"}
    return {"class_name": "InputLayer", "config": config}


def values(*shape, seed=0):
    """Random numbers of both signs."""
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def predict(loaded, x):
    return np.asarray(loaded.model(x, training=False))


def folder(name):
    """A folder of real files beside the data folder, or None."""
    default = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    found = Path(os.environ.get("SPKERAS_DATA", default)).parent / name
    return found if found.is_dir() else None
