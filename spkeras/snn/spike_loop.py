"""The spike loop: a Keras layer that repeats one time step T times."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from spkeras.graph import Graph, from_structure, structure
from spkeras.graph.check import check_graph
from spkeras.ops import code as _code
from spkeras.ops import coding as _coding
from spkeras.ops.types import ShapeLike, Tensor
from spkeras.snn.ann import bias_currents
from spkeras.snn.converted import ConvertedNetwork
from spkeras.snn.network import Network, as_list
from spkeras.snn.reference import Originals, Reference
from spkeras.snn.settings import FORMER_NAMES, NAMES
from spkeras.snn.steps import State, advance, first_state, values_of
from spkeras.snn.timing import Timed
from spkeras.snn.whole import currents_of


@keras.saving.register_keras_serializable(package="spkeras")
class SpikeLoop(Timed, ConvertedNetwork):
    """Runs a network of integrate-and-fire neurons over T time steps.

    The membrane potentials are carried through the loop, never stored: the layer gives the
    same answer each time it is called, and saves nothing but constants.

    Args:
        structure: What `spkeras.graph.structure` returns for a graph with neurons.
        timesteps: T, counted from the first input.
        schedule: "clock_driven": at each step a spike may cross every layer; what
            neuromorphic chips run. "layer_synchronous": each layer waits for its whole
            window (latency T a layer); computed in closed form, at the cost of one pass.
        stagger: Steps by which each layer of neurons starts after the one before it
            (clock-driven only), sixteenths allowed: the layer behind d others starts at step
            floor(d stagger). None lets `automatic_stagger` choose. T still counts from the
            first input.
        input_encoding: Input as "constant" current, "regular" spike train or "bernoulli" spikes.
        seed: Of the Bernoulli spikes.

    Input shape:
        One tensor (batch, ...) per input of the graph, in the CNN's own units.

    Output shape:
        One tensor per output: the mean over the time steps since the read-out started, in
        the CNN's own units. Where the CNN ends in softmax, its logits.

    Raises:
        OptionError: an option is out of its range.
    """

    network: Network

    def __init__(
        self,
        structure: Mapping[str, Any],
        timesteps: int = 64,
        schedule: str = "clock_driven",
        stagger: float | None = None,
        input_encoding: str = "constant",
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        # As text: Keras would wrap a dictionary to track it, and could not copy the wrapper.
        self._structure = json.dumps(structure)
        self.timesteps, self.schedule, self.stagger = timesteps, schedule, stagger
        self.input_encoding, self.seed = input_encoding, seed
        self._draws: np.ndarray | None = None
        graph = from_structure(json.loads(self._structure))
        check_graph(graph)
        self.network = Network(graph)
        self.check()
        # Keras tracks what is an attribute: one flat list of layers holds all the weights.
        self.synapses = list(self.network.layers.values())
        graph = self.network.graph
        self.originals = Originals(graph, name="originals") if graph.originals else None
        # Built here, not at the first call: models made inside a traced call hold its tensors.
        self._models = [self.network.drive, self.network.step, self.network.head]
        self._window = self.network.window
        self.built = True

    def check(self) -> None:
        """Refuse options out of their range."""
        super().check()
        self._draws = _coding.draws(self.seed) if self.input_encoding == "bernoulli" else None

    @property
    def graph(self) -> Graph:
        """The graph with the weights that the layer holds now."""
        graph = self.network.current_graph()
        return graph if self.originals is None else self.originals.put(graph)

    def bias_currents(self) -> dict[str, np.ndarray]:
        """Return the current into each neuron and read-out while no neuron fires."""
        return bias_currents(self.graph)

    def standing(self, names: Sequence[str]) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
        """Return the function from the frontier to the values of nodes while no neuron fires."""
        model = self.network.standing(names)

        def values(drive: Sequence[np.ndarray]) -> list[np.ndarray]:
            answer = model(list(drive) if len(drive) > 1 else drive[0])
            return [ops.convert_to_numpy(value) for value in as_list(answer)]

        return values

    def reference(self) -> Reference:
        """Return the converted CNN on real values, as far as the layer holds it."""
        return Reference(self.network, self.graph)

    def load(self, graph: Graph) -> None:
        """Load the arrays of a graph of the same structure."""
        self.network.load(graph)
        if self.originals is not None:
            self.originals.load(graph)

    def add_notes(self, notes: Sequence[str]) -> None:
        """Add sentences to the notes of the network's graph."""
        graph = self.network.graph
        self.network.graph = graph.with_nodes(graph.nodes, notes=notes)
        self._structure = json.dumps(structure(self.network.graph))

    def units(self, inputs: Tensor) -> list[Tensor]:
        """Return the inputs in units of their scale, the value of one spike."""
        inputs = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        names = [node.name for node in self.network.graph.of("input")]
        return [self.network.layers[name](x) for name, x in zip(names, inputs, strict=True)]

    def drive(self, scaled: Sequence[Tensor], time: Tensor) -> list[Tensor]:
        """Return the currents at the frontier in one step."""
        encoded = [_coding.encode(self.input_encoding, x, time, self._draws) for x in scaled]
        return currents_of(self.network.graph, self.input_encoding, encoded, self.drive_of)

    def drive_of(self, encoded: Sequence[Tensor]) -> list[Tensor]:
        """Return the currents at the frontier for encoded inputs."""
        return as_list(self.network.drive(encoded if len(encoded) > 1 else encoded[0]))

    def call(self, inputs: Tensor) -> Tensor:
        """Return the outputs after T steps; see the class."""
        scaled = self.units(inputs)
        if self.schedule == "layer_synchronous":
            means = self.counts(scaled, self.timesteps)[: len(self.network.readouts)]
        else:
            means = list(self._clock_driven(scaled))
        outputs = self.network.decode(means)
        return outputs if len(outputs) > 1 else outputs[0]

    def _clock_driven(self, scaled: list[Tensor]) -> Sequence[Tensor]:
        constant = self.drive(scaled, 0) if self.input_encoding == "constant" else None

        def body(state: State, active: Tensor) -> Tensor:
            state, spikes = advance(self, self.frontier(scaled, constant, state.time), state)
            if self.spike_code == "delta":
                silence = ops.zeros((), "bool")
                active = ops.any(ops.stack([silence, *(ops.any(spike != 0) for spike in spikes)]))
            return state, active

        def goes_on(state: State, active: Tensor) -> Tensor:
            return ops.logical_and(state.time < self.timesteps, active)

        start = first_state(self, scaled, constant)
        state, _ = ops.while_loop(goes_on, body, (start, ops.ones((), "bool")))
        return values_of(self, state.sums, self.timesteps)

    def frontier(
        self, scaled: Sequence[Tensor], constant: list[Tensor] | None, time: Tensor
    ) -> list[Tensor]:
        """Return the currents at the frontier in one step.

        Args:
            scaled: Inputs in units of their scale.
            constant: Currents of a constant input, or None under another input encoding.
            time: Index of the step.
        """
        if constant is None:
            return self.drive(scaled, time)
        if not _code.keeps_values(self.spike_code):
            return constant
        # Receivers keep it, so it is sent once.
        first = ops.cast(ops.equal(time, 0), "float32")
        return [first * value for value in constant]

    def clock(self, time: Tensor) -> Tensor:
        """Return the clock that neurons receive: (index of the step, stagger)."""
        return ops.stack([ops.cast(time, "float32"), ops.cast(self.offset, "float32")])

    def counts(self, scaled: Sequence[Tensor], window: Tensor) -> list[Tensor]:
        """Return the network after each layer has received its whole input: read-outs, then neurons.

        Args:
            scaled: Inputs in units of their scale.
            window: T, for each layer.

        Returns:
            Under the rate code means of the read-outs and spikes per step of all neurons, in
            closed form; under the others the values that their receivers hold.
        """
        length = ops.reshape(ops.cast(window, "float32"), (1,))
        if _code.keeps_values(self.spike_code):
            return as_list(self._window([*scaled, length]))
        sums = [self._window_sum(x, window) for x in scaled]
        return [total / length for total in as_list(self._window([*sums, length]))]

    def mean_drive(self, scaled: Sequence[Tensor], window: Tensor) -> list[Tensor]:
        """Return the mean currents at the frontier over a window."""
        if self.input_encoding == "constant":
            return self.drive_of(scaled)
        return self.drive_of([self._window_sum(x, window) / window for x in scaled])

    def _window_sum(self, x: Tensor, window: Tensor) -> Tensor:
        """Return the sum of what an input sends in a window."""
        if self.input_encoding == "constant":
            return x * ops.cast(window, x.dtype)
        if self.input_encoding == "regular":
            return _coding.regular_count(x, window)

        def body(time: Tensor, total: Tensor) -> Tensor:
            return total + _coding.encode(self.input_encoding, x, time, self._draws)

        return ops.fori_loop(0, ops.cast(window, "int32"), body, ops.zeros_like(x))

    def compute_output_shape(self, input_shape: ShapeLike) -> ShapeLike:
        """Return the shapes of the outputs."""
        first = input_shape[0] if isinstance(input_shape[0], (list, tuple)) else input_shape
        graph = self.network.graph
        shapes = [(first[0], *graph[name].shape) for name in graph.outputs]
        return shapes if len(shapes) > 1 else shapes[0]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "SpikeLoop":
        """Return the layer of a file; those of version 0.1.0 have other names for settings."""
        return cls(**{FORMER_NAMES.get(name, name): value for name, value in config.items()})

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = {name: getattr(self, name) for name in NAMES}
        return {**super().get_config(), "structure": json.loads(self._structure), **own}
