"""Thresholds per channel, trained without gradients against the layer-synchronous network."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from spkeras.calibration.layer_rates import LayerRates
from spkeras.data import DataLike, Source, open_data
from spkeras.data.batches import check_range
from spkeras.data.layout import Layout
from spkeras.data.source import inputs
from spkeras.errors import OptionError
from spkeras.files.digests import Digest
from spkeras.graph import Graph, Node, structure
from spkeras.ops.bar import reported
from spkeras.ops.code import keeps_values
from spkeras.ops.progress import Progress
from spkeras.passes.changes import check_real, kept
from spkeras.recipes import ThresholdPlan
from spkeras.snn.model import loop_of, rebuilt
from spkeras.snn.spike_loop import SpikeLoop

# Setting of a graph: number of samples that its thresholds were trained on.
SEEN = "threshold_samples"
# Setting of a checkpoint: hash of the network, the plan and these samples.
DIGEST = "threshold_digest"


def train_thresholds(
    snn: keras.Model,
    data: DataLike | Source,
    plan: ThresholdPlan | Mapping[str, Any] | None = None,
    *,
    resume: keras.Model | None = None,
    checkpoint: Callable[[keras.Model], None] | None = None,
    on_batch: Callable[[np.ndarray], None] | None = None,
    progress: Progress | None = None,
    verbose: str | int = "auto",
    **options: Any,
) -> keras.Model:
    """Train thresholds so that each channel's mean rate equals that of the quantised CNN.

    In a clock-driven network spikes arrive unevenly, so that counts differ from the levels of
    the quantised CNN. After each batch, for each channel c of each layer,

        V_c <- V_c - rate V (mean exact rate - mean rate sent)

    with means over samples and positions, and V the threshold before training. The exact rates
    are those of the same network run layer by layer, which are the quantised CNN's activations
    (CQ+), or averaging spike generation (low latency): the two methods' rules are one. All
    layers fire with the old thresholds; new ones count from the next batch on.

    Args:
        snn: A clock-driven network of binary neurons under the rate code; not changed.
        data: Training samples without augmentation, in any form of docs/data.md; one pass, in
            their order.
        plan: A `ThresholdPlan`, or what its `get_config` returned; None for `options`.
        resume: The network of a checkpoint; samples that it was trained on are skipped.
        checkpoint: Called with the network after every `checkpoint_every` batches, to save it.
        on_batch: Called after each batch with the mean absolute rate error per channel of each
            layer.
        progress: Called with (samples done, samples in all).
        verbose: "auto" for a bar in a terminal or a notebook, and nothing in a file; 1 for a bar, 0
            for none. With `progress` no bar is shown.
        options: Options of the plan, if none is given: `rate`, `batch_size`.

    Returns:
        A network with one threshold per channel; its settings have the number of samples.

    Raises:
        OptionError: another schedule or code, an option out of its range, or a checkpoint of other
            samples, another network or another plan.
        DataError: samples that do not fit.

    Reference:
        Yan et al. 2023 (CQ+, threshold training); Yan et al. 2022, arXiv:2211.08410
        (channel-wise threshold training).
    """
    plan = ThresholdPlan.of(plan, **options)
    teacher = loop_of(snn)
    check_real(teacher.graph, "train_thresholds")
    _check(teacher)
    source = open_data(Layout.of(teacher.graph), data)
    check_range(teacher.graph, source.head(plan.batch_size).x)
    student = loop_of(_per_channel(teacher) if resume is None else resume)
    start = int(student.graph.settings.get(SEEN, 0)) if resume is not None else 0
    trainer = _Trainer(teacher, student, plan.rate)
    seen = _seen(teacher.graph, plan)
    done = batches = 0
    with reported(progress, verbose, "sample") as report:
        for batch in inputs(source, plan.batch_size):
            before, done = done, done + len(batch[0])
            seen.add(batch)
            if before < start:
                _check_resumed(student, done, seen)
                continue
            if source.streams:
                check_range(teacher.graph, batch)
            errors = trainer.update(batch)
            batches += 1
            if on_batch is not None:
                on_batch(errors)
            report(done, source.expected)
            if checkpoint is not None and batches % plan.checkpoint_every == 0:
                part = student.graph.with_settings(**{SEEN: done, DIGEST: seen.words()})
                checkpoint(rebuilt(student, kept(part, teacher.graph)))
    if done < start:
        raise _other(start)
    settings = {name: v for name, v in student.graph.settings.items() if name != DIGEST}
    trained = replace(student.graph, settings={**settings, SEEN: done})
    return rebuilt(student, kept(trained, teacher.graph))


def _seen(graph: Graph, plan: ThresholdPlan) -> Digest:
    """Return the hash of what training depends on, to which each batch is added."""
    settings = {"graph": structure(graph), "rate": plan.rate, "batch_size": plan.batch_size}
    return Digest(settings).add(array for node in graph.nodes for array in node.arrays.values())


def _check_resumed(student: SpikeLoop, done: int, seen: Digest) -> None:
    """Refuse a checkpoint that was trained on other samples, or by another plan.

    Raises:
        OptionError: it was, as the hash of the samples that it has seen tells.
    """
    settings = student.graph.settings
    start = settings[SEEN]
    if done > start or done == start and seen.words() != settings.get(DIGEST):
        raise _other(start)


def _other(samples: int) -> OptionError:
    return OptionError(
        f"the checkpoint was trained on {samples} samples that are not the first ones of these "
        "data, or of another network, rate or batch size; repeat its command, or start over "
        "(--start-over)"
    )


class _Trainer:
    """One network after the other's rates, batch by batch."""

    def __init__(self, teacher: SpikeLoop, student: SpikeLoop, rate: float) -> None:
        self.teacher, self.student = LayerRates(teacher), LayerRates(student)
        self.neurons = teacher.network.neurons
        self.layers = [student.network.layers[node.name] for node in self.neurons]
        graph = teacher.graph
        self.steps = [rate * graph[node.name].arrays["threshold"] for node in self.neurons]

    def update(self, batch: list[np.ndarray]) -> np.ndarray:
        """Change the student's thresholds; mean absolute error of each layer before that."""
        exact = self.teacher.rates("count", batch)[1]
        sent = self.student.sent(batch)
        errors = []
        for layer, step, wanted, found in zip(self.layers, self.steps, exact, sent, strict=True):
            axes = tuple(range(wanted.ndim - 1))
            missing = (wanted - found).mean(axes)
            threshold = keras.ops.convert_to_numpy(layer.threshold)
            # A threshold of zero would fire for ever.
            least = 0.1 * np.broadcast_to(step, missing.shape)
            layer.threshold.assign(np.maximum(threshold - step * missing, least))
            errors.append(np.abs(missing).mean())
        return np.array(errors)


def _check(loop: SpikeLoop) -> None:
    if loop.schedule != "clock_driven" or keeps_values(loop.spike_code):
        raise OptionError(
            f"schedule={loop.schedule!r}, spike_code={loop.spike_code!r}; "
            "allowed: 'clock_driven', 'rate': "
            "layer-synchronous counts equal the closed form without it"
        )


def _per_channel(loop: SpikeLoop) -> keras.Model:
    """The same network with a threshold for each channel."""
    graph = loop.graph

    def widened(node: Node) -> Node:
        threshold = node.arrays["threshold"]
        shape = np.broadcast_shapes(threshold.shape, node.shape[-1:])
        return node.with_arrays(threshold=np.broadcast_to(threshold, shape).copy())

    changed = {node.name: widened(node) for node in graph.of("neuron")}
    return rebuilt(loop, graph.updated(changed))
