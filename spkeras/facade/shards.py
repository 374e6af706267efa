"""An evaluation as independent batches, for one process or many.

`EvaluationPlan.shards` cuts the data into batches, `spkeras.facade.parts.run_shard` runs one of them,
and `EvaluationPlan.added` sums the results in the order of the batches. The result does not depend
on the process that ran a batch.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np

from spkeras.data import Batch, DataLike, Source, open_data
from spkeras.data.batches import check_range, equal_slices
from spkeras.data.layout import Layout
from spkeras.errors import DataError, OptionError
from spkeras.facade.networks import AnyNetwork, AnySimulator, engine_and_steps, scores_of
from spkeras.facade.parts import Part, Shard
from spkeras.facade.reference_names import OWN, name_of, warning_of
from spkeras.facade.warnings import beyond_range, other_steps, undefined
from spkeras.graph.finite import check_finite
from spkeras.metrics import Watch, activity, convergence
from spkeras.metrics.answers import joined
from spkeras.metrics.chance import MOST, check_decisions
from spkeras.metrics.early_exit import EarlyExit, check_exit
from spkeras.metrics.windows import window_activity
from spkeras.ops.progress import Progress
from spkeras.plain.network import PlainNetwork
from spkeras.report.objects import Evaluation
from spkeras.simulation.frames import check_frames, in_time, still
from spkeras.snn.timing import Timed

if TYPE_CHECKING:
    import keras

    from spkeras.facade.reference import NamedCnn


class EvaluationPlan:
    """One evaluation, checked before any work is done.

    Args:
        name: The network's name.
        loop: Its spike loop, with the settings of the run.
        x: Samples, also with targets; a stream is read batch by batch while it runs.
        y: Targets, or None.
        batch_size: Most samples at once.
        any_range: Accept samples far outside the calibrated range.
        engine: "dense", "events" or "auto".
        early_exit: A policy, its margin, or None.
        cnn: The converted CNN, or None.
        predictions: Keep the outputs of each sample.

    Attributes:
        engine: The engine that will run.
        reason: Why it was chosen, as a phrase.
        batches: Number of batches; None until `shards` has yielded the last one of a stream.
        work: Sample steps in all; 0 where a stream does not know its length.

    Raises:
        DataError, OptionError, WeightsError: see `spkeras.evaluate`.
    """

    def __init__(
        self,
        name: str,
        loop: AnyNetwork,
        x: DataLike | Source,
        y: object = None,
        *,
        batch_size: int = 100,
        any_range: bool = False,
        engine: str = "auto",
        early_exit: EarlyExit | float | None = None,
        cnn: "keras.Model | None" = None,
        predictions: bool = False,
    ) -> None:
        self.predictions = predictions
        self.name, self.graph = name, loop.graph
        check_finite(self.graph, name)
        if batch_size < 1:
            raise OptionError(f"batch_size={batch_size!r}; allowed: whole numbers from 1")
        layout = Layout.of(self.graph, labels=True, frames=loop.timesteps or 1)
        self.source = open_data(layout, x, y, part="test")
        self.batch_size, self.any_range, self.loop = batch_size, any_range, loop
        self.batches: int | None = None
        first = self.source.head(MOST)
        self.frames = in_time(self.graph, first.x)
        self.weighted = first.weights is not None
        self.head = self._checked(first)
        taken = "dense" if self.frames else engine
        (self.engine, self.reason), self.steps = engine_and_steps(loop, taken)
        if self.frames:
            check_frames(loop, engine)
        self.scores = scores_of(loop, self.graph, self.head.targets, steps=len(self.steps))
        self.watch = None if early_exit is None else self._watch(loop, early_exit)
        self.cnn = None if cnn is None else self._named(cnn)

    @property
    def work(self) -> int:
        """Sample steps in all."""
        return self.source.expected * len(self.steps)

    def _checked(self, batch: Batch) -> Batch:
        """Return the samples; refuse those outside the calibrated range."""
        if in_time(self.graph, batch.x) != self.frames:
            raise DataError("data: some batches are frames in time, others are not")
        if (batch.weights is None) == self.weighted:
            raise DataError("data: received weights in some batches; allowed: in all, or in none")
        if not self.any_range:
            check_range(self.graph, still(self.loop, batch.x))
        return batch

    def _named(self, cnn: "keras.Model") -> "NamedCnn":
        from spkeras.facade.reference import NamedCnn

        assert not isinstance(self.loop, PlainNetwork)  # which is evaluated without Keras
        return NamedCnn(cnn, self.loop, still(self.loop, self.head.x))

    def _watch(self, loop: AnyNetwork, early_exit: EarlyExit | float) -> Watch:
        if self.weighted:
            raise OptionError(
                "early_exit with weights of samples; allowed: one of them, an exit counts each sample "
                "once"
            )
        policy = early_exit if isinstance(early_exit, EarlyExit) else EarlyExit(early_exit)
        if loop.schedule != "clock_driven" or loop.windows:
            raise OptionError(
                f"early_exit with schedule={loop.schedule!r}; allowed: 'clock_driven', the other "
                "has no answer before its windows are over"
            )
        if policy.stop and self.engine not in ("events", "integers"):
            raise OptionError(
                f"early_exit with stop=True and the {self.engine} engine; allowed: events, which "
                "run each sample by itself: leave stop out, and see what the exit would save"
            )
        check_exit(self.scores[0], len(self.scores))
        (readout,) = self.graph.of("readout")
        running: Timed = cast(Timed, loop)
        return Watch(policy, self.scores[0], running.timesteps, running.start(readout))

    def check_labels(self, simulation: AnySimulator) -> None:
        """Refuse labels that the CNN predicts no more often than chance, on up to 500 samples.

        Nothing is checked where the file does not hold the CNN's weights.

        Raises:
            DataError: names the share it predicts, the likely cause and what to do.
        """
        if name_of(self.graph, self.cnn is not None) == OWN:
            return

        def answers(batch: Sequence[np.ndarray]) -> np.ndarray:
            answer = simulation.reference if self.cnn is None else self.cnn
            return answer(list(batch))[0]

        stills = still(self.loop, self.head.x)
        first = next(equal_slices(len(self.head), self.batch_size))
        check_decisions(self.scores[0], stills, answers, first.stop)

    def shards(self) -> Iterator[Shard]:
        """Yield the batches in order."""
        first, number = 0, 0
        for batch, last in _with_last(self.source.batches(self.batch_size)):
            if self.source.streams:
                self._checked(batch)
            number += 1
            self.batches = number if last else None
            yield self._shard(batch, first)
            first += len(batch)

    def _shard(self, batch: Batch, first: int) -> Shard:
        labels = batch.y or []
        targets = [*labels, *[None] * (len(self.scores) - len(labels))]
        pairs = zip(self.scores, targets, strict=True)
        scores = tuple(score.given(target, batch.weights) for score, target in pairs)
        answers = None if self.cnn is None else self.cnn(still(self.loop, batch.x))
        return Shard(
            samples=batch.x,
            scores=scores,
            watch=None if self.watch is None else self.watch.part(scores[0]),
            reference=answers,
            first=first,
            keeps=self.predictions,
        )

    def added(self, parts: Iterable[Part], progress: Progress) -> Part:
        """Return the sum of the parts of all batches.

        Args:
            parts: One per batch, in order.
            progress: Receives (sample steps done, sample steps in all) after each.
        """
        total: Part | None = None
        for part in parts:
            total = part if total is None else total + part
            progress(total.counts.samples * len(self.steps), self.work)
        if total is None:
            raise DataError("data: no batch has run; give at least one sample")
        return total

    def result(self, loop: AnyNetwork, total: Part, seconds: float) -> Evaluation:
        """Return the evaluation.

        Args:
            loop: The spike loop, with the settings of the run.
            total: The sum over all batches, in order.
            seconds: Wall-clock time of all batches.
        """
        trace = total.counts.trace(loop, self.steps)
        encoding = "frames" if self.frames else trace.input_encoding
        trace = replace(trace, input_encoding=encoding)
        for score, sums in zip(self.scores, total.scores, strict=True):
            score.sums, score.weighted = sums, self.weighted
            if not sums.samples:
                raise DataError("data: the weights of all samples are 0; give some above 0")
        course = None
        if self.watch is not None and total.exits is not None:
            course = self.watch.course(total.exits)
        scores = tuple(score.result() for score in self.scores)
        counted = (window_activity if loop.windows else activity)(self.graph, trace)
        named = self.cnn is not None
        return Evaluation(
            model=self.name,
            schedule=loop.schedule,
            timesteps=loop.timesteps,
            latency=loop.latency,
            settings={
                **self.graph.settings,
                **loop.settings,
                **({"input_encoding": encoding} if self.frames else {}),
            },
            samples=trace.samples,
            steps=self.steps,
            scores=scores,
            activity=counted,
            layer_spikes={n.name: trace.layer_spikes[n.name] for n in counted.layers},
            warnings=(
                *filter(None, [warning_of(self.graph, named)]),
                *other_steps(self.graph, loop),
                *beyond_range(trace.inputs_beyond, trace.range_exceeded),
                *undefined(scores),
            ),
            seconds=seconds,
            depth=loop.depth,
            windows=loop.windows,
            convergence=convergence(trace),
            engine=self.engine,
            engine_reason=self.reason,
            early_exit=course,
            reference=name_of(self.graph, named),
            answers=tuple(joined(parts) for parts in zip(*total.answers, strict=True)),
        )


def _with_last(batches: Iterator[Batch]) -> Iterator[tuple[Batch, bool]]:
    """Yield each batch, and whether it is the last one."""
    waiting = next(batches, None)
    while waiting is not None:
        following = next(batches, None)
        yield waiting, following is None
        waiting = following
