"""Well-known data sets by name."""

from importlib.resources import files

import numpy as np

from spkeras.data.samples import Data
from spkeras.errors import DataError
from spkeras.ops.sampling import chosen

# The split that the stored networks were trained with: a fixed order, its first rows to train.
_DIGITS_TRAIN = 1297


def read_digits(part: str, samples: int | None) -> Data:
    """Load the 8x8 digits of the package, in [0, 1].

    They are the test part of "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak,
    UCI Machine Learning Repository, 1998, doi:10.24432/C50P49, CC BY 4.0), with 17 levels of grey.
    """
    with (files("spkeras.data") / "digits.npz").open("rb") as file, np.load(file) as stored:
        x, y = stored["x"], stored["y"]
    order = np.random.default_rng(0).permutation(len(y))
    rows = order[:_DIGITS_TRAIN] if part == "train" else order[_DIGITS_TRAIN:]
    rows = rows[chosen(len(rows), samples)]
    return Data(((x[rows] / 16).astype("float32"),), y[rows].astype("int64"), "digits", part=part)


def read_keras_set(name: str, part: str, samples: int | None) -> Data:
    """Load a set of `keras.datasets`, which Keras downloads once and caches."""
    import keras

    try:
        train, test = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a plain Exception where a download fails
        raise DataError(
            f"{name}: Keras could not fetch this data set ({error}). Give an .npz with x_test "
            "and y_test, or load it once with a network connection: Keras caches it"
        ) from error
    x, y = train if part == "train" else test
    rows = chosen(len(x), samples)
    return Data((x[rows],), y[rows], name, part=part)
