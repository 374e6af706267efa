"""One time step at a time, with the state in the caller's hands."""

from typing import Any

import keras
import numpy as np
from keras import ops

from spkeras.errors import DataError
from spkeras.ops.compiled import compiled
from spkeras.snn.spike_loop import loop_of


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
        loop = self.loop
        frontier = loop.drive(loop.units(inputs), time)
        sums, states, spikes = loop.advance(frontier, sums, states, time)
        outputs = loop.network.decode(loop.means(sums, time + 1))
        return outputs, sums, states, spikes
