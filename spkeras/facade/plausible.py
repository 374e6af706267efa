"""Calibration samples that cannot be what a CNN was trained on, found without labels."""

from collections.abc import Sequence

import numpy as np

from spkeras.errors import DataError
from spkeras.frontend.walk import Walk
from spkeras.graph import Graph, Node

# Layers whose numbers say which range of inputs a CNN expects.
_SCALING = ("Rescaling", "Normalization")
# Standard deviation of the inputs behind them: 0.2 to 0.4 for images in 0..1, 1 for normalised
# data. Outside of these bounds another scaling is at work, not another picture.
_LEAST, _MOST = 1 / 32, 20.0
# A model divides its inputs where its own factor is at most this.
_DIVIDES = 1 / 8
# Samples that are looked at, chosen by this seed.
_SAMPLES, _SEED = 256, 0
_INSIST = "if the data are right, insist (--insist, in Python insist=True)"


def check_calibration(walked: Walk, samples: Sequence[np.ndarray]) -> None:
    """Refuse calibration samples that say nothing about a CNN's activations.

    Args:
        walked: The CNN, as the frontend has walked it.
        samples: One array per input.

    Raises:
        DataError: all samples are the same, or all values; or the range of an input is absurd
            behind the CNN's own Rescaling or Normalization.
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
        f"calibration data: {what}, which says nothing about how large activations become; give "
        f"500 or more samples of the training data; {_INSIST}"
    )


def _leading(graph: Graph, node: Node, scaling: set[str]) -> list[Node]:
    """The scaling nodes that an input passes before anything else, in order."""
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
        f"the model's own {names} their standard deviation is {after:.2g}, allowed: {_LEAST:.2g} "
        f"to {_MOST:g}; {cause}; {_INSIST}"
    )


def _spread(values: np.ndarray, mean: bool = False) -> float:
    """Root mean square over the channels of their standard deviations, or of their means."""
    own = values.reshape(-1, values.shape[-1])
    return float(np.sqrt(np.mean((abs(own.mean(0)) if mean else own.std(0)) ** 2)))
