"""Checkpoints of a training: one file after each epoch, whole or not there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from spkeras.errors import OptionError
from spkeras.files.archives import DAMAGE
from spkeras.files.arrays import Arrays
from spkeras.files.drafts import draft_of

_NAME, _EPOCH = "checkpoint.npz", "epoch"


class Backup(keras.callbacks.Callback):
    """Keeps the weights, the optimizer and the number of epochs in a folder after each epoch."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.path = folder / _NAME

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        arrays = {
            str(place): keras.ops.convert_to_numpy(variable)
            for place, variable in enumerate(_variables(self.model))
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with draft_of(self.path) as draft:
                np.savez(draft, allow_pickle=False, **{_EPOCH: np.int64(epoch + 1)}, **arrays)
        except OSError as error:
            raise OptionError(
                f"{self.path}: cannot be written ({error}); the checkpoint of the epoch before is "
                "kept; free space and repeat the command"
            ) from error


def restore(model: keras.Model, folder: Path) -> int:
    """Set a compiled model to the last checkpoint.

    Args:
        model: The model; as it was where there is no checkpoint.
        folder: The folder of the checkpoint.

    Returns:
        Number of epochs done; 0 without a checkpoint.

    Raises:
        OptionError: the checkpoint is damaged or of another model.
    """
    path = folder / _NAME
    if not path.is_file():
        return 0
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    variables = _variables(model)
    try:
        with Arrays(path) as file:
            stored = [file[str(place)] for place in range(len(variables))]
            done = int(file[_EPOCH])
            whole = len(file) == len(stored) + 1
    except DAMAGE as error:
        raise OptionError(
            f"{path}: is damaged or of another model ({error}); give --start-over"
        ) from error
    if not whole or any(v.shape != a.shape for v, a in zip(variables, stored, strict=True)):
        raise OptionError(f"{path}: is the checkpoint of another model; give --start-over")
    for variable, array in zip(variables, stored, strict=True):
        variable.assign(array)
    return done


def _variables(model: keras.Model) -> list[Any]:
    """Return all variables of a training; metrics begin anew in each epoch."""
    kept = {id(variable) for variable in model.metrics_variables}
    own = [variable for variable in model.variables if id(variable) not in kept]
    return [*own, *model.optimizer.variables]
