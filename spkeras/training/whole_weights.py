"""The last phase of training for whole numbers: weights and biases in the values of their codes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from spkeras.calibration.moments import moments
from spkeras.calibration.statistics import calibrate
from spkeras.errors import UnsupportedLayerError
from spkeras.frontend.walk import read_graph
from spkeras.graph import Graph, Node
from spkeras.graph.connections import kernel_of, stored_kernel
from spkeras.graph.integers import Integers
from spkeras.graph.operations import WITH_KERNEL
from spkeras.ops.arrays import BoolArray, Float64Array
from spkeras.passes.divisors import divisors
from spkeras.passes.identity_synapses import with_identity_synapses
from spkeras.passes.learned import trained_steps
from spkeras.passes.neurons import place_neurons
from spkeras.passes.pipeline import finish, prepare
from spkeras.passes.quantize import quantize_weights
from spkeras.passes.units import groups, unit_of
from spkeras.passes.whole_checks import check_whole
from spkeras.passes.whole_numbers import whole_numbers
from spkeras.recipes import Conversion
from spkeras.snn.ann import ann
from spkeras.snn.model import build, loop_of

# Trained activations define the scales, so that the conversion after training has the same ones.
_LEARNED = Conversion(learned=True, thresholds="learned")
_REMEDY = "train without threshold_bits, then convert with relays=True (--relays)"


@dataclass(frozen=True, eq=False)
class Grid:
    """The values that a variable takes.

    Attributes:
        step: Value of a code of 1, of the variable's shape or broadcast to it.
        most: Largest code; None for biases.
        codes: Codes before training.
        fixed: Weights that keep their codes: the largest of each channel, from which the
            conversion takes the unit.
    """

    step: Float64Array
    most: int | None
    codes: Float64Array
    fixed: BoolArray

    @property
    def range(self) -> Float64Array:
        """Largest value, to which changes of the optimizer are relative: ranges differ by 1,000."""
        return np.abs(self.step) * max(float(np.abs(self.codes).max(initial=0)), 1.0)

    @property
    def start(self) -> np.ndarray:
        """Values before training."""
        return (self.codes * self.step).astype(np.float32)

    def rounded(self, values: np.ndarray) -> np.ndarray:
        """Return the nearest values of the grid."""
        codes = np.rint(values / self.step)
        if self.most is not None:
            codes = np.clip(codes, -self.most, self.most)
        return (np.where(self.fixed, self.codes, codes) * self.step).astype(np.float32)


def grids(model: keras.Model, x: np.ndarray, form: Integers) -> list[tuple[Any, Grid]]:
    """Return the grid of each kernel, and of each bias of a network of whole numbers.

    Codes before training are those of the conversion, fitted to the currents of the samples.

    Args:
        model: With final activations and folded scales (`folded_scales`).
        x: Samples, which decide the scale of the input.
        form: Widths; without threshold bits only weights are rounded.

    Raises:
        UnsupportedLayerError: layers that have no such form, all at once.
    """
    read = read_graph(model)
    graph = prepare(read, _LEARNED)
    neurons = place_neurons(graph, _LEARNED)
    names = [node.name for node in neurons.of("input")]
    x = x.astype("float32")
    stats = calibrate(ann(graph, names), names, [x])
    real = finish(neurons, stats, _LEARNED, {})
    # Of weights of 1: what the conversion multiplies weights and biases with.
    factors = finish(_of_ones(neurons), stats, _LEARNED, {})
    nodes = _by_path(real, {node.name: node.source for node in read.nodes})
    steps = _steps(real, form)
    whole = _coded(real, x, form, trained_steps(read))
    most = (1 << (form.weight_bits - 1)) - 1
    found: list[tuple[Any, Grid]] = []
    for path, layer in _layers(model):
        if path not in nodes or nodes[path].name not in steps:
            continue
        factor, coded = factors[nodes[path].name], whole[nodes[path].name]
        assert whole.integers is not None
        codes, (kernel, bias) = whole.integers.codes(coded), steps[coded.name]
        weights, *others = layer.weights
        step = np.asarray(kernel / factor.arrays["kernel"], np.float64)
        found.append((weights, Grid(step, most, codes.astype(np.float64), _largest(coded, codes))))
        if others and bias is not None:
            own = np.asarray(bias / factor.arrays["bias"], np.float64)
            whole_bias = coded.arrays["bias"].astype(np.float64)
            found.append((others[0], Grid(own, None, whole_bias, np.zeros(own.shape, bool))))
    return found


def _by_path(graph: Graph, paths: Mapping[str, str]) -> dict[str, Node]:
    """Return the nodes with a kernel by the paths of their layers.

    Raises:
        UnsupportedLayerError: layers that are called several times; all at once.
    """
    weighted = graph.of(*WITH_KERNEL)
    calls = [paths[node.name] for node in weighted]
    problems = [
        f"{path}: is called {calls.count(path)} times; allowed with weight_bits: one layer per call"
        for path in dict.fromkeys(calls)
        if calls.count(path) > 1
    ]
    if problems:
        raise UnsupportedLayerError(problems)
    return dict(zip(calls, weighted, strict=True))


def _coded(graph: Graph, x: np.ndarray, form: Integers, timesteps: int | None) -> Graph:
    """Return the network with the codes of the conversion."""
    found = moments(loop_of(build(graph, timesteps=timesteps or 1)), [x])
    if form.is_whole:
        return whole_numbers(graph, form, found)
    return quantize_weights(graph, form.weight_bits, found)


def _of_ones(graph: Graph) -> Graph:
    """Return the graph with all weights and biases 1."""
    changed = {}
    for node in graph.of(*WITH_KERNEL):
        arrays = {name: node.array(name) for name in ("kernel", "bias")}
        ones = {n: np.ones_like(array) for n, array in arrays.items() if array is not None}
        changed[node.name] = node.with_arrays(**ones)
    return graph.updated(changed)


def _largest(node: Node, codes: np.ndarray) -> BoolArray:
    """Return which code is the largest of its channel, in the form of the stored kernel."""
    size = np.abs(kernel_of(node.with_arrays(kernel=codes)))
    flat = size.reshape(-1, size.shape[-1])
    fixed = np.zeros_like(flat)
    fixed[flat.argmax(axis=0), np.arange(flat.shape[1])] = 1
    largest: BoolArray = stored_kernel(node, fixed.reshape(size.shape)) > 0
    return largest


def _steps(graph: Graph, form: Integers) -> dict[str, tuple[Float64Array, Float64Array | None]]:
    """Return the steps of kernel and bias of each node, in the units of the normalised graph."""
    if not form.is_whole:
        most = (1 << (form.weight_bits - 1)) - 1
        kernels = {node.name: node.arrays["kernel"] for node in graph.of(*WITH_KERNEL)}
        return {n: (np.asarray(np.abs(own).max() / most), None) for n, own in kernels.items()}
    check_whole(graph, _REMEDY)
    before = with_identity_synapses(graph)
    divided = divisors(before)
    found: dict[str, tuple[Float64Array, Float64Array | None]] = {}
    for group in groups(before):
        unit = unit_of(before, group, divided, form)
        for name in group.nodes:
            node = before[name]
            if node.op != "scale":
                form_of = kernel_of(node)
                spread = np.broadcast_to(unit, form_of.shape)
                found[name] = (stored_kernel(node, spread) * divided[name], unit)
    return found


def _layers(model: keras.Model, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the layers of a model and of those inside it, with their paths."""
    for layer in model.layers:
        path = prefix + layer.name
        if isinstance(layer, keras.Model):
            yield from _layers(layer, f"{path}/")
        else:
            yield path, getattr(layer, "layer", layer)


