"""A Keras layer that runs a network whose layers fire one after the other, each in its window."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from spkeras.errors import OptionError
from spkeras.graph import Graph, from_structure, structure
from spkeras.graph.check import check_graph
from spkeras.graph.finite import check_finite
from spkeras.ops.precision import computing_in
from spkeras.ops.ttfs import kernel_table
from spkeras.ops.types import ShapeLike, Tensor
from spkeras.snn.ann import ann
from spkeras.snn.converted import ConvertedNetwork, model_of
from spkeras.snn.network import as_list
from spkeras.snn.synapse import load_arrays, read_arrays, synapse
from spkeras.ttfs.checks import is_coded, is_relu
from spkeras.ttfs.codes import Code, InstantCode, StepCode, TrainCode
from spkeras.ttfs.lower import before_pooling
from spkeras.ttfs.network import WindowNetwork
from spkeras.ttfs.timing import Timing

# Thresholds of each step (exponential kernels), or begin and end of a window (exact), by layer.
Kernels = Mapping[str, Sequence[float]]


@keras.saving.register_keras_serializable(package="spkeras")
class SpikeWindows(ConvertedNetwork):
    """Runs a network whose layers fire one after the other, each in its window.

    Under first spikes each neuron fires at most once, and the time of its spike is the value.
    Under phase and burst codes a spike's weight depends on its step.

    Args:
        structure: What `spkeras.graph.structure` returns for a folded graph. Its setting `kernel`
            says which activations fire, and how.
        kernels: Kernels of the layers; none for a network that was trained with them.
        start: S, steps between the beginnings of two windows. None for T: a layer waits for its
            whole input. Less is early firing.

    Input shape:
        One tensor (batch, ...) per input of the graph, in the CNN's units.

    Output shape:
        One tensor per output: the potential of the read-out after its last window. Where the CNN
        ends in softmax, its logits.

    Raises:
        OptionError: `start` is outside 1 ... T, or the backend has no float64 for an exact network.
    """

    def __init__(
        self,
        structure: Mapping[str, Any],
        kernels: Kernels | None = None,
        start: int | None = None,
        **kwargs: Any,
    ) -> None:
        exact = structure["settings"]["kernel"] == "exact"
        precision = "float64" if exact else "float32"
        super().__init__(**{**kwargs, "dtype": precision}, trainable=False)
        # As text: Keras would wrap a dictionary to track it, and could not copy the wrapper.
        self._structure, self._kernels = json.dumps(structure), json.dumps(kernels or {})
        self.start = start
        graph = from_structure(json.loads(self._structure))
        check_graph(graph)
        code = _code(graph, json.loads(self._kernels), start)
        self.timesteps: int | None = getattr(code, "timesteps", None)
        self._end = 0.0
        if isinstance(code, InstantCode):
            _check_float64()
            self._end = max(end for _, end in code.windows.values())
        with computing_in(precision):
            self._network = WindowNetwork(graph, code)
        self.windows = self._network.windows
        with computing_in("float32"):
            units = {n.name: synapse(n) for n in graph.of("input") if "scale" in n.arrays}
        self._network.synapses.update(units)
        # Keras tracks what is an attribute: one flat list of layers holds all the weights.
        self.synapses = list(self._network.synapses.values())
        self._model = self._network.model
        self.built = True

    @property
    def spike_code(self) -> str:
        """What spikes mean: "ttfs", "phase" or "burst"."""
        return str(self._network.graph.settings["spike_code"])

    @property
    def schedule(self) -> str:
        """ "layer_synchronous", or "early_firing" where a layer does not wait for all spikes."""
        early = self.start is not None and self.timesteps is not None
        return "early_firing" if early and self.start != self.timesteps else "layer_synchronous"

    @property
    def depth(self) -> int:
        """Layers of neurons in a row, on the longest way from input to output."""
        return self.windows - 1

    @property
    def latency(self) -> float:
        """Steps from the first input until the answer stands; continuous time for exact networks."""
        if self.timesteps is None:
            return self._end
        return Timing(self.windows, self.timesteps, self.start or self.timesteps).latency

    @property
    def settings(self) -> dict[str, Any]:
        """The settings in force, for reports."""
        code = self._network.code
        return {"start": code.start} if isinstance(code, StepCode) else {}

    @property
    def graph(self) -> Graph:
        """The graph with the weights that the layer holds now."""
        graph = self._network.graph
        arrays = {
            name: graph[name].with_arrays(**read_arrays(layer, graph[name]))
            for name, layer in self._network.synapses.items()
            if graph[name].arrays
        }
        return graph.updated(arrays)

    @property
    def neurons(self) -> list[str]:
        """Names of the layers that send spikes, as `spkeras.ttfs.lower` gives them."""
        return list(self._network.spikes)

    def load(self, graph: Graph) -> None:
        """Take the arrays of a graph of the same structure."""
        for name, layer in self._network.synapses.items():
            load_arrays(layer, graph[name])

    def units(self, inputs: Tensor) -> list[Tensor]:
        """Return the inputs as a list."""
        return as_list(inputs)

    def in_units(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Return the inputs in units of the largest of the calibration."""
        names = [node.name for node in self._network.graph.of("input")]
        return [self._network.synapses[n](x) for n, x in zip(names, inputs, strict=True)]

    def reference(self) -> "RealValues":
        """Return the network that was converted, on real values."""
        return RealValues(self.graph)

    def call(self, inputs: Tensor) -> Tensor:
        """The outputs after the last window; see the class."""
        outputs, _ = self.run(as_list(inputs))
        return outputs if len(outputs) > 1 else outputs[0]

    def run(self, inputs: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return the outputs, and the spikes of each of `neurons`.

        Spikes are times of first spikes (T, or the end of the window, for none) or words of T bits.
        """
        answer = as_list(self._model(list(inputs)))
        cut = len(self._network.graph.outputs)
        return answer[:cut], answer[cut:]

    def counts(self, spikes: Sequence[Tensor]) -> list[Tensor]:
        """Return the number of spikes of each neuron, summed over the batch."""
        senders = self._network.senders.values()
        return [
            ops.sum(ops.cast(sender.spikes(sent), "int32"), axis=0)
            for sender, sent in zip(senders, spikes, strict=True)
        ]

    def values(self, name: str, spikes: Tensor) -> Tensor:
        """Return the values of the spikes of a layer."""
        return self._network.code.value(name, 0, last=True)(spikes)

    def largest(self, name: str) -> float:
        """Return the largest value that a layer's spikes carry."""
        return self._network.code.largest(name)

    def resolution(self, name: str) -> float:
        """Return the largest distance of two values of a layer, as a fraction of the largest one."""
        return self._network.code.resolution(name)

    def compute_output_shape(self, input_shape: ShapeLike) -> ShapeLike:
        """Shapes of the outputs."""
        first = input_shape[0] if isinstance(input_shape[0], (list, tuple)) else input_shape
        graph = self._network.graph
        shapes = [(first[0], *graph[name].shape) for name in graph.outputs]
        return shapes if len(shapes) > 1 else shapes[0]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        kept = {k: v for k, v in super().get_config().items() if k in ("name", "dtype")}
        own = {"structure": json.loads(self._structure), "kernels": json.loads(self._kernels)}
        return {**kept, **own, "start": self.start}


class RealValues:
    """The network that was converted, on real values in place of spikes.

    Args:
        graph: Its graph, with arrays.
        names: Nodes whose values are returned beside the outputs.
    """

    def __init__(self, graph: Graph, names: Sequence[str] = ()) -> None:
        self.cut = len(graph.outputs)
        self.model = ann(graph, [*graph.outputs, *names])
        self.variables = self.model.variables

    def __call__(
        self, inputs: Sequence[Tensor], timesteps: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return outputs, and the values of the named nodes; T has no effect."""
        given = list(inputs)
        answer = as_list(self.model(given if len(given) > 1 else given[0]))
        return answer[: self.cut], answer[self.cut :]


def build(graph: Graph, kernels: Kernels, start: int | None = None) -> keras.Model:
    """Return an ordinary Keras model around the windows of a folded graph.

    Args:
        graph: From `spkeras.ttfs.lower.folded`, with the settings of the conversion.
        kernels: As in `SpikeWindows`.
        start: As in `SpikeWindows`.

    Raises:
        WeightsError: a weight of the graph is NaN or infinite.
    """
    check_finite(graph, graph.name)
    layer = SpikeWindows(structure(graph), kernels, start, name="spike_windows")
    return model_of(layer, graph)


def _code(graph: Graph, kernels: Kernels, start: int | None) -> Code:
    """Return the code of a network: its own where activations are coded, else that of the kernels."""
    if graph.settings["kernel"] == "exact":
        return InstantCode(kernels, is_relu)
    if kernels:
        return StepCode(kernels, _start(start, kernels), is_relu)
    coded = [node for node in graph.nodes if is_coded(node)]
    named = {name: node for node in coded for name in (node.name, before_pooling(node.name))}
    if coded[0]["function"] == "phase":
        phases = {name: (node["bits"], node["theta0"]) for name, node in named.items()}
        return TrainCode("phase", phases, is_coded)
    if coded[0]["function"] == "burst":
        bursts = {name: (node["timesteps"], node["theta"]) for name, node in named.items()}
        return TrainCode("burst", bursts, is_coded)
    tables = {
        name: kernel_table(node["timesteps"], node["tau"], node["theta0"]).tolist()
        for name, node in named.items()
    }
    return StepCode(tables, _start(start, tables), is_coded)


def _start(start: int | None, kernels: Kernels) -> int:
    timesteps = len(next(iter(kernels.values())))
    if start is not None and not 1 <= start <= timesteps:
        raise OptionError(f"start={start!r}; allowed: 1 to {timesteps}, the steps of a window")
    return timesteps if start is None else start


def _check_float64() -> None:
    tensor = ops.convert_to_tensor(np.zeros(1), dtype="float64")
    if keras.backend.standardize_dtype(tensor.dtype) != "float64":
        raise OptionError(
            f"kernel='exact': backend {keras.backend.backend()!r} computes in float32 here; "
            "allowed: one with float64 (for JAX, set jax_enable_x64 before Keras is imported)"
        )
