"""Compare the folded graph with the CNN, layer by layer, in floating point."""

from collections.abc import Iterator, Mapping

import keras
import numpy as np

from spkeras.frontend.steps import layer_outputs, maker
from spkeras.frontend.visits import EPSILON
from spkeras.frontend.walk import read_graph, walk
from spkeras.graph import Graph
from spkeras.metrics import LayerCheck
from spkeras.passes.pipeline import fold
from spkeras.snn.ann import ann, inference
from spkeras.snn.network import as_list

Tensors = Mapping[str, keras.KerasTensor]
# Largest relative difference by rounding, where layers of the CNN round values to few bits: a sum of
# several roundings.
_TOLERANCE = {name: 8 * EPSILON[name] for name in ("float16", "bfloat16")}


class Folded:
    """Largest differences between the CNN's layers and the folded graph.

    Args:
        cnn: The Keras model.

    Attributes:
        tolerance: Largest relative difference that rounding explains.
    """

    def __init__(self, cnn: keras.Model) -> None:
        graph = fold(read_graph(cnn))
        self.tolerance = _TOLERANCE.get(walk(cnn).precision, 1e-5)
        pairs = list(_pairs(_tensors(cnn), graph))
        self.names = [layer for _, layer, _ in pairs]
        given = cnn.inputs if len(cnn.inputs) > 1 else cnn.inputs[0]
        own = keras.Model(given, [*(t for t, _, _ in pairs), *cnn.outputs])
        self.reference = inference(own)
        self.folded = inference(ann(graph, [*(node for _, _, node in pairs), *graph.outputs]))
        self.errors, self.sizes = np.zeros(len(pairs)), np.zeros(len(pairs))

    def add(self, batch: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Compare one batch; return the outputs of the CNN and of the folded graph (logits)."""
        cnn, found = self.reference(batch), self.folded(batch)
        count = len(self.names)
        for index, (own, other) in enumerate(zip(cnn[:count], found[:count], strict=True)):
            # NumPy's maximum keeps NaN, Python's does not.
            self.errors[index] = np.maximum(self.errors[index], np.abs(own - other).max())
            self.sizes[index] = np.maximum(self.sizes[index], np.abs(own).max())
        return cnn[count:], found[count:]

    def result(self) -> tuple[LayerCheck, ...]:
        """Return an entry for each layer of the CNN whose value the graph has."""
        relative = self.errors / np.where(self.sizes > 0, self.sizes, 1)
        rows = zip(self.names, self.errors, relative, strict=True)
        return tuple(LayerCheck(name, float(e), float(r)) for name, e, r in rows)


def _tensors(model: keras.Model) -> dict[str, keras.KerasTensor]:
    """Return the output tensor of each layer, also of models inside, by `Node.source`."""
    found = {}
    for name, tensor in layer_outputs(model).items():
        found[name] = tensor
        operation, call = maker(tensor)
        if isinstance(operation, keras.Model) and _plainly_called(operation, call.input_tensors):
            inner = _tensors(operation)
            # Its layers have no tensor in the outer model until a model of them is called.
            probe = keras.Model(operation.inputs, list(inner.values()))
            given = list(call.input_tensors)
            values = as_list(probe(given if len(given) > 1 else given[0]))
            found.update({f"{name}/{key}": t for key, t in zip(inner, values, strict=True)})
    return found


def _plainly_called(model: keras.Model, given: list[keras.KerasTensor]) -> bool:
    """Return whether a model inside another is called with inputs in the order of its build."""
    wanted = [tensor.shape for tensor in model.inputs]
    return [tensor.shape for tensor in given] == wanted and len(set(wanted)) == len(wanted)


def _pairs(tensors: Tensors, graph: Graph) -> Iterator[tuple[keras.KerasTensor, str, str]]:
    """Yield (tensor, layer, node) for each layer of the CNN whose output is a node's value."""
    for node in graph.nodes:
        tensor = tensors.get(node.source)
        # Pieces of a layer are named after it with a colon; only the last is its output.
        if tensor is None or node.op in ("input", "readout") or ":" in node.name:
            continue
        if tuple(tensor.shape[1:]) == node.shape:
            yield tensor, node.source, node.name