class RoundedWeights(keras.callbacks.Callback):
    """Trains a network that computes with rounded weights, with a straight-through gradient.

    Each batch sees the rounded values; what the optimizer adds to them is added to the values that
    are not rounded, as a share of the largest value of the channel. Validation sees the rounded
    values, checkpoints have the others.

    Args:
        pairs: Variables with their grids.
    """

    def __init__(self, pairs: list[tuple[Any, Grid]]) -> None:
        super().__init__()
        self.pairs = pairs
        self.values: list[np.ndarray] = []

    def start(self) -> None:
        """Give the variables their values before training."""
        for variable, grid in self.pairs:
            variable.assign(grid.start)

    @contextmanager
    def alone(self, layers: Sequence[keras.layers.Layer]) -> Iterator[None]:
        """Freeze the layers without rounded weights: ranges of activations define the codes."""
        coded = {id(variable) for variable, _ in self.pairs}
        frozen = [
            layer
            for layer in layers
            if layer.trainable and coded.isdisjoint(map(id, layer.weights))
        ]
        for layer in frozen:
            layer.trainable = False
        try:
            yield
        finally:
            for layer in frozen:
                layer.trainable = True

    def round(self) -> None:
        """Give the variables their rounded values."""
        for (variable, grid), value in zip(self.pairs, self.values or self._read(), strict=True):
            variable.assign(grid.rounded(value))

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self.values = self._read()

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        self.round()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        for place, ((_, grid), own) in enumerate(zip(self.pairs, self._read(), strict=True)):
            change = own - grid.rounded(self.values[place])
            self.values[place] = self.values[place] + change * grid.range

    def on_test_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self.round()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        for (variable, _), value in zip(self.pairs, self.values, strict=True):
            variable.assign(value)

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        self.round()

    def _read(self) -> list[np.ndarray]:
        return [keras.ops.convert_to_numpy(variable.value) for variable, _ in self.pairs]
