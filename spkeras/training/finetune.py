"""Train a twin in stages, with checkpoints from which a stopped training continues."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from spkeras.data import Batch, DataLike
from spkeras.errors import OptionError
from spkeras.files.digests import Digest
from spkeras.files.locks import locked
from spkeras.metrics.chance import MOST
from spkeras.ops.bar import shows
from spkeras.ops.progress import Progress
from spkeras.recipes import FinetunePlan
from spkeras.recipes.arguments import check_arguments
from spkeras.training.augment import Batches, EnterEpoch
from spkeras.training.backup import Backup, folder_at, restore
from spkeras.training.labelled import check_cnn, score_of, split
from spkeras.training.log_weights import finalized, folded_scales, logarithmic, policy_of
from spkeras.training.prepare import finished
from spkeras.training.rebuild import all_layers
from spkeras.training.schedule import (
    ChooseTimesteps,
    Reported,
    StageSchedule,
    TimestepSchedule,
    set_stage,
    set_timesteps,
)
from spkeras.training.targets import labels_for, loss_of
from spkeras.training.teacher import DistilledBatches
from spkeras.training.whole_weights import RoundedWeights, grids

# Samples whose largest value is the scale of the input.
_CALIBRATED = 1000


def finetune(
    twin: keras.Model,
    data: DataLike,
    plan: FinetunePlan | Mapping[str, Any] | None = None,
    *,
    teacher: keras.Model | None = None,
    backup: str | Path | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    progress: Progress | None = None,
    verbose: str | int = "auto",
    **options: Any,
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Train a twin by a plan.

    Args:
        twin: From `prepare`; it is trained in place.
        data: Training samples, as the CNN takes them, and their labels: a pair (x, y), or any
            other form of docs/data.md with labels; all are held in memory. Labels are whole
            numbers (also 0 and 1 for a single output), one-hot, or values of the output's shape
            with `loss="mse"`. Weights of (x, y, w) multiply the loss of each sample.
        plan: A `FinetunePlan`, or what its `get_config` returned. None: one epoch of clamp and
            three of quantise, changed by `options`.
        teacher: The CNN that was prepared, required if the plan distils. It is checked on the
            training samples, unless the plan begins with ReLU for a CNN to be trained.
        backup: Folder of a checkpoint, written after each epoch; training continues from it, bit
            for bit, where samples, labels, plan and layers are those of the run that was stopped.
        callbacks: Further Keras callbacks. Epochs are numbered through all phases of the plan.
        progress: Called with (batches done, batches in all).
        verbose: "auto" for Keras's bar of each epoch in a terminal or a notebook, and nothing in a
            file; 1 for the bar, 0 for none. With `progress` no bar is shown.
        options: Options of the plan, if none is given: `finetune(twin, data, clamp=2, rate=1e-3)`.

    Returns:
        The network with its final activations (`finished`), and with logarithmic weights if the
        plan has their format, or with those of whole numbers if it has their widths; and the history of each epoch of this run. With
        `choose_timesteps`, "candidate_accuracy" has the accuracy at each candidate, in rising
        order.

    Raises:
        OptionError: the model has no stages, a plan that distils has no teacher, or the checkpoint
            is damaged, of another training, or in use by another run.
        DataError: several inputs or outputs, no labels, or a teacher that is near chance.
    """
    check_arguments(twin=twin, progress=progress)
    plan = FinetunePlan.of(plan, **options)
    if plan.distil and teacher is None:
        raise OptionError(f"distil={plan.distil!r} without a teacher; give teacher=the CNN")
    samples, held = split(twin, data, plan.held_out)
    if teacher is not None and not plan.insist and not plan.relu:
        rows = np.random.default_rng(plan.seed).permutation(len(samples))[:MOST]
        some = samples.part(rows)
        check_cnn(teacher, score_of(teacher, np.asarray(some.targets)), some.x)
    keras.utils.set_random_seed(plan.seed)
    set_stage(twin, "quantize")
    folder = None if backup is None else folder_at(backup)
    fit = _fit(
        twin,
        samples,
        plan,
        teacher=teacher,
        held=held,
        progress=progress,
        bar=progress is None and shows(verbose),
        backup=folder,
        callbacks=tuple(callbacks),
    )
    with locked(folder):
        return _phases(fit, twin, _choice(plan, held))


