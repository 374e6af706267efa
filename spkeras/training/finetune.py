"""Train a twin in stages: one call, with checkpoints, that goes on where it was stopped."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from spkeras.errors import OptionError
from spkeras.metrics.chance import MOST
from spkeras.ops.log_weights import LogFormat
from spkeras.training.augment import Augmentation, Batches, EnterEpoch
from spkeras.training.labelled import check_cnn, score_of
from spkeras.training.log_weights import logarithmic, policy_of, settled
from spkeras.training.prepare import finished
from spkeras.training.schedule import StageSchedule, TimestepSchedule, set_stage, set_timesteps
from spkeras.training.targets import labels_for, loss_of
from spkeras.training.teacher import Taught

OPTIMIZERS = ("adam", "sgd")
LOSSES = ("crossentropy", "mse")


@dataclass(frozen=True)
class Plan:
    """How a twin is trained.

    Attributes:
        clamp: Epochs with activations cut to their range.
        quantize: Epochs with the levels, too.
        relu: Epochs before both, for a CNN that has not been trained yet.
        then: T and epochs of a further T, or None.
        weights: Format of logarithmic weights that the network ends with, for `cat`: batch norm
            goes into the kernels and these into their codes. None for weights as they are.
        log: Epochs with the values of those codes; 0 rounds weights after training.
        log_rate: Peak learning rate of these epochs; None for a quarter of the other one.
        rate: Peak learning rate; it falls to zero as a cosine, after a tenth of the first
            epoch's length, in which it rises.
        optimizer: "adam" or "sgd" (Nesterov momentum 0.9, decoupled decay 5e-4 / rate).
        batch_size: Samples at once.
        augmentation: What is done to the samples.
        loss: "crossentropy", or "mse" against one-hot labels.
        distil: Share of each label that is what a teacher says of the sample, 0 to 1.
        seed: Of order, augmentation and dropout.
    """

    clamp: int = 1
    quantize: int = 3
    relu: int = 0
    then: tuple[int, int] | None = None
    weights: LogFormat | None = None
    log: int = 0
    log_rate: float | None = None
    rate: float = 5e-4
    optimizer: str = "adam"
    batch_size: int = 128
    augmentation: Augmentation = field(default_factory=Augmentation)
    loss: str = "crossentropy"
    distil: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        for option, values in (("optimizer", OPTIMIZERS), ("loss", LOSSES)):
            if getattr(self, option) not in values:
                raise OptionError(f"{option}={getattr(self, option)!r}; allowed: {values}")
        # Weights can be rounded without any epoch.
        enough = self.epochs or self.weights is not None
        if min(self.clamp, self.quantize, self.relu, self.log) < 0 or not enough:
            raise OptionError(
                f"relu={self.relu}, clamp={self.clamp}, quantize={self.quantize}; allowed: 0 or "
                "more epochs each, 1 or more in all"
            )
        if self.log and (self.weights is None or self.weights.rounding != "log"):
            raise OptionError(
                f"log={self.log!r} with weights={self.weights!r}; epochs with logarithmic weights "
                "need their format, rounded in the logarithmic domain"
            )
        if not 0 <= self.distil <= 1:
            raise OptionError(f"distil={self.distil!r}; allowed: from 0 to 1")
        if not 0 < self.rate < 10 or not 0 < self.final_rate < 10 or self.batch_size < 1:
            raise OptionError(
                f"rate={self.rate!r}, log_rate={self.log_rate!r}, batch_size={self.batch_size!r}; allowed: a rate above 0 and "
                "below 10, whole numbers from 1"
            )

    @property
    def final_rate(self) -> float:
        """Peak learning rate of the epochs with logarithmic weights."""
        return self.rate / 4 if self.log_rate is None else self.log_rate

    @property
    def epochs(self) -> int:
        """All epochs with weights as they are."""
        return self.relu + self.clamp + self.quantize + (self.then[1] if self.then else 0)

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Stages and time steps by epoch."""
        stages = {"relu": self.relu, "clamp": self.clamp, "quantize": self.quantize}
        if self.then:
            stages["quantize"] += self.then[1]
        found: list[keras.callbacks.Callback] = [StageSchedule(stages)]
        if self.then:
            found.append(TimestepSchedule({self.epochs - self.then[1]: self.then[0]}))
        return found


