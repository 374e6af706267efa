"""The interface of the original SpKeras (Wu et al. 2022), for scripts written for it.

    from spkeras.models import cnn_to_snn

    snn = cnn_to_snn(signed_bit=0)(cnn, x_train)
    loss, accuracy = snn.evaluate(x_test, y_test, timesteps=256)

The network is made by `spkeras.convert` in the form that the original had: largest activation
per layer, closed form of the layer-synchronous schedule. docs/original_spkeras.md lists what
differs from the original, and why. New code uses `spkeras.convert`.
"""

import warnings
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import keras
import numpy as np

from spkeras.calibration.layer_rates import LayerRates, Rates
from spkeras.data.batches import batches
from spkeras.data.open import as_samples
from spkeras.errors import OptionError, SpkerasError
from spkeras.facade import convert
from spkeras.frontend.walk import read_graph
from spkeras.graph import Graph, Node
from spkeras.graph.operations import WITH_KERNEL
from spkeras.ops.arrays import Samples
from spkeras.passes.changes import kept
from spkeras.passes.neurons import place_neurons
from spkeras.passes.normalize import normalize
from spkeras.passes.pipeline import fold
from spkeras.passes.quantize import quantize_weights
from spkeras.passes.scales import join_scales
from spkeras.recipes import Conversion
from spkeras.snn.model import build, loop_of

# Arguments without effect: the original's default, and what replaces them.
_IDLE = {
    "method": (1, "there is one form of current normalisation"),
    "amp_factor": (100, "it cancels in every spike count"),
    "epsilon": (0.001, "each BatchNormalization layer's own epsilon is used"),
    "sf": (None, "use scaling_factor"),
}
_BURSTING = {"binary": "burst", "signed": "signed_burst"}
# Spikes per step that no layer reaches: no upper limit.
_UNLIMITED = 1 << 20


