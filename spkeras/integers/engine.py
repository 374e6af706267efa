"""Simulation of a batch of samples in whole numbers, step by step."""

from collections.abc import Mapping, Sequence

import numpy as np

from spkeras.graph import Graph
from spkeras.integers.linear import Linear, linear
from spkeras.integers.neurons import Neurons, Potentials
from spkeras.ops.arrays import Float32Array, Int32Array, Int64Array


class IntegerProgram:
    """A network of whole numbers, ready to run.

    Args:
        graph: With integers.
        resting: Constant current of each neuron and read-out, by the node it reads.
        stagger: Start delay of each layer.
    """

    def __init__(self, graph: Graph, resting: Mapping[str, np.ndarray], stagger: float) -> None:
        assert graph.integers is not None
        form = graph.integers
        self.graph, self.form, self.stagger = graph, form, stagger
        self.body = [node for node in graph.nodes if node.name in graph.body]
        self.drive = [node for node in graph.nodes if node.name in graph.drive]
        self.readouts = graph.of("readout")
        reads = {name for node in (*self.body, *self.readouts) for name in node.inputs}
        self.frontier = [node.name for node in self.drive if node.name in reads]
        passed = [node for node in graph.nodes if node.operation.linear]
        self.linear: dict[str, Linear] = {
            node.name: linear(graph, node, form) for node in passed if node.name not in graph.head
        }
        self.neurons = {
            node.name: Neurons(graph, node, resting[node.inputs[0]], form)
            for node in graph.of("neuron")
        }
        self.resting = {
            node.name: np.rint(resting[node.inputs[0]]).astype(np.int32) for node in self.readouts
        }

    def start(self, name: str) -> int:
        """Return the step, from 0, at which a layer of neurons or a read-out starts."""
        return int(self.graph[name]["depth"] * self.stagger)

    def currents(self, scaled: Sequence[Float32Array]) -> dict[str, Int32Array]:
        """Return the constant currents of a batch, without biases, by node of the frontier.

        Args:
            scaled: Inputs in units of their scale.
        """
        most = (1 << self.form.input_bits) - 1
        # Wide: a sum of weights times levels may have more than 32 bits before it is divided.
        values: dict[str, Int64Array] = {}
        for node, x in zip(self.graph.of("input"), scaled, strict=True):
            level = np.floor(np.asarray(x, np.float32) * np.float32(most) + np.float32(0.5))
            values[node.name] = np.clip(level, -most, most).astype(np.int64)
        for node in self.drive:
            if node.op != "input":
                values[node.name] = self.linear[node.name]([values[name] for name in node.inputs])
        # Rounded to the nearest; the divisor is odd, so that there is no tie.
        return {
            name: ((2 * values[name] + most) // (2 * most)).astype(np.int32)
            for name in self.frontier
        }


class IntegerBatch:
    """The state of a batch of samples.

    Args:
        program: The network.
        currents: From `IntegerProgram.currents`.

    Attributes:
        counted: Spikes of either sign of each neuron so far, over all samples, by layer.
        received: Sum of each read-out, int64 (samples, *shape), by name.
    """

    def __init__(self, program: IntegerProgram, currents: Mapping[str, Int32Array]) -> None:
        self.program, self.currents = program, dict(currents)
        samples = len(next(iter(currents.values())))
        self.potentials = {
            name: Potentials(layer, samples) for name, layer in program.neurons.items()
        }
        self.counted: dict[str, Int64Array] = {
            name: np.zeros(layer.node.shape, np.int64) for name, layer in program.neurons.items()
        }
        self.received: dict[str, Int64Array] = {
            node.name: np.zeros((samples, *node.shape), np.int64) for node in program.readouts
        }

    def step(self, index: int) -> dict[str, Int32Array]:
        """Run one step; return the spikes of each layer, int32 (samples, *shape).

        Args:
            index: Of the step, from 0.
        """
        program, values, spikes = self.program, dict(self.currents), {}
        samples = len(next(iter(values.values())))
        for node in program.body:
            if node.op != "neuron":
                inputs = [values[name] for name in node.inputs]
                values[node.name] = program.linear[node.name](inputs)
            elif index < program.start(node.name):
                values[node.name] = np.zeros((samples, *node.shape), np.int32)
                spikes[node.name] = values[node.name]
            else:
                sent = self.potentials[node.name].step(values[node.inputs[0]])
                values[node.name] = spikes[node.name] = sent
                self.counted[node.name] += np.abs(sent).sum(axis=0)
        for node in program.readouts:
            if index >= program.start(node.name):
                arrived = values[node.inputs[0]] + program.resting[node.name]
                self.received[node.name] += arrived
        return spikes

    def means(self, steps: int) -> list[Float32Array]:
        """Return the mean of each read-out after a number of steps, in its units."""
        starts = [self.program.start(node.name) for node in self.program.readouts]
        return [
            (total / max(steps - start, 1)).astype(np.float32)
            for total, start in zip(self.received.values(), starts, strict=True)
        ]

    def keep(self, rows: Int64Array) -> None:
        """Continue only with these samples."""
        self.currents = {name: value[rows] for name, value in self.currents.items()}
        self.received = {name: value[rows] for name, value in self.received.items()}
        for state in self.potentials.values():
            state.keep(rows)

    @property
    def ranges(self) -> dict[str, tuple[int, int]]:
        """Lowest and highest potential of each layer so far, before its range is applied."""
        found = self.potentials.items()
        return {name: (int(own.seen[0]), int(own.seen[1])) for name, own in found}