def finetune(
    twin: keras.Model,
    x: np.ndarray,
    y: np.ndarray,
    plan: Plan | None = None,
    *,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    teacher: keras.Model | None = None,
    backup: Path | None = None,
    insist: bool = False,
    callbacks: list[keras.callbacks.Callback] | None = None,
    progress: Callable[[int, int], None] | None = None,
    told: Callable[[int, dict[str, float]], None] | None = None,
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
        told: Told each epoch (from 0) and its figures.

    Returns:
        The network with its final activations (`finished`) and, where the plan has a format for
        them, logarithmic weights; and the figures of each epoch that was run now.

    Raises:
        OptionError: the model has no stages, or a plan that distils has no teacher.
        DataError: the teacher meets the labels no more often than chance.
    """
    plan = plan or Plan()
    if plan.distil and teacher is None:
        raise OptionError(f"distil={plan.distil!r} without a teacher; give teacher=the CNN")
    if teacher is not None and not insist and not plan.relu:
        rows = np.random.default_rng(plan.seed).permutation(len(x))[:MOST]
        check_cnn(teacher, score_of(teacher, np.asarray(y)[rows]), [x[rows]])
    keras.utils.set_random_seed(plan.seed)
    set_stage(twin, "quantize")
    batches = Batches(x, np.asarray(y), plan.batch_size, plan.augmentation, plan.seed)
    labels = labels_for(twin, np.asarray(y), plan.loss == "mse" or plan.distil > 0)
    batches.y = labels(batches.y)
    shown = batches if teacher is None or not plan.distil else Taught(batches, teacher, plan.distil)
    checked = None if validation is None else (validation[0], labels(np.asarray(validation[1])))
    fit = _Fit(plan, batches, shown, checked, progress, told)
    figures: dict[str, list[float]] = {}
    if plan.epochs:
        tools = [*plan.callbacks(), *(callbacks or [])]
        figures = fit.run(twin, plan.epochs, plan.rate, backup, tools)
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
    last = fit.run(coded, plan.log, plan.final_rate, own, [], plan.epochs)
    return settled(coded), {key: figures.get(key, []) + last[key] for key in last}


@dataclass(frozen=True, eq=False)
class _Fit:
    """What the phases of a training share.

    Attributes:
        plan: The plan.
        batches: Samples and labels.
        shown: What is trained on: these, or a teacher's view of them.
        checked: Validation samples and labels.
        progress, told: As for `finetune`.
    """

    plan: Plan
    batches: Batches
    shown: Any
    checked: Any
    progress: Any
    told: Any

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
        teller = _Teller(self.progress, self.told, length, plan.epochs + plan.log, before)
        tools = [EnterEpoch(self.batches, before), teller, *callbacks]
        if backup is not None:
            # First: it says in which epoch all others are.
            tools.insert(0, keras.callbacks.BackupAndRestore(str(backup), delete_checkpoint=False))
        history = model.fit(
            self.shown, epochs=epochs, validation_data=self.checked, verbose=0, callbacks=tools
        )
        return dict(history.history)


def _optimizer(plan: Plan, peak: float, steps: int, epoch: int) -> keras.optimizers.Optimizer:
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

    def __init__(self, progress: Any, told: Any, batches: int, epochs: int, first: int) -> None:
        super().__init__()
        self.progress, self.told, self.first = progress, told, first
        self.batches, self.total = batches, batches * epochs
        self.before = first * batches

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.before = (self.first + epoch) * self.batches

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.progress is not None:
            self.progress(self.before + batch + 1, self.total)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.told is not None:
            self.told(
                self.first + epoch, {key: float(value) for key, value in (logs or {}).items()}
            )
