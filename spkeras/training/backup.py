"""Checkpoints of a training: one file after each epoch, whole or not there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from spkeras.errors import OptionError, shown
from spkeras.files.archives import DAMAGE
from spkeras.files.arrays import Arrays, write_arrays
from spkeras.files.drafts import draft_of
from spkeras.graph.finite import check_arrays

_NAME, _EPOCH = "checkpoint.npz", "epoch"
# Files of format 1 have neither of these two.
_VERSION, _DEPENDS = "format", "depends_on"
_FORMAT = 2
_NUMBERS = "biuf"
_ANEW = "start over (--start-over), or name another folder"


class Backup(keras.callbacks.Callback):
    """Keeps the weights, the optimizer and the number of epochs in a folder after each epoch.

    Args:
        folder: Of the file.
        depends_on: Hash of what the training depends on besides its variables.
    """

    def __init__(self, folder: Path, depends_on: str = "") -> None:
        super().__init__()
        self.path, self.depends_on = folder / _NAME, depends_on

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        arrays = {
            str(place): _plain(keras.ops.convert_to_numpy(variable))
            for place, variable in enumerate(_variables(self.model))
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with draft_of(self.path) as draft:
                write_arrays(draft, {**self._head(epoch + 1), **arrays})
        except OSError as error:
            raise OptionError(
                f"{self.path}: cannot be written ({error}); the checkpoint of the epoch before is "
                "kept; free space and repeat the command"
            ) from error

    def _head(self, done: int) -> dict[str, Any]:
        depends_on = np.str_(self.depends_on)
        return {_EPOCH: np.int64(done), _VERSION: np.int64(_FORMAT), _DEPENDS: depends_on}


def folder_at(path: str | Path) -> Path:
    """Return a folder for checkpoints, which is made where it is missing.

    Raises:
        OptionError: it cannot be made.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(f"{folder}: no folder for checkpoints ({error.strerror})") from error
    return folder


def restore(model: keras.Model, folder: Path, depends_on: str = "") -> int:
    """Set a compiled model to the last checkpoint.

    Args:
        model: The model; as it was where there is no checkpoint.
        folder: The folder of the checkpoint.
        depends_on: As for `Backup`.

    Returns:
        Number of epochs done; 0 without a checkpoint.

    Raises:
        OptionError: the checkpoint is damaged, of another training or of a newer version.
        WeightsError: it holds NaN or infinity, after a training that diverged.
    """
    path = folder / _NAME
    if not path.is_file():
        return 0
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    variables = _variables(model)
    try:
        with Arrays(path) as file:
            stored_for = _stored_for(file, path)
            stored = [file[str(place)] for place in range(len(variables))]
            done = _count(file[_EPOCH])
            whole = len(file) == len(stored) + (1 if stored_for is None else 3)
    except DAMAGE as error:
        raise OptionError(f"{path}: is damaged or of another model ({error}); {_ANEW}") from error
    pairs = list(zip(variables, stored, strict=True))
    if not whole or any(v.shape != a.shape or a.dtype.kind not in _NUMBERS for v, a in pairs):
        raise OptionError(f"{path}: is the checkpoint of another model; {_ANEW}")
    if stored_for not in (None, depends_on):
        raise OptionError(
            f"{path}: is the checkpoint of another training: other samples, labels, plan, network "
            f"or teacher; repeat that one, or {_ANEW}"
        )
    check_arrays(str(path), ((variable.path, array) for variable, array in pairs))
    for variable, array in pairs:
        variable.assign(array)
    return done


def _stored_for(file: Arrays, path: Path) -> str | None:
    """Return what a checkpoint depends on; None in format 1, which does not have it.

    Raises:
        OptionError: a newer version wrote it.
    """
    if _VERSION not in file:
        return None
    version = _count(file[_VERSION])
    if version > _FORMAT:
        raise OptionError(
            f"{path}: is a checkpoint of format {version}, which a newer version wrote; allowed in "
            f"this one: 1 to {_FORMAT}; update spkeras, or {_ANEW}"
        )
    return str(file[_DEPENDS])


def _count(array: np.ndarray) -> int:
    """Return the number from 1 that an array holds.

    Raises:
        ValueError: it holds something else.
    """
    if array.shape or array.dtype.kind not in "iu" or array < 1:
        raise ValueError(f"{shown(array)} where a number from 1 should be")
    return int(array)


def _plain(array: np.ndarray) -> np.ndarray:
    """Return numbers of a type that .npz files have: bfloat16 becomes float32."""
    return array if array.dtype.kind in _NUMBERS else array.astype("float32")


def _variables(model: keras.Model) -> list[Any]:
    """Return all variables of a training; metrics begin anew in each epoch."""
    kept = {id(variable) for variable in model.metrics_variables}
    own = [variable for variable in model.variables if id(variable) not in kept]
    return [*own, *model.optimizer.variables]
