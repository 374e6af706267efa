"""Train a twin in stages: one call, with checkpoints, that goes on where it was stopped."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from spkeras.errors import OptionError
from spkeras.metrics.chance import MOST
from spkeras.recipes import FinetunePlan
from spkeras.training.augment import Batches, EnterEpoch
from spkeras.training.labelled import check_cnn, score_of
from spkeras.training.log_weights import finalized, logarithmic, policy_of
from spkeras.training.prepare import finished
from spkeras.training.schedule import StageSchedule, TimestepSchedule, set_stage, set_timesteps
from spkeras.training.targets import labels_for, loss_of
from spkeras.training.teacher import Taught


def finetune(
    twin: keras.Model,
    x: np.ndarray,
    y: np.ndarray,
    plan: FinetunePlan | None = None,
    *,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    teacher: keras.Model | None = None,
    backup: Path | None = None,
    insist: bool = False,
    callbacks: list[keras.callbacks.Callback] | None = None,
    progress: Callable[[int, int], None] | None = None,
    on_epoch: Callable[[int, dict[str, float]], None] | None = None,
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Train a twin by a plan.

    Args:
        twin: From `prepare`; it is trained in place.
        x: Training samples, as the CNN takes them.
        y: Their labels: whole numbers (also 0 and 1 for a single output), one-hot, or values of
            the output's shape with `loss="mse"`.
        plan: What to do; by default one epoch of clamp and three of quantise.
        validation: Samples and labels that are looked at after each epoch, and never trained on.
        teacher: The CNN that the twin was made of, where the plan distils. Given, it is checked
            on the training samples, unless the plan begins with ReLU for a CNN to be trained.
        backup: Folder for a checkpoint after each epoch; what lies there is gone on from.
        insist: Accept a teacher that is near chance on the training samples, too.
        callbacks: Further Keras callbacks, such as `ChooseTimesteps`.
        progress: Told (batches done, batches in all).
        on_epoch: Called after each epoch with its number (from 0) and its figures.

    Returns:
        The network with its final activations (`finished`) and, where the plan has a format for
        them, logarithmic weights; and the figures of each epoch that was run now.

    Raises:
        OptionError: the model has no stages, or a plan that distils has no teacher.
        DataError: the teacher meets the labels no more often than chance.
    """
    plan = plan or FinetunePlan()
    if plan.distil and teacher is None:
        raise OptionError(f"distil={plan.distil!r} without a teacher; give teacher=the CNN")
    if teacher is not None and not insist and not plan.relu:
        rows = np.random.default_rng(plan.seed).permutation(len(x))[:MOST]
        check_cnn(teacher, score_of(teacher, np.asarray(y)[rows]), [x[rows]])
    keras.utils.set_random_seed(plan.seed)
    set_stage(twin, "quantize")
    batches = Batches(
        x=x,
        y=np.asarray(y),
        batch_size=plan.batch_size,
        augmentation=plan.augmentation,
        seed=plan.seed,
    )
    labels = labels_for(twin, np.asarray(y), plan.loss == "mse" or plan.distil > 0)
    batches.y = labels(batches.y)
    shown = batches if teacher is None or not plan.distil else Taught(batches, teacher, plan.distil)
    checked = None if validation is None else (validation[0], labels(np.asarray(validation[1])))
    fit = _Fit(
        plan=plan,
        batches=batches,
        shown=shown,
        checked=checked,
        progress=progress,
        on_epoch=on_epoch,
    )
    figures: dict[str, list[float]] = {}
    if plan.epochs:
        tools = [*_schedules(plan), *(callbacks or [])]
        figures = fit.run(twin, plan.epochs, plan.rate, backup=backup, callbacks=tools)
    set_stage(twin, "quantize")
    if plan.then and not callbacks:
        # Also where all epochs had been run before.
        set_timesteps(twin, plan.then[0])
    trained = finished(twin)
    if plan.weights is None:
        return trained, figures
    if not plan.log:
        return logarithmic(trained, plan.weights, trainable=False), figures
    coded = logarithmic(trained, plan.weights, policy=policy_of(twin))
    own = None if backup is None else backup / "log"
    last = fit.run(coded, plan.log, plan.final_rate, backup=own, callbacks=[], before=plan.epochs)
    return finalized(coded), {key: figures.get(key, []) + last[key] for key in last}


def _schedules(plan: FinetunePlan) -> list[keras.callbacks.Callback]:
    """LayerRates and time steps by epoch."""
    stages = {"relu": plan.relu, "clamp": plan.clamp, "quantize": plan.quantize}
    if not plan.then:
        return [StageSchedule(stages)]
    steps, epochs = plan.then
    stages["quantize"] += epochs
    return [StageSchedule(stages), TimestepSchedule({plan.epochs - epochs: steps})]


@dataclass(frozen=True, eq=False)
class _Fit:
    """What the phases of a training share.

    Attributes:
        plan: The plan.
        batches: Samples and labels.
        shown: What is trained on: these, or a teacher's view of them.
        checked: Validation samples and labels.
        progress, on_epoch: As for `finetune`.
    """

    plan: FinetunePlan
    batches: Batches
    shown: Any
    checked: Any
    progress: Any
    on_epoch: Any

    def run(
        self,
        model: keras.Model,
        epochs: int,
        rate: float,
        backup: Path | None,
        callbacks: list[keras.callbacks.Callback],
        before: int = 0,
    ) -> dict[str, list[float]]:
        """Train some epochs, of which so many came before; the figures of each."""
        plan, length = self.plan, len(self.batches)
        optimizer = _optimizer(plan, rate, epochs * length, length)
        model.compile(optimizer, loss_of(model, plan.loss, self.batches.y), metrics=["accuracy"])
        teller = _Teller(
            progress=self.progress,
            on_epoch=self.on_epoch,
            batches=length,
            epochs=plan.epochs + plan.log,
            first=before,
        )
        tools = [EnterEpoch(self.batches, before), teller, *callbacks]
        if backup is not None:
            # First: it says in which epoch all others are.
            tools.insert(0, keras.callbacks.BackupAndRestore(str(backup), delete_checkpoint=False))
        history = model.fit(
            self.shown, epochs=epochs, validation_data=self.checked, verbose=0, callbacks=tools
        )
        return dict(history.history)


def _optimizer(
    plan: FinetunePlan, peak: float, steps: int, epoch: int
) -> keras.optimizers.Optimizer:
    warm = max(1, epoch // 10)
    rate = keras.optimizers.schedules.CosineDecay(
        peak / 10, max(1, steps - warm), warmup_target=peak, warmup_steps=warm
    )
    if plan.optimizer == "adam":
        return keras.optimizers.Adam(rate)
    decay = 5e-4 / peak
    chosen = keras.optimizers.SGD(rate, 0.9, nesterov=True, weight_decay=min(decay, 5e-3))
    chosen.exclude_from_weight_decay(var_names=["gamma", "beta", "bias", "scale"])
    return chosen


class _Teller(keras.callbacks.Callback):
    """Passes on how far training is."""

    def __init__(self, progress: Any, on_epoch: Any, batches: int, epochs: int, first: int) -> None:
        super().__init__()
        self.progress, self.on_epoch, self.first = progress, on_epoch, first
        self.batches, self.total = batches, batches * epochs
        self.before = first * batches

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.before = (self.first + epoch) * self.batches

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.progress is not None:
            self.progress(self.before + batch + 1, self.total)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.on_epoch is not None:
            self.on_epoch(
                self.first + epoch, {key: float(value) for key, value in (logs or {}).items()}
            )