class cnn_to_snn:
    """Converter of a CNN that also evaluates it for any T and counts its spikes.

    Args:
        timesteps: T of `model` until `evaluate` or `SpikeCounter` receives another.
        thresholding: Initial potential as a fraction of the threshold, 0 to 1; 0.5 rounds to
            nearest.
        signed_bit: Bits of the weights, sign included, 2 to 16; any other value: float32.
        scaling_factor: Factor on every threshold.
        method, amp_factor, epsilon: Accepted for compatibility, without effect.
        noneloss: Stored; `evaluate` and `SpikeCounter` have their own argument.
        spike_ext: Steps for which charged neurons go on firing after the end of their input;
            -1: as long as they can.
        user_define: One scale for all layers instead of their largest activations; 0: none.

    Attributes:
        model: The converted network, a `keras.Model` that takes the CNN's inputs and returns its
            logits. None before the first call.
    """

    def __init__(
        self,
        timesteps: int = 256,
        thresholding: float = 0.5,
        signed_bit: int = 0,
        scaling_factor: float = 1,
        method: int = 1,
        amp_factor: float = 100,
        epsilon: float = 0.001,
        spike_ext: int = 0,
        noneloss: bool = False,
        user_define: float = 0,
    ) -> None:
        _tell_idle(method=method, amp_factor=amp_factor, epsilon=epsilon)
        self.method, self.amp_factor, self.epsilon = method, amp_factor, epsilon
        self.bit, self.user_define = signed_bit, user_define
        self._set(timesteps, thresholding, scaling_factor, ext=spike_ext, real=noneloss)
        self.model: keras.Model | None = None
        self._graph: Graph | None = None

    def __call__(self, mdl: keras.Model, x_train: Samples) -> "cnn_to_snn":
        """Convert `mdl` with all samples of `x_train`; returns itself."""
        bits = int(self.bit) if 2 <= self.bit <= 16 else None
        if self.user_define:
            self._graph = _with_one_scale(mdl, x_train, float(self.user_define), bits)
        else:
            given: dict[str, Any] = (
                {} if bits is None else {"weight_bits": bits, "rounding": "nearest"}
            )
            snn = convert(mdl, x_train, percentile=100.0, per_channel=False, **given)
            self._graph = loop_of(snn).graph
        self._rebuild()
        return self

    def evaluate(
        self,
        x_test: Samples,
        y_test: Any,
        timesteps: int = 256,
        thresholding: float = 0.5,
        scaling_factor: float = 1,
        spike_ext: int = 0,
        noneloss: bool = False,
        sf: object = None,
        fix: float = 0,
        **options: Any,
    ) -> Any:
        """Return loss and accuracy, and print them, as `keras.Model.evaluate` does.

        Args:
            x_test: Samples in the form that the CNN takes.
            y_test: One-hot rows or whole-number labels.
            timesteps, thresholding, scaling_factor, spike_ext: As in the class.
            noneloss: Real-valued rates instead of spike counts: the CNN's outputs.
            fix: Input spikes for an input of 1; 0: one per step.
            options: Further arguments of `keras.Model.evaluate`; `sf` has no effect.
        """
        _tell_idle(sf=sf)
        self._set(timesteps, thresholding, scaling_factor, ext=spike_ext, real=noneloss)
        model = self._rebuild()
        x = np.asarray(x_test) * np.float32(fix / timesteps) if fix > 0 else x_test
        if noneloss:
            x = np.concatenate([outputs[0] for outputs, _ in self._runs(x, 100)])
            model = keras.Sequential([keras.Input(x.shape[1:]), keras.layers.Identity()])
        self._compile(model, y_test)
        return model.evaluate(x, y_test, **options)

    def SpikeCounter(
        self,
        x_train: Samples,
        timesteps: int = 256,
        thresholding: float = 0.5,
        scaling_factor: float = 1,
        spike_ext: int = 0,
        batch_size: int = 100,
        noneloss: bool = False,
        mode: int = 0,
    ) -> tuple[list[float], list[Any]]:
        """Count the spikes of each layer, in the order of `NeuronNumbers`.

        Returns:
            The most spikes of one neuron, by layer, and a list that depends on `mode`. 0: the
            spikes per sample, rounded up. 1: the numbers of neurons (over all samples) with 0, 1,
            2, ... spikes. Outputs are read from membrane potentials: they are last, without spikes.
        """
        self._set(timesteps, thresholding, scaling_factor, ext=spike_ext, real=noneloss)
        self._rebuild()
        samples, parts = 0, []
        for outputs, rates in self._runs(x_train, batch_size):
            counts = [np.abs(rate) * timesteps for rate in rates]
            counts = counts if noneloss else [np.round(count) for count in counts]
            parts.append([_tally(c) for c in [*counts, *map(np.zeros_like, outputs)]])
            samples += len(outputs[0])
        layers = [list(zip(*layer, strict=True)) for layer in zip(*parts, strict=True)]
        largest = [max(maxima) for maxima, _, _ in layers]
        if mode:
            columns = (zip_longest(*found, fillvalue=0) for _, _, found in layers)
            return largest, [[sum(column) for column in layer] for layer in columns]
        return largest, [float(np.ceil(sum(sums) / samples)) for _, sums, _ in layers]

    def NeuronNumbers(self, mode: int = 0) -> tuple[list[tuple[int, ...]], list[int]]:
        """Return the shapes of all kernels, and the number of neurons per layer (outputs last).

        Average pooling has no neurons in this network: `mode` 0 and 1 give the same.
        """
        kernels = [tuple(n.arrays["kernel"].shape) for n in self._converted.of(*WITH_KERNEL)]
        return kernels, [int(np.prod(node.shape)) for node in self._layers()]

    def get_config(self) -> dict[str, Any]:
        """Return the current settings."""
        own = {name: v for name, v in vars(self).items() if name not in ("model", "_graph")}
        return {"signed_bit": own.pop("bit"), **own}

    def _set(self, timesteps: int, alpha: float, factor: float, ext: int, real: bool) -> None:
        if factor <= 0:
            raise OptionError(f"scaling_factor={factor!r}; allowed: above 0")
        self.timesteps, self.thresholding, self.scaling_factor = timesteps, alpha, factor
        self.spike_ext, self.noneloss = ext, real

    @property
    def _converted(self) -> Graph:
        if self._graph is None:
            raise SpkerasError("no network yet; call cnn_to_snn(...)(model, x_train) first")
        return self._graph

    def _layers(self) -> list[Node]:
        return [*self._converted.of("neuron"), *self._converted.of("readout")]

    def _rebuild(self) -> keras.Model:
        """Build `model` with the current settings, without a new calibration."""
        graph = self._converted
        changed = {node.name: self._neuron(node) for node in graph.of("neuron")}
        self.model = build(
            kept(graph.updated(changed).with_settings(initial_potential=self.thresholding), graph),
            timesteps=self.timesteps,
            schedule="layer_synchronous",
        )
        self._compile(self.model)
        return self.model

    def _neuron(self, node: Node) -> Node:
        threshold = np.asarray(node.arrays["threshold"] * self.scaling_factor, np.float32)
        node = node.with_arrays(threshold=threshold).with_attributes(
            initial_potential=self.thresholding
        )
        if not self.spike_ext:
            return node
        # Only the upper limit moves, to T + ext spikes: currents flow for T steps.
        longer = (self.timesteps + self.spike_ext) / self.timesteps
        limit = longer if self.spike_ext > 0 else _UNLIMITED
        return node.with_attributes(model=_BURSTING[node["model"]], max_spikes_per_step=limit)

    def _compile(self, model: keras.Model, y: Any = None) -> None:
        last = self._converted[self._converted.outputs[0]]
        kind = "" if y is None or np.size(y) > len(y) else "Sparse"
        loss = getattr(keras.losses, f"{kind}CategoricalCrossentropy")(from_logits=True)
        if last.op == "activation" and last["function"] == "sigmoid":
            loss = keras.losses.BinaryCrossentropy()
        model.compile("adam", loss, metrics=["accuracy"])

    def _runs(self, x: Samples, batch_size: int) -> Iterator[Rates]:
        loop = loop_of(self.model)
        samples, stages = as_samples(self._converted, x), LayerRates(loop)
        for batch in batches(samples, batch_size):
            yield stages.rates("ann" if self.noneloss else "count", batch)


def _tally(counts: np.ndarray) -> tuple[float, float, list[int]]:
    """Return the largest count, the sum, and how often 0, 1, 2, ... occurs (rounded down)."""
    levels = np.bincount(np.floor(counts).astype(np.int64).ravel())
    return float(counts.max()), float(counts.sum()), levels.tolist()


def _tell_idle(**given: object) -> None:
    """Warn of arguments without effect; Python shows each warning once per line."""
    for name, value in given.items():
        usual, instead = _IDLE[name]
        if value != usual:
            warnings.warn(f"{name}={value!r} has no effect: {instead}", FutureWarning, stacklevel=3)


def _with_one_scale(model: keras.Model, x: Samples, scale: float, bits: int | None) -> Graph:
    """Return the converted graph with one scale for all layers of neurons."""
    graph = place_neurons(fold(read_graph(model)), Conversion())
    inputs = zip(graph.of("input"), as_samples(graph, x), strict=True)
    scales = {node.name: np.asarray(np.abs(array).max() or 1, "float32") for node, array in inputs}
    scales |= {node.name: np.asarray(scale, np.float32) for node in graph.of("neuron")}
    graph = normalize(graph, join_scales(graph, scales))
    return graph if bits is None else quantize_weights(graph, bits)
