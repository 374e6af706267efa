"""Run a converted network over samples, step by step, and record its spikes.

Memory depends only on the batch size: each step keeps only sums over the batch.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from spkeras.ops.compiled import compiled, scans
from spkeras.ops.types import Tensor
from spkeras.simulation.by_events import OnStep, evaluation_steps, run_events
from spkeras.simulation.devices import spread
from spkeras.simulation.engine import Events, choose
from spkeras.simulation.frames import changes, in_time, still
from spkeras.simulation.observe import observe
from spkeras.simulation.record import Counts, Recorder
from spkeras.simulation.scanned import Scan
from spkeras.simulation.whole import WholeNumbers
from spkeras.snn.spike_loop import SpikeLoop
from spkeras.snn.steps import State, Steps, values_of


class Simulator:
    """A network's compiled step, with settings that replace those of its spike loop.

    Args:
        loop: The spike loop of a converted model; its settings are read when a run starts.
        engine: One of `ENGINES`; see `spkeras.simulation.engine`.

    Attributes:
        engine: The chosen engine: "dense", "events", "integers", or "closed form" for a layer-synchronous
            network.
        reason: Why it was chosen, as a phrase.

    Raises:
        OptionError: unknown engine, or "events" for a network or a machine that cannot run it.
    """

    def __init__(self, loop: SpikeLoop, engine: str = "auto") -> None:
        self.loop, self.network = loop, loop.network
        self.engine, self.reason = choose(loop, engine)
        self.neurons = [node.name for node in self.network.neurons]
        variables = list(loop.variables)
        self._scale = compiled(loop.units, variables)
        self._drive = compiled(loop.drive, variables)
        self._steps = Steps(loop, self._seen)
        self._window = compiled(self._whole_window, variables)
        self._decode = compiled(self.network.decode, variables)
        self._reference = loop.reference()
        self._real = compiled(self._real_values, [*variables, *self._reference.variables])
        self._events = _followed(loop, self.engine)
        self._scan = Scan(loop) if scans() and self.engine == "dense" else None

    def batch(
        self,
        samples: list[np.ndarray],
        on_step: OnStep,
        stopping: int | None = None,
        first: int = 0,
    ) -> Counts:
        """Run one batch.

        Args:
            samples: One array per input of the network; frames in time (samples, T, ...) are the
                inputs of the steps, one after the other.
            on_step: Callback that receives outputs and spikes at each of `evaluation_steps`.
            stopping: Number of steps from which on `on_step` may stop samples: they keep their answer
                and send no more spikes. Only with events and integers. None: never.
            first: Index of the batch's first sample in the data.
        """
        steps = evaluation_steps(self.loop)
        record = Recorder(self.loop, steps, len(samples[0]), first)
        if in_time(self.loop.graph, samples):
            self._frame_by_frame(samples, record, on_step)
            return record.counts()
        scaled = self._scaled(samples, record)
        if self._events is not None:
            self._by_events(self._events, scaled, record, on_step=on_step, stopping=stopping)
        elif self._scan is not None:
            self._scanned(self._scan, scaled, record, on_step)
        elif self.loop.schedule == "clock_driven":
            self._clock_driven(scaled, record, on_step)
        else:
            self._layer_synchronous(scaled, steps, record, on_step)
        return record.counts()

    def reference(self, batch: list[np.ndarray]) -> list[np.ndarray]:
        """Return the outputs of the converted network on real values instead of spikes."""
        values = self._real(spread(still(self.loop, batch)))
        return [ops.convert_to_numpy(output) for output in values]

    def _scaled(self, samples: Sequence[np.ndarray], record: Recorder) -> list[Tensor]:
        """Return the samples in units of their scale, and record their range."""
        scaled: list[Tensor] = self._scale(spread([np.asarray(x, "float32") for x in samples]))
        record.inputs([ops.convert_to_numpy(value) for value in scaled])
        return scaled

    def _frame_by_frame(self, samples: list[np.ndarray], record: Recorder, on_step: OnStep) -> None:
        frames = (
            self._scaled(changes(self.loop, samples, step), record)
            for step in range(self.loop.timesteps)
        )
        for index, step in enumerate(self._steps.following(frames, record.analysed)):
            answers, seen = step.read
            sent = record.step(index, *_numpy(seen))
            on_step(index, [ops.convert_to_numpy(output) for output in answers], sent)

    def _real_values(self, batch: Tensor) -> Tensor:
        steps = ops.convert_to_tensor(np.array([self.loop.timesteps], "float32"))
        return self._reference(self.loop.units(batch), steps)[0]

    def _by_events(
        self,
        events: Events | WholeNumbers,
        scaled: list[Tensor],
        record: Recorder,
        on_step: OnStep,
        stopping: int | None,
    ) -> None:
        # Whole numbers compute the currents themselves.
        whole = isinstance(events, WholeNumbers)
        values = scaled if whole else self._drive(scaled, np.float32(0))
        drive = [ops.convert_to_numpy(value) for value in values]
        run_events(events, drive, record, on_step=on_step, decode=self._decoded, stopping=stopping)

    def _decoded(self, means: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [ops.convert_to_numpy(output) for output in self._decode(list(means))]

    def _clock_driven(self, scaled: list[Tensor], record: Recorder, on_step: OnStep) -> None:
        steps = self._steps.over(scaled, record.analysed)
        outputs: list[np.ndarray] = []
        for index in range(self.loop.timesteps):
            sent = np.zeros(record.samples)
            if not record.settled:
                answers, seen = next(steps).read
                sent = record.step(index, *_numpy(seen))
                outputs = [ops.convert_to_numpy(output) for output in answers]
            on_step(index, outputs, sent)

    def _scanned(self, scan: Scan, scaled: list[Tensor], record: Recorder, on_step: OnStep) -> None:
        last: list[np.ndarray] = []
        done = 0
        for block in scan.blocks(scaled, record.analysed):
            sent = np.broadcast_to(
                block.spikes.sum(axis=2), (len(block.spikes), record.samples)
            ).T.astype("int64")
            record.events(block.taken, sent)
            for outputs in zip(*block.outputs, strict=True):
                last = list(outputs)
                on_step(done, last, sent[:, done - block.first])
                done += 1
        for index in range(done, self.loop.timesteps):
            on_step(index, last, np.zeros(record.samples))
        record.neurons(*scan.counted())

    def _seen(self, state: State, spikes: Sequence[Tensor], analysed: Tensor) -> Tensor:
        outputs = self.network.decode(values_of(self.loop, state.sums, state.time))
        return (outputs, observe(self.network.neurons, spikes, analysed)), analysed

    def _layer_synchronous(
        self, scaled: list[Tensor], steps: np.ndarray, record: Recorder, on_step: OnStep
    ) -> None:
        for index, window in enumerate(steps):
            outputs, spikes = self._window(scaled, np.float32(window))
            record.window(index, [ops.convert_to_numpy(value) for value in spikes])
            on_step(index, [ops.convert_to_numpy(output) for output in outputs], None)

    def _whole_window(self, scaled: Tensor, window: Tensor) -> Tensor:
        answer = self.loop.counts(scaled, window)
        outputs = self.network.decode(answer[: len(self.network.readouts)])
        rates = answer[len(self.network.readouts) :]
        spikes = [ops.sum(ops.abs(ops.round(rate * window)), axis=0) for rate in rates]
        return outputs, spikes


def _numpy(seen: tuple[Sequence[Any], Sequence[Any], Any]) -> tuple[Any, Any, Any]:
    """Return the counts of a step as NumPy arrays."""
    numbers, graded, active = seen
    listed = [[ops.convert_to_numpy(value) for value in values] for values in (numbers, graded)]
    return *listed, ops.convert_to_numpy(active)


def _followed(loop: SpikeLoop, engine: str) -> Events | WholeNumbers | None:
    """Return what follows the spikes of a network; None for engines that do not."""
    if engine == "integers":
        return WholeNumbers(loop)
    return Events(loop) if engine == "events" else None