def _phases(
    fit: "_Fit", twin: keras.Model, choice: list[ChooseTimesteps]
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Train a twin with its activations, then with weights in codes; see `finetune`."""
    plan, history = fit.plan, {}
    if plan.epochs:
        tools = [*_schedules(plan), *choice]
        history = fit.run(twin, plan.rate, range(plan.epochs), tools)
    set_stage(twin, "quantize")
    if plan.then and not choice:
        # Also if the checkpoint has all epochs.
        set_timesteps(twin, plan.then[0])
    if choice:
        history["candidate_accuracy"] = list(choice[0].accuracies.values())
    trained = finished(twin)
    if plan.integers is not None:
        return _rounded(fit, trained, history)
    if plan.weights is None:
        return trained, history
    if not plan.log:
        return logarithmic(trained, plan.weights, trainable=False), history
    coded = logarithmic(trained, plan.weights, policy=policy_of(twin))
    every = range(plan.epochs, plan.epochs + plan.log)
    last = fit.run(coded, plan.final_rate, every, part="log")
    return finalized(coded), {**history, **{k: history.get(k, []) + v for k, v in last.items()}}


def _rounded(
    fit: "_Fit", trained: keras.Model, history: dict[str, list[float]]
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Train a finished twin with the values of whole weights; see `finetune`."""
    plan, model = fit.plan, folded_scales(trained)
    assert plan.integers is not None
    rounding = RoundedWeights(grids(model, fit.batches.x[:_CALIBRATED], plan.integers))
    rounding.start()
    last, every = dict[str, list[float]](), range(plan.epochs, plan.epochs + plan.coded)
    if plan.coded:
        with rounding.alone(all_layers(model)):
            last = fit.run(model, plan.final_rate, every, [rounding], part="rounded")
    rounding.round()
    return model, {**history, **{key: history.get(key, []) + own for key, own in last.items()}}


def _choice(plan: FinetunePlan, held: Any) -> list[ChooseTimesteps]:
    """The callback that chooses T on the samples held out, if the plan has candidates."""
    if not plan.choose_timesteps:
        return []
    return [ChooseTimesteps(held[0], held[1], plan.choose_timesteps, plan.max_drop / 100)]


def _fit(twin: keras.Model, samples: Batch, plan: FinetunePlan, **others: Any) -> "_Fit":
    """Return what the phases of a training share."""
    teacher, held = others.pop("teacher"), others.pop("held")
    y = np.asarray(samples.targets)
    labels = labels_for(twin, y, plan.loss == "mse" or plan.distil > 0)
    batches = Batches(
        x=samples.x[0],
        y=labels(y),
        batch_size=plan.batch_size,
        augmentation=plan.augmentation,
        seed=plan.seed,
        weights=samples.weights,
    )
    shown = DistilledBatches(batches, teacher, plan.distil) if teacher and plan.distil else batches
    checked = None if held is None else (held[0], labels(held[1]))
    depends_on = ""
    if others["backup"] is not None:
        given = [batches.x, batches.y, *(() if samples.weights is None else (samples.weights,))]
        given += [] if checked is None else checked
        given += teacher.get_weights() if teacher and plan.distil else []
        layers = [_nameless(layer.get_config()) for layer in all_layers(twin)]
        depends_on = Digest([plan.get_config(), layers]).add(given).words()
    return _Fit(
        plan=plan, batches=batches, shown=shown, checked=checked, depends_on=depends_on, **others
    )


def _nameless(config: Any) -> Any:
    """Return a configuration without names of layers, which Keras counts on in one process."""
    if isinstance(config, Mapping):
        # That of a policy is all that it has.
        kept = [key for key in config if key != "name" or len(config) == 1]
        return {key: _nameless(config[key]) for key in kept}
    return [_nameless(part) for part in config] if isinstance(config, list | tuple) else config


def _schedules(plan: FinetunePlan) -> list[keras.callbacks.Callback]:
    """Return the callbacks that set stages and time steps by epoch."""
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
        shown: The training set: `batches`, or these with a teacher's outputs in the labels.
        checked: Validation samples and labels.
        depends_on: Hash of samples, labels, plan, layers and teacher, for checkpoints.
        backup, callbacks, progress: As for `finetune`.
        bar: Whether Keras shows its bar.
    """

    plan: FinetunePlan
    batches: Batches
    shown: Batches | DistilledBatches
    checked: tuple[np.ndarray, np.ndarray] | None
    depends_on: str
    backup: Path | None
    callbacks: tuple[keras.callbacks.Callback, ...]
    progress: Progress | None
    bar: bool

    def run(
        self,
        model: keras.Model,
        rate: float,
        epochs: range,
        tools: Sequence[keras.callbacks.Callback] = (),
        part: str = "",
    ) -> dict[str, list[float]]:
        """Train for some epochs; return the history of each.

        Args:
            model: Trained in place.
            rate: Peak learning rate.
            epochs: The epochs, counted through all phases.
            tools: Callbacks of this phase.
            part: Name of its folder in that of the checkpoints.
        """
        plan, length = self.plan, len(self.batches)
        optimizer = _optimizer(plan, rate, len(epochs) * length, length)
        model.compile(optimizer, loss_of(model, plan.loss, self.batches.y), metrics=["accuracy"])
        _seed_layers(model, plan.seed)
        tools = [EnterEpoch(self.batches), *tools, *self.callbacks]
        start = epochs.start
        if self.progress is not None:
            tools.append(Reported(self.progress, length, plan.epochs + plan.coded))
        if self.backup is not None:
            folder = self.backup / part
            start = max(start, restore(model, folder, self.depends_on))
            if start > epochs.stop:
                raise OptionError(
                    f"{folder}: has {start} epochs of {epochs.stop}; start over (--start-over), or "
                    "name another folder"
                )
            tools.append(Backup(folder, self.depends_on))
        history = model.fit(
            self.shown,
            initial_epoch=start,
            epochs=epochs.stop,
            # The batches have an order of their own, which a resumed run repeats.
            shuffle=False,
            validation_data=self.checked,
            verbose=int(self.bar),
            callbacks=tools,
        )
        return dict(history.history)


def _seed_layers(model: keras.Model, seed: int) -> None:
    """Set the generators of random layers (dropout, noise), which Keras seeds anew when it loads."""
    states = [v for v in model.variables if v.name == "seed_generator_state"]
    for place, state in enumerate(states):
        (drawn,) = np.random.default_rng((seed, place)).integers(0, 1 << 31, 1)
        state.assign(np.array([drawn, 0], state.dtype))


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
