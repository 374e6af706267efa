"""Hold a converted network against its CNN: is it the same, and where does it lose?"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from spkeras.errors import DataError
from spkeras.facade.samples import as_samples
from spkeras.frontend.walk import layer_outputs, read_graph
from spkeras.graph import Graph
from spkeras.metrics import LayerCheck, Verification
from spkeras.metrics.comparison import RateComparison
from spkeras.passes.recipes import Options, prepare
from spkeras.rates import Stages
from spkeras.simulate import equal_slices
from spkeras.snn.network import analogue, as_list
from spkeras.snn.spike_loop import configured, loop_of

STAGES = ("folded", "clipped", "quantized", "simulated")


def verify(
    cnn: keras.Model,
    snn: keras.Model,
    x: Any,
    *,
    batch_size: int = 50,
    progress: Callable[[int, int], None] | None = None,
    **settings: Any,
) -> Verification:
    """Compare a converted network with its CNN, layer by layer.

    Args:
        cnn: The Keras model that was converted.
        snn: What `convert` made of it.
        x: Samples, as the CNN takes them; 100 to 500 do.
        batch_size: Samples at once; all layers of all of them are held in memory.
        progress: Told (samples done, samples in all).
        settings: `timesteps`, `schedule`, ... for this run instead of the network's own.

    Returns:
        Float error of the folded graph per layer, rates against activations per layer of
        neurons, and how much of the loss is clipping, quantisation and unevenness.

    Raises:
        DataError: the samples do not fit, or the two models have different inputs or outputs.
    """
    loop = loop_of(snn)
    graph = loop.graph
    samples = as_samples(graph, x)
    _check_pair(cnn, graph)
    folded = _Folded(cnn)
    neurons = [RateComparison(node.name, node["limit"]) for node in graph.of("neuron")]
    outputs = _Outputs(graph)
    total = len(samples[0])
    with configured(loop, settings):
        stages = Stages(loop)
        for rows in equal_slices(total, batch_size):
            batch = [array[rows].astype("float32") for array in samples]
            cnn_outputs, exact_outputs = folded.add(batch)
            runs = [stages.rates(mode, batch) for mode in ("analogue", "clipped", "count")]
            runs.append(stages.simulated(batch))
            for index, comparison in enumerate(neurons):
                comparison.add(*(rates[index] for _, rates in runs))
            outputs.add(cnn_outputs, exact_outputs, [answers for answers, _ in runs])
            if progress is not None:
                progress(rows.stop, total)
        layers, checks = folded.result(), tuple(c.result() for c in neurons)
        late = (check.name for check in checks if check.error > 2 / loop.timesteps)
        return Verification(
            snn.name,
            loop.schedule,
            loop.timesteps,
            total,
            layers,
            checks,
            next(late, None),
            all(layer.relative < 1e-5 for layer in layers),
            *outputs.result(),
        )


def _check_pair(cnn: keras.Model, graph: Graph) -> None:
    wanted = [tuple(tensor.shape[1:]) for tensor in cnn.inputs]
    given = [node.shape for node in graph.of("input")]
    if wanted != given or len(cnn.outputs) != len(graph.outputs):
        raise DataError(
            f"the CNN takes {wanted} and gives {len(cnn.outputs)} outputs, the converted "
            f"network takes {given} and gives {len(graph.outputs)}: they are no pair"
        )


class _Folded:
    """Largest differences between the CNN's layers and the folded graph."""

    def __init__(self, cnn: keras.Model) -> None:
        graph = prepare(read_graph(cnn), Options())
        pairs = list(_pairs(layer_outputs(cnn), graph))
        self.names = [layer for _, layer, _ in pairs]
        self.reference = keras.Model(cnn.inputs, [*(t for t, _, _ in pairs), *cnn.outputs])
        self.model = analogue(graph, [*(node for _, _, node in pairs), *graph.outputs])
        self.errors, self.sizes = np.zeros(len(pairs)), np.zeros(len(pairs))

    def add(self, batch: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Compare one batch; returns the CNN's outputs and the folded graph's (logits)."""
        given = batch if len(batch) > 1 else batch[0]
        cnn = as_list(self.reference.predict_on_batch(given))
        found = as_list(self.model.predict_on_batch(given))
        count = len(self.names)
        for index, (own, other) in enumerate(zip(cnn[:count], found[:count], strict=True)):
            self.errors[index] = max(self.errors[index], float(np.abs(own - other).max()))
            self.sizes[index] = max(self.sizes[index], float(np.abs(own).max()))
        return cnn[count:], found[count:]

    def result(self) -> tuple[LayerCheck, ...]:
        """One entry per layer of the CNN whose value the graph still holds."""
        relative = self.errors / np.where(self.sizes > 0, self.sizes, 1)
        rows = zip(self.names, self.errors, relative, strict=True)
        return tuple(LayerCheck(name, float(e), float(r)) for name, e, r in rows)


def _pairs(
    tensors: Mapping[str, keras.KerasTensor], graph: Graph
) -> Iterator[tuple[keras.KerasTensor, str, str]]:
    """(tensor, layer, node) for each layer of the CNN whose output is a node's value."""
    for node in graph.nodes:
        tensor = tensors.get(node.source)
        # Pieces of a layer are named after it with a colon; only the last is its output.
        if tensor is None or node.op in ("input", "readout") or ":" in node.name:
            continue
        if tuple(tensor.shape[1:]) == node.shape:
            yield tensor, node.source, node.name


class _Outputs:
    """Decisions and outputs after each stage, against the CNN's; of the first output."""

    def __init__(self, graph: Graph) -> None:
        shape = graph[graph.outputs[0]].shape
        self.classes = len(shape) == 1 and shape[0] > 1
        self.equal, self.squares = np.zeros(len(STAGES)), np.zeros(len(STAGES))
        self.samples = self.elements = 0

    def add(
        self,
        cnn: list[np.ndarray],
        exact: list[np.ndarray],
        stages: list[list[np.ndarray]],
    ) -> None:
        self.samples += len(cnn[0])
        self.elements += exact[0].size
        for index, outputs in enumerate(stages):
            self.squares[index] += float(((outputs[0] - exact[0]) ** 2).sum())
            if self.classes:
                self.equal[index] += (outputs[0].argmax(-1) == cnn[0].argmax(-1)).sum()

    def result(self) -> tuple[dict[str, float], dict[str, float]]:
        """Share of equal decisions and rms difference, by stage."""
        shares = (self.equal / max(self.samples, 1)).tolist() if self.classes else []
        errors = np.sqrt(self.squares / max(self.elements, 1)).tolist()
        return dict(zip(STAGES, shares, strict=False)), dict(zip(STAGES, errors, strict=True))
