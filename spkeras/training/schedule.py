"""Stages and time steps during training, as Keras callbacks."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
from numpy.typing import ArrayLike

from spkeras.errors import OptionError
from spkeras.layers.staged import STAGES, Staged
from spkeras.ops.progress import Progress
from spkeras.training.rebuild import all_layers
from spkeras.training.targets import accuracy


def set_stage(model: keras.Model, stage: str) -> keras.Model:
    """Set the stage of all activations of a twin; the model is changed and returned.

    Args:
        model: From `prepare`.
        stage: "relu", "clamp" or "quantize".

    Raises:
        OptionError: unknown stage, or a model without stages.
    """
    layers = [layer for layer in all_layers(model) if isinstance(layer, Staged)]
    if not layers:
        raise OptionError(f"{model.name}: has no stages; prepare it first (spkeras.prepare)")
    for layer in layers:
        layer.set_stage(stage)
    return _uncompiled(model)


def set_timesteps(model: keras.Model, timesteps: int) -> keras.Model:
    """Set T of all activations and input encodings of a twin; ranges stay.

    One to three further epochs adapt the weights (Yan et al. 2023).

    Args:
        model: From `prepare` or `finished`.
        timesteps: T.

    Raises:
        OptionError: T is no whole number from 1, or the model has no activation with a variable
            T.
    """
    layers = [getattr(layer, "activation", layer) for layer in all_layers(model)]
    counting = [layer for layer in layers if hasattr(layer, "set_timesteps")]
    if not counting:
        raise OptionError(
            f"{model.name}: no activation has time steps; prepare it first (spkeras.prepare)"
        )
    for layer in counting:
        layer.set_timesteps(timesteps)
    return _uncompiled(model)


def timesteps_of(model: keras.Model) -> int | None:
    """Return T of a twin; None if no activation has one."""
    layers = [getattr(layer, "activation", layer) for layer in all_layers(model)]
    found = [layer.timesteps for layer in layers if hasattr(layer, "timesteps")]
    return max(found, default=None)


def _uncompiled(model: keras.Model) -> keras.Model:
    """Return the model without the functions compiled with former settings."""
    model.train_function = model.test_function = model.predict_function = None
    return model


class _Between(keras.callbacks.Callback):
    """Changes settings between two epochs of `fit`."""

    def _compiled_again(self) -> None:
        # `fit` uses this function at each batch, but makes it only once.
        self.model.make_train_function(force=True)


class StageSchedule(_Between):
    """Stages ReLU, clamp, clamp and quantise; each starts from the weights of the one before.

    Args:
        epochs: Number of epochs of each stage, by its name; stages without epochs are left out.
            The last stage stays.

    Raises:
        OptionError: unknown stage, or no epoch at all.

    Reference:
        Yan, Zhou, Wong 2021 (AAAI), workflow.
    """

    def __init__(self, epochs: Mapping[str, int]) -> None:
        super().__init__()
        unknown = set(epochs) - set(STAGES)
        if unknown or any(count < 0 for count in epochs.values()) or not sum(epochs.values()):
            raise OptionError(f"epochs={dict(epochs)!r}; allowed: 1 or more in all, of {STAGES}")
        self.order = [stage for stage in STAGES for _ in range(epochs.get(stage, 0))]
        self.stage: str | None = None

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Enter the stage of this epoch."""
        stage = self.order[min(epoch, len(self.order) - 1)]
        if stage != self.stage:
            self.stage = stage
            set_stage(self.model, stage)
            self._compiled_again()


class TimestepSchedule(_Between):
    """Sets another T from an epoch on.

    Args:
        changes: T by the first epoch (from 0) with this T.
    """

    def __init__(self, changes: Mapping[int, int]) -> None:
        super().__init__()
        self.changes = dict(changes)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Set the T of this epoch."""
        due = [start for start in self.changes if start <= epoch]
        wanted = self.changes[max(due)] if due else None
        if wanted is not None and wanted != timesteps_of(self.model):
            set_timesteps(self.model, wanted)
            self._compiled_again()


class ChooseTimesteps(keras.callbacks.Callback):
    """Chooses T at the end of training, on a small validation set.

    Args:
        x: Validation samples; the paper takes 200.
        y: Their labels, whole numbers or one-hot.
        candidates: T to choose from.
        max_drop: Accuracy that may be lost against the largest T, 0 to 1.

    Attributes:
        accuracies: Accuracy at each candidate, in rising order, after training.
        chosen: The smallest T within the drop, which is set in the model.

    Raises:
        OptionError: no candidate.
        DataError: targets that are values, at the begin of training.

    Reference:
        Yan, Zhou, Wong 2023: T by a validation set of 200 samples.
    """

    def __init__(
        self, x: np.ndarray, y: ArrayLike, candidates: Sequence[int], max_drop: float = 0.01
    ) -> None:
        super().__init__()
        if not candidates:
            raise OptionError("candidates=(); allowed: one T or more")
        if not 0 <= max_drop <= 1:
            raise OptionError(f"max_drop={max_drop!r}; allowed: from 0 to 1")
        self.x, self.y = x, np.asarray(y)
        self.candidates, self.max_drop = sorted(candidates), max_drop
        self.accuracies: dict[int, float] = {}
        self.chosen: int | None = None

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Refuse targets without an accuracy before training."""
        accuracy(self.model, self.x[:1], self.y[:1])

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        """Measure the accuracy at each candidate and choose one."""
        for steps in self.candidates:
            set_timesteps(self.model, steps)
            self.accuracies[steps] = accuracy(self.model, self.x, self.y)
        least = self.accuracies[self.candidates[-1]] - self.max_drop
        self.chosen = next(t for t in self.candidates if self.accuracies[t] >= least - 1e-9)
        set_timesteps(self.model, self.chosen)


class Reported(keras.callbacks.Callback):
    """Reports the batches done."""

    def __init__(self, progress: Progress, batches: int, epochs: int) -> None:
        super().__init__()
        self.progress, self.batches, self.total = progress, batches, batches * epochs
        self.before = 0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self.before = epoch * self.batches

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        self.progress(self.before + batch + 1, self.total)
