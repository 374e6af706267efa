"""Run a converted network over samples, step by step, and keep what was seen.

Memory depends on the batch size alone: of each step only sums over the batch are kept.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from spkeras.errors import DataError
from spkeras.ops.compiled import compiled
from spkeras.snn.network import as_list
from spkeras.snn.spike_loop import SpikeLoop, loop_of
from spkeras.trace import Trace

# (rows of the samples, index into Trace.steps, outputs of the network at that step)
Observer = Callable[[slice, int, list[np.ndarray]], None]


class Simulation:
    """A network's step, compiled once, with settings that replace those of its spike loop.

    Args:
        loop: The spike loop of a converted model; its settings count when a run starts.
    """

    def __init__(self, loop: SpikeLoop) -> None:
        self.loop, self.network = loop, loop.network
        self.neurons = [node.name for node in self.network.neurons]
        variables = list(loop.variables)
        self._scale = compiled(loop.units, variables)
        self._drive = compiled(loop.drive, variables)
        self._step = compiled(self._one_step, variables)
        self._window = compiled(self._whole_window, variables)
        self._analogue = compiled(self._real_values, variables)
        self._twin = self.network.rates("analogue")

    def steps(self) -> np.ndarray:
        """The numbers of steps at which a run is looked at.

        Every step when clock-driven. A layer-synchronous network gives no answer before its
        window is over: each number stands for a window of its own, all up to 16, then about
        eight per doubling.
        """
        last = self.loop.timesteps
        if self.loop.schedule == "clock_driven":
            return np.arange(1, last + 1)
        grid = np.unique(np.round(2 ** np.arange(0, np.log2(last) + 1e-9, 1 / 8)).astype(int))
        return np.unique([*range(1, min(last, 16) + 1), *grid, last])

    def run(
        self,
        samples: Sequence[np.ndarray],
        batch_size: int,
        observe: Observer,
        progress: Callable[[int], None] = lambda done: None,
    ) -> Trace:
        """Run over all samples.

        Args:
            samples: One array per input of the network.
            batch_size: Largest number of samples at once.
            observe: Told the outputs at each of `steps()` for each batch.
            progress: Told the share of the work done so far, in sample steps.
        """
        steps, count = self.steps(), len(samples[0])
        record = _Recorder(self, steps)
        for rows in equal_slices(count, batch_size):
            batch = [array[rows] for array in samples]
            for index, outputs in enumerate(self._answers(batch, steps, record)):
                observe(rows, index, outputs)
                progress(rows.start * len(steps) + (index + 1) * (rows.stop - rows.start))
        return record.trace(count)

    def analogue(self, batch: list[np.ndarray]) -> list[np.ndarray]:
        """What the CNN itself answers: the same weights, real values in place of spikes."""
        return [ops.convert_to_numpy(output) for output in self._analogue(batch)]

    def _real_values(self, batch: Any) -> Any:
        frontier = self.loop.drive_of(self.loop.units(batch))
        answer = as_list(self._twin(list(frontier)))
        return self.network.decode(answer[: len(self.network.readouts)])

    def _answers(
        self, batch: list[np.ndarray], steps: np.ndarray, record: "_Recorder"
    ) -> Iterator[list[np.ndarray]]:
        scaled = self._scale([np.asarray(x, "float32") for x in batch])
        record.inputs(scaled)
        if self.loop.schedule == "clock_driven":
            yield from self._clock_driven(scaled, record)
        else:
            yield from self._layer_synchronous(scaled, steps, record)

    def _clock_driven(self, scaled: list[Any], record: "_Recorder") -> Iterator[list[np.ndarray]]:
        constant = self.loop.coding == "constant"
        size = len(scaled[0])
        states = self.network.initial_states(size)
        sums = [ops.zeros((size, *node.shape)) for node in self.network.readouts]
        frontier = self._drive(scaled, np.float32(0)) if constant else None
        for index in range(self.loop.timesteps):
            time = np.float32(index)
            now = frontier if constant else self._drive(scaled, time)
            outputs, sums, states, spikes = self._step(now, sums, states, time)
            record.spikes(index, spikes)
            yield [ops.convert_to_numpy(output) for output in outputs]

    def _one_step(self, frontier: Any, sums: Any, states: Any, time: Any) -> Any:
        outputs, sums, states, spikes = advance(self.loop, frontier, sums, states, time)
        return outputs, sums, states, [ops.sum(ops.abs(spike), axis=0) for spike in spikes]

    def _layer_synchronous(
        self, scaled: list[Any], steps: np.ndarray, record: "_Recorder"
    ) -> Iterator[list[np.ndarray]]:
        for index, window in enumerate(steps):
            outputs, spikes = self._window(scaled, np.float32(window))
            record.window(index, spikes)
            yield [ops.convert_to_numpy(output) for output in outputs]

    def _whole_window(self, scaled: Any, window: Any) -> Any:
        answer = self.loop.counts(scaled, window)
        outputs = self.network.decode(answer[: len(self.network.readouts)])
        rates = answer[len(self.network.readouts) :]
        spikes = [ops.sum(ops.abs(ops.round(rate * window)), axis=0) for rate in rates]
        return outputs, spikes


class Stream:
    """One time step at a time, with the state in the caller's hands.

    Args:
        snn: A converted model; its coding, stagger and seed count, its T does not.

    Attributes:
        time: Steps taken since the last reset.
        spikes: Spikes of the last step by layer of neurons, (batch, ...).

    Example:
        stream = spkeras.Stream(snn)
        for frame in frames:              # each (batch, height, width, channels)
            logits = stream.step(frame)   # mean since the reset
    """

    def __init__(self, snn: keras.Model) -> None:
        self.loop = loop_of(snn)
        self._step = compiled(self._advance, list(self.loop.variables))
        self.reset()

    def reset(self) -> None:
        """Forget all potentials and sums."""
        self.time = 0
        self.spikes: dict[str, np.ndarray] = {}
        self._state: tuple[list[Any], list[Any]] | None = None

    def step(self, *inputs: Any) -> Any:
        """Take one step with these inputs and return the outputs so far.

        Args:
            inputs: One array (batch, ...) per input, in the CNN's units. They may change from
                step to step; the batch size may not until the next reset.

        Raises:
            DataError: another number of inputs or another batch size than in the last step.
        """
        network = self.loop.network
        wanted = len(network.graph.of("input"))
        if len(inputs) != wanted:
            raise DataError(f"step: received {len(inputs)} inputs, the network has {wanted}")
        size = len(inputs[0])
        if self._state is None:
            sums = [ops.zeros((size, *node.shape)) for node in network.readouts]
            self._state = sums, network.initial_states(size)
        known = len(self._state[0][0])
        if size != known:
            raise DataError(f"step: received {size} samples, {known} are running; reset() first")
        values = [np.asarray(array, "float32") for array in inputs]
        outputs, sums, states, spikes = self._step(values, *self._state, np.float32(self.time))
        self._state, self.time = (sums, states), self.time + 1
        names = [node.name for node in network.neurons]
        self.spikes = {n: ops.convert_to_numpy(s) for n, s in zip(names, spikes, strict=True)}
        found = [ops.convert_to_numpy(output) for output in outputs]
        return found if len(found) > 1 else found[0]

    def _advance(self, inputs: Any, sums: Any, states: Any, time: Any) -> Any:
        frontier = self.loop.drive(self.loop.units(inputs), time)
        return advance(self.loop, frontier, sums, states, time)


def advance(loop: SpikeLoop, frontier: Any, sums: Any, states: Any, time: Any) -> Any:
    """One step: (outputs so far, read-outs' sums, states, spikes of each layer)."""
    answer = as_list(loop.network.step([*frontier, *states, loop.clock(time)]))
    values, rest = answer[: len(sums)], answer[len(sums) :]
    sums = list(loop.add(sums, values, time))
    outputs = loop.network.decode(loop.means(sums, time + 1))
    return outputs, sums, rest[: len(states)], rest[len(states) :]


class _Recorder:
    """Sums over samples, growing batch by batch."""

    def __init__(self, simulation: Simulation, steps: np.ndarray) -> None:
        self.simulation, self.steps_ = simulation, steps
        shapes = {node.name: node.shape for node in simulation.network.neurons}
        self.totals = {name: np.zeros(shape) for name, shape in shapes.items()}
        self.layers = {name: np.zeros(len(steps)) for name in shapes}
        self.beyond, self.exceeded, self.elements = 0.0, 0, 0

    def inputs(self, scaled: list[Any]) -> None:
        for value in scaled:
            magnitude = np.abs(ops.convert_to_numpy(value))
            self.beyond = max(self.beyond, float(magnitude.max(initial=0)))
            self.exceeded += int((magnitude > 1 + 1e-6).sum())
            self.elements += magnitude.size

    def spikes(self, index: int, spikes: list[Any]) -> None:
        for name, value in zip(self.totals, spikes, strict=True):
            counted = ops.convert_to_numpy(value)
            self.totals[name] += counted
            self.layers[name][index] += counted.sum()

    def window(self, index: int, spikes: list[Any]) -> None:
        for name, value in zip(self.totals, spikes, strict=True):
            counted = ops.convert_to_numpy(value)
            self.layers[name][index] += counted.sum()
            if index == len(self.steps_) - 1:
                self.totals[name] += counted

    def trace(self, samples: int) -> Trace:
        loop = self.simulation.loop
        running = loop.schedule == "clock_driven"
        layers = {
            name: (sums.cumsum() if running else sums) / max(samples, 1)
            for name, sums in self.layers.items()
        }
        return Trace(
            loop.schedule, loop.timesteps, self.steps_, samples, self.totals, layers, {},
            self.exceeded / max(self.elements, 1), self.beyond,
        )  # fmt: skip


def equal_slices(count: int, largest: int) -> Iterator[slice]:
    """Cut `count` samples into parts of at most two sizes, none above `largest`.

    Compiled steps know their batch size: equal parts are compiled once.
    """
    parts = -(-count // largest)
    edges = np.linspace(0, count, parts + 1).round().astype(int)
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        yield slice(int(start), int(stop))
