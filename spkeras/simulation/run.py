"""Run a converted network over samples, step by step, and record its spikes.

Memory depends only on the batch size: each step keeps only sums over the batch.
"""

from collections.abc import Callable, Sequence

import numpy as np
from keras import ops

from spkeras.ops.compiled import compiled
from spkeras.ops.types import Tensor
from spkeras.simulation.devices import spread
from spkeras.simulation.engine import Events, choose
from spkeras.simulation.frames import changes, in_time, still
from spkeras.simulation.record import Counts, Recorder, observe
from spkeras.simulation.rows import Answers
from spkeras.snn.spike_loop import SpikeLoop
from spkeras.snn.steps import State, Steps, values_of

# (index into Trace.steps, outputs of the batch at that step, spikes of each sample in that step, or
# None for a layer-synchronous window); returns a mask of the samples that may stop, or None
OnStep = Callable[[int, list[np.ndarray], np.ndarray | None], np.ndarray | None]


class Simulator:
    """A network's compiled step, with settings that replace those of its spike loop.

    Args:
        loop: The spike loop of a converted model; its settings are read when a run starts.
        engine: "dense", "events" or "auto"; see `spkeras.simulation.engine`.

    Attributes:
        engine: The chosen engine: "dense", "events", or "closed form" for a layer-synchronous
            network.

    Raises:
        OptionError: unknown engine, or "events" for a network or a machine that cannot run it.
    """

    def __init__(self, loop: SpikeLoop, engine: str = "auto") -> None:
        self.loop, self.network = loop, loop.network
        self.engine = choose(loop, engine)
        self.neurons = [node.name for node in self.network.neurons]
        variables = list(loop.variables)
        self._scale = compiled(loop.units, variables)
        self._drive = compiled(loop.drive, variables)
        self._steps = Steps(loop, self._seen)
        self._window = compiled(self._whole_window, variables)
        self._decode = compiled(self.network.decode, variables)
        self._reference = loop.reference()
        self._real = compiled(self._real_values, [*variables, *self._reference.variables])
        self._events = Events(loop) if self.engine == "events" else None

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
                and send no more spikes. Only with events. None: never.
            first: Index of the batch's first sample in the data.
        """
        steps = evaluation_steps(self.loop)
        record = Recorder(
            network=self.network, loop=self.loop, steps=steps, samples=len(samples[0]), first=first
        )
        if in_time(self.loop.graph, samples):
            self._frame_by_frame(samples, record, on_step)
            return record.counts()
        scaled = self._scaled(samples, record)
        if self._events is not None:
            self._by_events(self._events, scaled, record, on_step=on_step, stopping=stopping)
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
            sent = record.step(index, seen)
            on_step(index, [ops.convert_to_numpy(output) for output in answers], sent)

    def _real_values(self, batch: Tensor) -> Tensor:
        steps = ops.convert_to_tensor(np.array([self.loop.timesteps], "float32"))
        return self._reference(self.loop.units(batch), steps)[0]

    def _by_events(
        self,
        events: Events,
        scaled: list[Tensor],
        record: Recorder,
        on_step: OnStep,
        stopping: int | None,
    ) -> None:
        rows = events.batch(self._drive(scaled, np.float32(0)), len(scaled[0]))
        # Indices of the samples still running, and the latest answers of all samples.
        present, answers = np.arange(record.samples), Answers(record.samples)
        last = self.loop.timesteps
        together = last if stopping is None else min(stopping - 1, last)
        for taken in rows.taken(last, together):
            record.events(taken)
            steps = taken.outputs.shape[1]
            sent = np.zeros((record.samples, steps), np.int64)
            sent[present] = taken.spikes.sum(axis=-1)
            # All samples, stopped or not: one batch size needs one compilation. Steps are the first
            # axis: the values of one step are contiguous.
            values = np.zeros((steps, record.samples, taken.outputs.shape[2]), np.float32)
            values[:, present] = taken.outputs.swapaxes(0, 1)
            means = events.readouts(values)
            done = None
            for step, outputs in enumerate(zip(*self._decoded(means, steps), strict=True)):
                shown = answers.after(present, [output[present] for output in outputs])
                done = on_step(taken.first + step, shown, sent[:, step])
            if taken.first >= together and done is not None and done[present].any():
                going = np.flatnonzero(~done[present])
                rows.keep(going)
                present = present[going]
        for index in range(answers.number, self.loop.timesteps):
            on_step(index, answers.last, np.zeros(record.samples, np.int64))
        record.neurons(rows.counted)

    def _decoded(self, means: list[np.ndarray], steps: int) -> list[np.ndarray]:
        outputs = self._decode([np.reshape(x, (-1, *x.shape[2:])) for x in means])
        values = [ops.convert_to_numpy(output) for output in outputs]
        return [value.reshape(steps, -1, *value.shape[1:]) for value in values]

    def _clock_driven(self, scaled: list[Tensor], record: Recorder, on_step: OnStep) -> None:
        steps = self._steps.over(scaled, record.analysed)
        outputs: list[np.ndarray] = []
        for index in range(self.loop.timesteps):
            sent = np.zeros(record.samples)
            if not record.settled:
                answers, seen = next(steps).read
                sent = record.step(index, seen)
                outputs = [ops.convert_to_numpy(output) for output in answers]
            on_step(index, outputs, sent)

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


def evaluation_steps(loop: SpikeLoop) -> np.ndarray:
    """Return the numbers of steps at which a run of a spike loop is evaluated.

    Clock-driven: every step. A layer-synchronous network has no answer before the end of its
    window, so each number is a window of that length: all up to 16, then about eight per
    doubling.
    """
    last = loop.timesteps
    if loop.schedule == "clock_driven":
        return np.arange(1, last + 1)
    grid = np.unique(np.round(2 ** np.arange(0, np.log2(last) + 1e-9, 1 / 8)).astype(int))
    return np.unique([*range(1, min(last, 16) + 1), *grid, last])
