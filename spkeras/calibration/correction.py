"""After conversion: biases and initial potentials that correct the loss by spikes."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from spkeras.calibration.layer_rates import LayerRates
from spkeras.calibration.layerwise import LayerwiseSimulation
from spkeras.data import DataLike, Source, open_data
from spkeras.data.batches import check_range, equal_slices
from spkeras.data.layout import Layout
from spkeras.errors import OptionError, UnsupportedLayerError
from spkeras.graph import Graph, Node
from spkeras.graph.operations import WITH_KERNEL
from spkeras.ops.bar import reported
from spkeras.ops.progress import Progress
from spkeras.passes.changes import check_real, kept
from spkeras.recipes import CorrectionPlan
from spkeras.snn.model import loop_of, rebuilt
from spkeras.snn.spike_loop import SpikeLoop

# What each method changes, in this order, layer by layer.
_PARTS = {"light": ("light",), "advanced": ("advanced",), "both": ("light", "advanced")}


def check_correction(method: str, schedule: str, neuron: str, spike_code: str) -> None:
    """Refuse a correction that has no meaning for a network.

    Raises:
        OptionError: names the setting, what was received and what is allowed.
    """
    if schedule != "clock_driven" or neuron != "binary" or spike_code != "rate":
        raise OptionError(
            f"correction={method!r} with schedule={schedule!r}, neuron={neuron!r}, "
            f"spike_code={spike_code!r}; "
            "allowed: 'clock_driven', 'binary', 'rate'"
        )


def correct(
    snn: keras.Model,
    data: DataLike | Source,
    method: str | CorrectionPlan = "light",
    *,
    progress: Progress | None = None,
    verbose: str | int = "auto",
    **options: Any,
) -> keras.Model:
    """Correct what spikes lose: on average over samples, or in each sample.

    light:     b_c <- b_c + V_c mean over samples and positions of (CNN - rate),
    advanced:  v0_i <- v0_i + T V_c mean over samples of (CNN - rate), neuron by neuron,
    both:      light, then advanced,

    with CNN the activation in spikes a step, cut to one; layer by layer, each as the corrected
    ones before it drive it (all at once they overshoot, and a deep network is lost). T are the
    steps that a layer has from its start on. Each is changed once: changed twice, a network
    follows its few samples instead of what is behind them (docs/training.md).

    offset_spikes changes no weight. In each sample, a layer first takes 4 steps (T if that is less)
    and sends nothing; neurons that have fired once too often or too seldom shift their initial
    potential by about a threshold. Then the layer takes all T steps, and the next one begins. The
    answer stands after T + 4 steps for each layer of neurons in a row; a neuron keeps 4 currents,
    and its first 4 membrane updates are made twice (not counted). Stagger is 0.

    Args:
        snn: A clock-driven network of binary neurons under the rate code; not changed.
        data: Training samples, in any form of docs/data.md; some are drawn at random with a fixed seed. They run through
            each layer once, and once more for each change.
        method: "light" (biases), "advanced" (initial potentials), "both",
            "offset_spikes", or a `CorrectionPlan`.
        progress: Called with (samples done, samples in all) over all layers and changes.
        verbose: "auto" for a bar in a terminal or a notebook, and nothing in a file; 1 for a bar, 0
            for none. With `progress` no bar is shown.
        options: Options of the plan, if a name is given: `samples`, `batch_size`.

    Returns:
        The corrected network.

    Raises:
        OptionError: another network, a method that does not exist, or numbers out of range.
        DataError: samples that do not fit.
        UnsupportedLayerError: neurons without a potential to shift (max pooling), all at once.

    Reference:
        Li et al. 2021, "A free lunch from ANN: towards efficient, accurate spiking neural
        networks calibration", ICML (light and advanced pipelines, without weight calibration).
        Hao et al. 2023, "Bridging the gap between ANNs and SNNs by calibrating offset spikes",
        ICLR (one round, as in the published code).
    """
    given = {"method": method} if isinstance(method, str) else method
    plan = CorrectionPlan.of(given, **options)
    loop = loop_of(snn)
    check_real(loop.graph, "correct")
    kinds = {node["model"] for node in loop.graph.of("neuron")} | {"binary"}
    check_correction(plan.method, loop.schedule, "/".join(sorted(kinds)), loop.spike_code)
    if plan.method == "offset_spikes":
        return _with_presteps(loop)
    source = open_data(Layout.of(loop.graph), data)
    check_range(loop.graph, source.head(plan.batch_size).x)
    arrays = source.some(plan.samples).x
    with reported(progress, verbose, "sample") as report:
        student = _Correction(
            teacher=loop,
            arrays=arrays,
            parts=_PARTS[plan.method],
            batch_size=plan.batch_size,
            progress=report,
        ).run()
    note = f"{plan.method} correction on {len(arrays[0])} samples"
    done = kept(student.graph, loop.graph)
    return rebuilt(
        student, done.with_nodes(done.nodes, notes=[note]).with_settings(correction=plan.method)
    )


def _with_presteps(loop: SpikeLoop) -> keras.Model:
    """Return the network whose layers shift their initial potentials in each sample."""
    problems = [
        f"{node.source or node.name}: a {node['model']} neuron of {node['function']}"
        f"{' with max pooling' if node['pool'] else ''} has no potential to shift; allowed: binary "
        "ReLU neurons with soft reset, so convert with average pooling, or without this correction"
        for node in loop.network.neurons
        if not node.is_plain or node["reset"] != "subtract"
    ]
    if problems:
        raise UnsupportedLayerError(problems)
    graph = loop.graph
    noted = graph.with_nodes(graph.nodes, notes=["offset-spike correction in each sample"])
    changed = kept(noted, graph).with_settings(correction="offset_spikes")
    return rebuilt(loop, changed, stagger=0)


class _Correction:
    """One layer after the other, with what may be changed in each."""

    def __init__(
        self,
        teacher: SpikeLoop,
        arrays: list[np.ndarray],
        parts: Sequence[str],
        batch_size: int,
        progress: Progress,
    ) -> None:
        graph, self.biases = _biased(teacher.graph) if "light" in parts else (teacher.graph, {})
        graph, self.charges = _charged(graph) if "advanced" in parts else (graph, {})
        self.student, self.parts, self.progress = loop_of(rebuilt(teacher, graph)), parts, progress
        self.passage = LayerwiseSimulation(self.student, arrays, batch_size)
        # The CNN's rates are those of the net that was converted: the network's own move with
        # its biases.
        former = teacher.graph.reference()
        exact = loop_of(rebuilt(teacher, former)) if teacher.graph.originals else teacher
        self.wanted = _mean_rates(exact, arrays, batch_size)
        self.done, self.samples = 0, len(arrays[0])

    def run(self) -> SpikeLoop:
        for index, wanted in enumerate(self.wanted):
            rates = self._rates(index)
            for part in self.parts:
                change = self._light if part == "light" else self._advanced
                if change(index, wanted - rates):
                    rates = self._rates(index)
                else:
                    self._told()
        return self.student

    def _rates(self, index: int) -> np.ndarray:
        rates = self.passage.run(index)
        self._told()
        return rates

    def _told(self) -> None:
        self.done += self.samples
        turns = len(self.wanted) * (1 + len(self.parts))
        self.progress(self.done, turns * self.samples)

    def _light(self, index: int, missing: np.ndarray) -> bool:
        """Change a bias by the mean over positions; whether there is one."""
        if index not in self.biases:
            return False
        layer = self.student.network.layers[self.biases[index]]
        step = missing.mean(tuple(range(missing.ndim - 1))) * self._threshold(index)
        layer.bias.assign(keras.ops.convert_to_numpy(layer.bias) + step)
        return True

    def _advanced(self, index: int, missing: np.ndarray) -> bool:
        """Change what neurons start with; whether they may."""
        if index not in self.charges:
            return False
        layer = self.student.network.layers[self.charges[index]]
        steps = self.student.timesteps - self.student.start(self.student.network.neurons[index])
        step = steps * missing * self._threshold(index)
        layer.constant_input0.assign(keras.ops.convert_to_numpy(layer.constant_input0) + step)
        return True

    def _threshold(self, index: int) -> np.ndarray:
        network = self.student.network
        layer = network.layers[network.neurons[index].name]
        threshold: np.ndarray = keras.ops.convert_to_numpy(layer.threshold)
        return threshold


def _mean_rates(loop: SpikeLoop, arrays: list[np.ndarray], batch_size: int) -> list[np.ndarray]:
    """The CNN's mean rate of each neuron of each layer, in spikes a step, none above one."""
    stages, count = LayerRates(loop), len(arrays[0])
    sums: list[np.ndarray] = []
    for rows in equal_slices(count, batch_size):
        found = stages.rates("clipped", [array[rows].astype("float32") for array in arrays])[1]
        own = [rates.sum(axis=0, dtype=np.float64) for rates in found]
        sums = own if not sums else [a + b for a, b in zip(sums, own, strict=True)]
    return [total / count for total in sums]


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
    return next(
        (n for n in candidates if n.op in WITH_KERNEL and graph.sole_consumer(n.name)), None
    )


def _charged(graph: Graph) -> tuple[Graph, dict[int, str]]:
    """The graph with an initial potential for each neuron, and names by their index."""
    changed = {
        node.name: node.with_arrays(constant_input0=np.zeros(node.shape, np.float32))
        for node in graph.of("neuron")
        if node["pool"] is None and node.array("constant_input0") is None
    }
    names = [node.name for node in graph.of("neuron")]
    return graph.updated(changed), {names.index(name): name for name in changed}
