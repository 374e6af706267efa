"""After conversion: biases and initial potentials that make up for what spikes lose on average."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from spkeras.data.batches import as_samples, check_range
from spkeras.errors import OptionError
from spkeras.graph import Graph, Node
from spkeras.passes.fold import WEIGHTED
from spkeras.rates import Stages
from spkeras.simulate import equal_slices
from spkeras.snn.settings import NAMES
from spkeras.snn.spike_loop import SpikeLoop, build, loop_of

METHODS = ("light", "advanced")


def check_correction(method: str, schedule: str, neuron: str, code: str) -> None:
    """Refuse a correction that has no meaning for a network.

    Raises:
        OptionError: names the setting, what was received and what is allowed.
    """
    if method not in METHODS:
        raise OptionError(f"correction={method!r}; allowed: {METHODS}")
    if schedule != "clock_driven" or neuron != "binary" or code != "rate":
        raise OptionError(
            f"correction={method!r} with schedule={schedule!r}, neuron={neuron!r}, code={code!r}; "
            "allowed: 'clock_driven', 'binary', 'rate'"
        )


def correct(
    snn: keras.Model,
    x: Any,
    method: str = "light",
    *,
    samples: int = 100,
    batch_size: int = 50,
    progress: Callable[[int, int], None] | None = None,
) -> keras.Model:
    """Bring the mean rates of all layers to those of the CNN.

    light:     b_c <- b_c + V_c mean over samples and positions of (CNN - rate),
    advanced:  v0_i <- v0_i + T V_c mean over samples of (CNN - rate), neuron by neuron,

    with CNN the activation in spikes a step, cut to one; layer by layer, each as the corrected
    ones before it drive it (all at once they overshoot, and a deep network is lost).

    Args:
        snn: A clock-driven network of binary neurons under the rate code; not changed.
        x: Training samples; evenly spread ones are taken.
        method: "light" (biases) or "advanced" (initial potentials).
        samples: How many; they run once for each layer.
        batch_size: Samples at once.
        progress: Told (samples done, samples in all, over all layers).

    Returns:
        The corrected network.

    Raises:
        OptionError: another network, or a method that does not exist.
        DataError: samples that do not fit.

    Reference:
        Li et al. 2021, "A free lunch from ANN: towards efficient, accurate spiking neural
        networks calibration", ICML (light and advanced pipelines, without weight calibration).
    """
    loop = loop_of(snn)
    kinds = {node["model"] for node in loop.graph.of("neuron")} | {"binary"}
    check_correction(method, loop.schedule, "/".join(sorted(kinds)), loop.code)
    arrays = as_samples(loop.graph, x)
    check_range(loop.graph, arrays)
    chosen = np.unique(np.linspace(0, len(arrays[0]) - 1, samples).astype(int))
    arrays = [array[chosen] for array in arrays]
    graph, sources = (_biased if method == "light" else _charged)(loop.graph)
    student = loop_of(_rebuilt(loop, graph))
    # The CNN's rates are those of the network as it was: its own move with its biases.
    teacher, stages = Stages(loop), Stages(student)
    total = len(chosen) * len(sources)
    for turn, (position, layer) in enumerate(sources.items()):
        told = _Shifted(progress, turn * len(chosen), total)
        missing = _missing(teacher, stages, arrays, batch_size, told)[position]
        _apply(student, graph.of("neuron")[position], layer, missing, method)
    note = f"{method} correction on {len(chosen)} samples"
    done = student.graph
    return _rebuilt(
        student, done.with_nodes(done.nodes, notes=[note]).with_settings(correction=method)
    )


class _Shifted:
    """Tells how far all runs are, given how far this one is."""

    def __init__(self, progress: Callable[[int, int], None] | None, start: int, total: int) -> None:
        self.progress, self.start, self.total = progress, start, total

    def __call__(self, done: int) -> None:
        if self.progress is not None:
            self.progress(self.start + done, self.total)


def _missing(
    teacher: Stages,
    student: Stages,
    arrays: list[np.ndarray],
    batch_size: int,
    told: Callable[[int], None],
) -> list[np.ndarray]:
    """Mean of (CNN - rate) of each neuron of each layer, in spikes a step."""
    sums: list[np.ndarray] = []
    count = len(arrays[0])
    for rows in equal_slices(count, batch_size):
        batch = [array[rows].astype("float32") for array in arrays]
        wanted = teacher.rates("clipped", batch)[1]
        found = student.simulated(batch, wanted).rates
        own = [(w - f).sum(0) for w, f in zip(wanted, found, strict=True)]
        sums = own if not sums else [a + b for a, b in zip(sums, own, strict=True)]
        told(rows.stop)
    return [total / count for total in sums]


def _apply(loop: SpikeLoop, node: Node, layer: str, missing: np.ndarray, method: str) -> None:
    """Change a bias, or what a layer of neurons starts with."""
    target = loop.network.layers[layer]
    if method == "light":
        missing = missing.mean(tuple(range(missing.ndim - 1)))
        step = missing * node.arrays["threshold"]
        target.bias.assign(keras.ops.convert_to_numpy(target.bias) + step)
        return
    steps = loop.timesteps - node["depth"] * loop.offset
    change = steps * missing * node.arrays["threshold"]
    target.offset0.assign(keras.ops.convert_to_numpy(target.offset0) + change)


def _biased(graph: Graph) -> tuple[Graph, dict[int, str]]:
    """The graph with a bias in each layer before neurons, and its name by the neurons' index.

    Neurons behind something else than weights (a pooling, an input) have none and stay.
    """
    changed: dict[str, Node] = {}
    found = {}
    for index, neuron in enumerate(graph.of("neuron")):
        node = _weights_before(graph, neuron)
        per_channel = neuron.arrays["threshold"].ndim <= 1
        if node is not None and per_channel and node.shape == graph[neuron.inputs[0]].shape:
            bias = node.array("bias")
            zeros = np.zeros(node.shape[-1], np.float32)
            changed[node.name] = node.with_arrays(bias=zeros if bias is None else bias)
            found[index] = node.name
    return graph.updated(changed), found


def _weights_before(graph: Graph, neuron: Node) -> Node | None:
    """The weighted node whose output only this neuron receives, alone or as a part of a sum."""
    before = graph[neuron.inputs[0]]
    if graph.sole_consumer(before.name) is None:
        return None
    candidates = [before] if before.op != "add" else [graph[name] for name in before.inputs]
    return next((n for n in candidates if n.op in WEIGHTED and graph.sole_consumer(n.name)), None)


def _charged(graph: Graph) -> tuple[Graph, dict[int, str]]:
    """The graph with an initial potential for each neuron, and names by their index."""
    changed = {
        node.name: node.with_arrays(offset0=np.zeros(node.shape, np.float32))
        for node in graph.of("neuron")
        if node["pool"] is None and node.array("offset0") is None
    }
    names = [node.name for node in graph.of("neuron")]
    return graph.updated(changed), {names.index(name): name for name in changed}


def _rebuilt(loop: SpikeLoop, graph: Graph) -> keras.Model:
    return build(graph, **{name: getattr(loop, name) for name in NAMES})
