"""Detect calibration samples that a CNN cannot have been trained on, without labels."""

from collections.abc import Sequence

import numpy as np

from spkeras.errors import DataError
from spkeras.frontend.visits import Walk
from spkeras.graph import Graph, Node

# Layers whose numbers determine the range of inputs that a CNN expects.
_SCALING = ("Rescaling", "Normalization")
# Standard deviation of the inputs after them: 0.2 to 0.4 for images in 0..1, 1 for normalised
# data. Values outside of these bounds have another cause than unusual images: a wrong scale.
_LEAST, _MOST = 1 / 32, 20.0
# Largest factor of a layer that counts as a division of the inputs.
_DIVIDES = 1 / 8
# Number of samples that are evaluated, and the seed that chooses them.
_SAMPLES, _SEED = 256, 0
_INSIST = "if the data are right, give --insist (in Python insist=True)"


def check_calibration(walked: Walk, samples: Sequence[np.ndarray]) -> None:
    """Refuse calibration samples that do not represent a CNN's inputs.

    Args:
        walked: The CNN, as the frontend has walked it.
        samples: One array per input.

    Raises:
        DataError: all samples or all values are equal; or the range of an input is implausible
            after the CNN's Rescaling or Normalization.
    """
    _check_variety(samples)
    scaling = {
        name
        for visit in walked.visits
        if type(visit.operation).__name__ in _SCALING
        for name in visit.nodes
    }
    for node, array in zip(walked.graph.of("input"), samples, strict=True):
        _check_range(node, _leading(walked.graph, node, scaling), array)


def _check_variety(samples: Sequence[np.ndarray]) -> None:
    count = len(samples[0])
    if all(array.min() == array.max() for array in samples):
        what = f"all values of all {count} samples are {float(samples[0].flat[0]):g}"
    elif count > 1 and all((array == array[:1]).all() for array in samples):
        what = f"all {count} samples are the same"
    else:
        return
    raise DataError(
        f"calibration data: {what}, which does not give the range of activations; give 500 or "
        f"more samples of the training data; {_INSIST}"
    )


def _leading(graph: Graph, node: Node, scaling: set[str]) -> list[Node]:
    """Return the scaling nodes directly after an input, in order."""
    found: list[Node] = []
    reader = graph.sole_consumer(node.name)
    while reader is not None and reader.op == "scale" and reader.name in scaling:
        found.append(reader)
        reader = graph.sole_consumer(reader.name)
    return found


def _check_range(node: Node, leading: Sequence[Node], array: np.ndarray) -> None:
    if not leading:
        return
    rows = np.random.default_rng(_SEED).permutation(len(array))[:_SAMPLES]
    values = array[rows].astype(np.float64)
    if values.size < 2 * values.shape[-1]:
        return
    factor = np.prod(np.broadcast_arrays(*(scale.arrays["scale"] for scale in leading)), axis=0)
    before, after = _spread(values), _spread(values * factor)
    small = _spread(factor * np.ones_like(values[:1]), mean=True) <= _DIVIDES and after < _LEAST
    if not small and not (after > _MOST and before > _MOST):
        return
    names = ", ".join(f"{scale.source or scale.name!r}" for scale in leading)
    cause = (
        "they have probably been scaled already: leave --scale (or the division by 255) out"
        if small
        else "they have probably not been scaled as in training: give --scale, --mean or --std"
    )
    raise DataError(
        f"calibration data for {node.name}: from {values.min():.4g} to {values.max():.4g}; after "
        f"the model's {names} their standard deviation is {after:.2g}, allowed: {_LEAST:.2g} "
        f"to {_MOST:g}; {cause}; {_INSIST}"
    )


def _spread(values: np.ndarray, mean: bool = False) -> float:
    """Return the rms over the channels of their standard deviations, or of their means."""
    own = values.reshape(-1, values.shape[-1])
    return float(np.sqrt(np.mean((abs(own.mean(0)) if mean else own.std(0)) ** 2)))
