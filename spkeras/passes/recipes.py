"""Named orders of passes: from the frontend's graph to one with neurons."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from spkeras.errors import OptionError
from spkeras.graph import Graph, Node
from spkeras.graph.stats import ActivationStats
from spkeras.ops.names import GRADED, MOST_LEVELS, MOST_MANTISSA_BITS, NEURONS
from spkeras.passes.coder import Coder
from spkeras.passes.fold import fold_scales
from spkeras.passes.neurons import place_neurons
from spkeras.passes.normalize import normalize
from spkeras.passes.quantize import quantize_weights
from spkeras.passes.readout import attach_readouts, read_from_spikes
from spkeras.passes.scales import Fit, choose_scales
from spkeras.passes.thresholds import METHODS, fit

RECIPES = ("ecc", "sigma_delta")


@dataclass(frozen=True)
class Options:
    """What a user may choose about the network itself (not about its simulation).

    Attributes:
        recipe: One of `RECIPES`. "ecc": explicit current control (Wu et al. 2022).
            "sigma_delta": graded spikes that carry changes; for any feed-forward network.
        percentile: Share of the activations below a layer's scale, in %; 100 is the maximum;
            None to have it chosen for T.
        per_channel: One scale per channel instead of one per layer.
        thresholds: One of `spkeras.passes.thresholds.METHODS`: the percentile itself, or a
            search from there.
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
        alpha: Share of a level given in advance; 1/2 rounds.
        readout: "membrane" or "spikes".
        weight_bits: n-bit weights, or None for float32.
    """

    recipe: str = "ecc"
    percentile: float | None = None
    per_channel: bool = True
    thresholds: str = "percentile"
    neuron: str | None = None
    code: str | None = None
    levels: int | None = None
    headroom: int | None = None
    mantissa_bits: int | None = None
    limit: int = 4
    reset: str = "subtract"
    alpha: float = 0.5
    readout: str = "membrane"
    weight_bits: int | None = None

    def __post_init__(self) -> None:
        if self.neuron is None:
            own = "sigma_delta" if self.recipe == "sigma_delta" else "binary"
            object.__setattr__(self, "neuron", own)
        if self.code is None:
            own = "delta" if self.neuron == "sigma_delta" else "rate"
            object.__setattr__(self, "code", own)
        if self.levels is None:
            object.__setattr__(self, "levels", 16 if self.neuron == "sigma_delta" else 8)
        if self.headroom is None:
            delta = self.code == "delta"
            spare = min(6, max(0, int(self.levels or 0) - 10))
            object.__setattr__(self, "headroom", spare if delta else 0)
        if self.mantissa_bits is None:
            object.__setattr__(self, "mantissa_bits", int(self.neuron == "sigma_delta"))
        counts = (self.neuron, self.code) == ("binary", "rate")
        allowed = {
            "recipe": RECIPES,
            "neuron": ("sigma_delta",) if self.recipe == "sigma_delta" else NEURONS,
            "code": ("delta",) if self.neuron == "sigma_delta" else ("rate", "differential"),
            "thresholds": METHODS,
            "reset": ("subtract", "zero") if counts else ("subtract",),
            "readout": ("membrane", "spikes"),
        }
        for option, values in allowed.items():
            if getattr(self, option) not in values:
                raise OptionError(f"{option}={getattr(self, option)!r}; allowed: {values}")
        if not 0 <= self.alpha <= 1:
            raise OptionError(f"alpha={self.alpha!r}; allowed: 0 to 1")
        if self.percentile is not None and not 0 < self.percentile <= 100:
            raise OptionError(f"percentile={self.percentile!r}; allowed: above 0, up to 100")
        if self.limit < 1:
            raise OptionError(f"limit={self.limit!r}; allowed: whole numbers from 1")
        levels = int(self.levels or 0)
        if not 1 <= levels <= MOST_LEVELS:
            raise OptionError(f"levels={self.levels!r}; allowed: 1 to {MOST_LEVELS}")
        if not 0 <= int(self.headroom or 0) < levels:
            raise OptionError(f"headroom={self.headroom!r}; allowed: 0 to {levels - 1}")
        if not 0 <= int(self.mantissa_bits or 0) <= MOST_MANTISSA_BITS:
            most = MOST_MANTISSA_BITS
            raise OptionError(f"mantissa_bits={self.mantissa_bits!r}; allowed: 0 to {most}")
        if self.weight_bits is not None and not 2 <= self.weight_bits <= 16:
            raise OptionError(f"weight_bits={self.weight_bits!r}; allowed: 2 to 16")


def prepare(graph: Graph, options: Options) -> Graph:
    """What needs no data: read-outs, folding.

    After: linear nodes, activations, poolings and read-outs; computes what the CNN computes.
    """
    graph = fold_scales(attach_readouts(graph))
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
    graph: Graph, stats: Mapping[str, ActivationStats], options: Options, timesteps: int = 64
) -> Graph:
    """Scales, normalised currents, n-bit weights.

    Args:
        graph: From `neurons_of`.
        stats: Of its inputs and neurons.
        options: The user's choice; kept in the graph's settings.
        timesteps: T for which thresholds are fitted, where they are.
    """
    search = None if options.thresholds == "percentile" else _fit(options, timesteps)
    percentile = 100.0 if options.percentile is None else options.percentile
    scales = choose_scales(graph, stats, percentile, options.per_channel, search)
    raised = 2.0 ** int(options.headroom or 0)
    neurons = {node.name for node in graph.of("neuron")}
    scales = {n: np.float32(raised) * s if n in neurons else s for n, s in scales.items()}
    graph = normalize(graph, scales)
    if options.weight_bits is not None:
        graph = quantize_weights(graph, options.weight_bits)
    return graph.with_settings(**asdict(options))


def _fit(options: Options, timesteps: int) -> Fit:
    """Thresholds for what each neuron's own spikes can carry."""

    def search(node: Node, stats: ActivationStats, start: np.ndarray) -> np.ndarray:
        coder = Coder(
            timesteps,
            node["model"] in GRADED,
            node["code"] == "rate",
            options.alpha,
            node["limit"],
            node["levels"] - int(options.headroom or 0),
            node["mantissa_bits"],
        )
        return fit(options.thresholds, stats, start, coder)

    return search
