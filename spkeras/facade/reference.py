"""The reference of a network in comparisons: its name, and its outputs."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from spkeras.errors import DataError
from spkeras.frontend.walk import read_graph
from spkeras.graph import Graph
from spkeras.graph.operations import WITH_KERNEL
from spkeras.passes.changes import is_lost
from spkeras.passes.compose import compose
from spkeras.passes.learned import trained_steps
from spkeras.passes.pipeline import fold
from spkeras.snn.ann import ann, inference
from spkeras.snn.converted import ConvertedNetwork

# Samples whose outputs are compared, and the largest rms difference relative to the outputs that
# rounding explains: without levels, and with levels, where rounding can change a whole level.
_COMPARED, _ROUNDING, _LEVELS = 32, 1e-3, 0.05


class NamedCnn:
    """The converted CNN, given as a Keras model and checked against the network.

    Args:
        cnn: The Keras model.
        loop: The spike loop of the network.
        samples: One array per input; the outputs of the first ones are compared if the network
            holds the CNN's weights.

    Raises:
        DataError: other inputs, outputs, weights or values of the outputs.
    """

    def __init__(
        self, cnn: keras.Model, loop: ConvertedNetwork, samples: Sequence[np.ndarray]
    ) -> None:
        own = loop.graph
        self.graph = check_pair(cnn, own)
        self._model = inference(ann(self.graph))
        if not is_lost(own):
            self._compare(loop, [array[:_COMPARED] for array in samples])

    def __call__(self, samples: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the CNN's outputs; logits if it ends in softmax."""
        return self._model([np.asarray(array, "float32") for array in samples])

    def _compare(self, loop: ConvertedNetwork, samples: list[np.ndarray]) -> None:
        scaled = loop.units([np.asarray(array, "float32") for array in samples])
        outputs, _ = loop.reference()(scaled, ops.ones((1,)))
        known = [ops.convert_to_numpy(output) for output in outputs]
        pairs = list(zip(self(samples), known, strict=True))
        error = sum(float(np.square(a - b, dtype=np.float64).sum()) for a, b in pairs)
        size = sum(float(np.square(a, dtype=np.float64).sum()) for a, _ in pairs)
        allowed = _ROUNDING if trained_steps(loop.graph) is None else _LEVELS
        if not error <= allowed**2 * size:
            raise DataError(
                f"cnn: the outputs differ by {(error / max(size, 1e-30)) ** 0.5:.2g} (rms, "
                f"relative) from those of the converted CNN; allowed: {allowed}; "
                "give the model that was converted"
            )


def check_pair(cnn: keras.Model, graph: Graph) -> Graph:
    """Refuse a CNN that cannot be the one that was converted.

    The conversion multiplies kernels by positive factors, so that no value changes its sign.
    Codes that are fitted can have another one: the network keeps the weights before.

    Args:
        cnn: The Keras model.
        graph: Graph of the network.

    Returns:
        The CNN's graph, folded.

    Raises:
        DataError: other inputs or outputs, or other weights.
    """
    wanted = [tuple(tensor.shape[1:]) for tensor in cnn.inputs]
    given = [node.shape for node in graph.of("input")]
    if wanted != given or len(cnn.outputs) != len(graph.outputs):
        raise DataError(
            f"cnn: takes {wanted} and gives {len(cnn.outputs)} outputs, the converted network "
            f"takes {given} and gives {len(graph.outputs)}; give the model that was converted"
        )
    folded = fold(read_graph(cnn))
    if graph.settings.get("relays"):
        folded = compose(folded)
    steps = trained_steps(folded), trained_steps(graph)
    if steps[0] != steps[1]:
        raise DataError(
            f"cnn: {_trained(steps[0])}, the converted network {_trained(steps[1])}; give the model "
            "that was converted (after `spkeras finetune` the twin that it wrote)"
        )
    pairs = [graph.reference().of(*WITH_KERNEL), folded.of(*WITH_KERNEL)]
    shapes = [[(n.op, n.arrays["kernel"].shape) for n in nodes] for nodes in pairs]
    if shapes[0] != shapes[1]:
        raise DataError(
            f"cnn: {_first_difference(shapes[1], shapes[0])}; give the model that was converted"
        )
    for own, former in zip(*pairs, strict=True):
        kernels = own.arrays["kernel"], former.arrays["kernel"]
        changed = (kernels[0] * kernels[1] < 0).mean()
        if changed:
            raise DataError(
                f"cnn: {changed:.2%} of the weights of {former.source or former.name} have "
                "another sign than in the converted network; give the model that was converted"
            )
    return folded


def _trained(steps: int | None) -> str:
    """Describe the activations."""
    return "has plain activations" if steps is None else f"has activations of {steps} steps"


def _first_difference(
    cnn: list[tuple[str, tuple[int, ...]]], own: list[tuple[str, tuple[int, ...]]]
) -> str:
    """Describe the first difference between two lists of weighted layers."""
    for index, (one, other) in enumerate(zip(cnn, own, strict=False)):
        if one != other:
            return (
                f"weighted layer {index + 1} is {one[0]} {one[1]}, in the converted network "
                f"{other[0]} {other[1]}"
            )
    return f"has {len(cnn)} weighted layers, the converted network {len(own)}"
