"""Files of CNNs as Keras models, or one list of all their problems."""

import logging
from pathlib import Path
from typing import Unpack

import keras

from spkeras.errors import UnsupportedLayerError
from spkeras.frontend.verdict import all_problems
from spkeras.frontend.walk import walk
from spkeras.keras_files import LoadedModel, Reading, read_partly
from spkeras.keras_files.context import WARNING

# Code under which most layers convert.
_ANY_CODE = "delta"
logger = logging.getLogger("spkeras")


def load_model(path: str | Path, **reading: Unpack[Reading]) -> keras.Model:
    """Load a model saved by any Keras version and log the changes made.

    No code from the file is ever run, and nothing is compiled.

    Args:
        path: Model file (.keras, .h5, .hdf5; recognized by content), or a weights file.
        reading: `architecture=` for a weights file (a path, "FILE.py:FUNCTION" or a model),
            `input_shape=` for a model that leaves sizes open, `replace=` for layers that are
            code, `custom_objects=` for classes of your own; `spkeras.keras_files.Reading` describes them.

    Returns:
        The model, not compiled.

    Raises:
        ModelFileError: the file cannot be read, or is not a whole model.
        UnsafeFileError: the file would read other files, or unpack to far more than its size.
        UnsupportedLayerError: layers that cannot be read; all problems of the file at once.
        WeightsError: weights that are NaN or infinite, each named.
    """
    loaded = read_model(path, **reading)
    logger.info("%s: written by %s", path, loaded.writer)
    for change in loaded.changes:
        level = logging.WARNING if change.startswith(WARNING) else logging.INFO
        logger.log(level, "%s: %s", path, change)
    return loaded.model


def read_model(
    path: str | Path, *, spike_code: str = _ANY_CODE, **reading: Unpack[Reading]
) -> LoadedModel:
    """Load a model saved by any Keras version and return the changes made.

    Args, and what is raised: see `load_model`, and
        spike_code: Code of the network to be made. If layers cannot be read, those that this
            code cannot compute are listed, too.

    Returns:
        Model, writer and changes.
    """
    loaded = read_partly(path, **reading)
    if loaded.problems:
        raise UnsupportedLayerError(problems_of(loaded, spike_code))
    return loaded


def problems_of(loaded: LoadedModel, spike_code: str) -> tuple[str, ...]:
    """Return all problems of a file once: those of reading it, and those of converting it.

    Args:
        loaded: The model, as far as it could be read.
        spike_code: Code of the spikes.
    """
    found = all_problems(walk(loaded.model), spike_code)
    return tuple(dict.fromkeys([*found, *loaded.problems]))
