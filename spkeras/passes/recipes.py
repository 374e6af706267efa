"""Named orders of passes: from the frontend's graph to one with neurons."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from spkeras.errors import OptionError
from spkeras.graph import Graph, Node
from spkeras.graph.stats import ActivationStats
from spkeras.ops.names import GRADED, LEARNED, MOST_LEVELS, MOST_MANTISSA_BITS, NEURONS, TRAINED
from spkeras.ops.numbers import check_numbers
from spkeras.passes.coder import Coder
from spkeras.passes.fold import fold_scales
from spkeras.passes.learned import learned_scales
from spkeras.passes.neurons import place_neurons
from spkeras.passes.normalize import normalize
from spkeras.passes.pooling import separate_poolings
from spkeras.passes.quantize import quantize_weights
from spkeras.passes.readout import attach_readouts, read_from_spikes, with_whole_outputs
from spkeras.passes.scales import Fit, Scales, choose_scales
from spkeras.passes.thresholds import METHODS, fit

RECIPES = ("ecc", "sigma_delta", *TRAINED)

# Steps by layer of neurons.
Windows = Mapping[str, int]

_THRESHOLDS = {**dict.fromkeys(TRAINED, "learned"), "cq+": "trained"}


@dataclass(frozen=True)
class Options:
    """What a user may choose about the network itself (not about its simulation).

    Attributes:
        recipe: One of `RECIPES`. "ecc": explicit current control (Wu et al. 2022).
            "sigma_delta": graded spikes that carry changes; for any feed-forward network.
            "cq", "cq+", "low_latency", "qcfs": of a network trained for it
            (`spkeras.training`), whose activations say what a spike stands for.
        percentile: Share of the activations below a layer's scale, in %; 100 is the maximum;
            None to have it chosen for T.
        per_channel: One scale per channel instead of one per layer.
        thresholds: One of `spkeras.passes.thresholds.METHODS`: the percentile itself, or a
            search from there. None: "percentile", but for binary neurons that count and keep
            what is left of their potential None stays, if no percentile is given: T decides
            (`spkeras.passes.thresholds.automatic_thresholds`). For a network trained for
            spikes "learned", what a spike stands for, or "trained": per channel, against the
            layer-synchronous network (default of cq+; `spkeras.training.train_thresholds`).
        neuron: One of `spkeras.ops.names.NEURONS`; None for the recipe's own.
        code: What spikes mean, one of `spkeras.ops.names.CODES`; None for the neuron's own.
        levels: Exponents of a graded spike; None for the neuron's own: 16 (four bits) for
            sigma_delta, 8 for multi_threshold.
        headroom: How many of them lie above the layer's scale, for the few values that do;
            None: 6 of 16, and none of the first ten.
        mantissa_bits: Bits behind its leading one; None for the neuron's own: 1 for
            sigma_delta, 0 (powers of two, as published) for multi_threshold.
        limit: Largest number of spikes in one step, for the burst neurons.
        reset: "subtract" or "zero".
        alpha: Share of a level given in advance; 1/2 rounds. None: 1/2, or for a network
            trained for spikes what it was trained with.
        readout: "membrane" or "spikes".
        weight_bits: n-bit weights, or None for float32.
        pooling_neurons: Whether average poolings have neurons, for ecc (as published); else they
            are part of the synapses. A network trained for spikes has them in its layers.
    """

    recipe: str = "ecc"
    percentile: float | None = None
    per_channel: bool = True
    thresholds: str | None = None
    neuron: str | None = None
    code: str | None = None
    levels: int | None = None
    headroom: int | None = None
    mantissa_bits: int | None = None
    limit: int = 4
    reset: str = "subtract"
    alpha: float | None = None
    readout: str = "membrane"
    weight_bits: int | None = None
    pooling_neurons: bool = False

    def __post_init__(self) -> None:
        check_numbers(**asdict(self))
        for option, chosen in self._own().items():
            if getattr(self, option) is None:
                object.__setattr__(self, option, chosen)
        allowed = {
            "recipe": RECIPES,
            "neuron": ("sigma_delta",) if self.recipe == "sigma_delta" else NEURONS,
            "code": ("delta",) if self.neuron == "sigma_delta" else ("rate", "differential"),
            "thresholds": (
                LEARNED if self.recipe in TRAINED else METHODS if self.thresholds else (None,)
            ),
            "reset": ("subtract", "zero") if self._counts else ("subtract",),
            "readout": ("membrane", "spikes"),
            "pooling_neurons": (False, True) if self.recipe == "ecc" else (False,),
        }
        for option, values in allowed.items():
            if getattr(self, option) not in values:
                raise OptionError(f"{option}={getattr(self, option)!r}; allowed: {values}")
        levels = int(self.levels or 0)
        ranges = {
            "alpha": (0, 1),
            "limit": (1, None),
            "levels": (1, MOST_LEVELS),
            "headroom": (0, levels - 1),
            "mantissa_bits": (0, MOST_MANTISSA_BITS),
            "weight_bits": (2, 16),
        }
        for option, (low, high) in ranges.items():
            self._check_range(option, low, high)
        if self.percentile is not None and not 0 < self.percentile <= 100:
            raise OptionError(f"percentile={self.percentile!r}; allowed: above 0, up to 100")

    @property
    def _counts(self) -> bool:
        return (self.neuron, self.code) == ("binary", "rate")

    def _own(self) -> dict[str, str | int | float | None]:
        """What the recipe, then the neuron and its code, choose where nothing is given."""
        neuron = self.neuron or ("sigma_delta" if self.recipe == "sigma_delta" else "binary")
        carries_changes = neuron == "sigma_delta"
        levels = self.levels if self.levels is not None else 16 if carries_changes else 8
        counts = neuron == "binary" and self.code in (None, "rate") and self.reset == "subtract"
        fits = counts and self.percentile is None
        return {
            "neuron": neuron,
            "code": "delta" if carries_changes else "rate",
            "levels": levels,
            "headroom": min(6, max(0, levels - 10)) if carries_changes else 0,
            "mantissa_bits": int(carries_changes),
            "thresholds": _THRESHOLDS.get(self.recipe, None if fits else "percentile"),
            **({} if self.recipe in TRAINED else {"alpha": 0.5}),
        }

    def _check_range(self, option: str, low: int, high: int | None) -> None:
        value = getattr(self, option)
        if value is not None and not (low <= value and (high is None or value <= high)):
            allowed = f"whole numbers from {low}" if high is None else f"{low} to {high}"
            raise OptionError(f"{option}={value!r}; allowed: {allowed}")


def prepare(graph: Graph, options: Options) -> Graph:
    """What needs no data: read-outs, folding.

    After: linear nodes, activations, poolings and read-outs; computes what the CNN computes.
    """
    graph = attach_readouts(graph)
    if options.pooling_neurons:
        graph = separate_poolings(graph)
    graph = fold_scales(graph)
    return read_from_spikes(graph, str(options.neuron)) if options.readout == "spikes" else graph


def neurons_of(graph: Graph, options: Options) -> Graph:
    """The prepared graph with neurons in it, thresholds not yet set."""
    return place_neurons(
        graph,
        str(options.neuron),
        options.reset,
        options.alpha,
        options.limit,
        str(options.code),
        int(options.levels or 0),
        int(options.mantissa_bits or 0),
    )


def finish(
    graph: Graph, stats: Mapping[str, ActivationStats], options: Options, windows: Windows
) -> Graph:
    """Scales, normalised currents, n-bit weights.

    Args:
        graph: From `neurons_of`.
        stats: Of its inputs and neurons.
        options: The user's choice; kept in the graph's settings.
        windows: The steps for which each layer of neurons may fire; thresholds are fitted to
            them, where they are.
    """
    scales = _scales(graph, stats, options, windows)
    raised = 2.0 ** int(options.headroom or 0)
    neurons = {node.name for node in graph.of("neuron")}
    scales = {n: np.float32(raised) * s if n in neurons else s for n, s in scales.items()}
    graph = normalize(graph, scales)
    if options.readout == "spikes":
        graph = graph.keeping(with_whole_outputs(graph))
    if options.weight_bits is not None:
        graph = quantize_weights(graph, options.weight_bits)
    return graph.with_settings(**asdict(options))


def _scales(
    graph: Graph, stats: Mapping[str, ActivationStats], options: Options, windows: Windows
) -> Scales:
    """What one spike of each input and neuron stands for."""
    if options.recipe in TRAINED:
        return learned_scales(graph, stats)
    search = None if options.thresholds == "percentile" else _fit(options, windows)
    percentile = 100.0 if options.percentile is None else options.percentile
    return choose_scales(
        graph, stats, percentile, options.per_channel, search, int(options.headroom or 0)
    )


def _fit(options: Options, windows: Windows) -> Fit:
    """Thresholds for what each neuron's own spikes can carry."""

    def search(node: Node, stats: ActivationStats, start: np.ndarray) -> np.ndarray:
        coder = Coder(
            windows[node.name],
            node["model"] in GRADED,
            node["code"] == "rate",
            0.5 if options.alpha is None else options.alpha,
            node["limit"],
            node["levels"] - int(options.headroom or 0),
            node["mantissa_bits"],
        )
        return fit(str(options.thresholds), stats, start, coder)

    return search
