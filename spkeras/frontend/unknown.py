"""Calls whose sizes are unknown: after a layer that cannot be read, or an input of open sizes."""

from collections.abc import Mapping
from typing import Any

import keras

from spkeras.frontend.handlers import (
    LAYERS,
    OPERATORS,
    OWN_LAYERS,
    Call,
    Port,
    attention,
    handler_of,
    is_users,
    recurrent,
)
from spkeras.frontend.handlers.passing import WRAPPERS
from spkeras.frontend.handlers.refusals import reason
from spkeras.frontend.steps import shapes
from spkeras.keras_files.standins import StandIn

# Size of an axis of an input that the model leaves open, to examine the layers that follow.
ANY_SIZE = 256
# What Keras and handlers raise for sizes that were guessed, and that do not fit.
GUESS_FAILURES = (
    *(TypeError, ValueError, RuntimeError, LookupError),
    *(AttributeError, ArithmeticError, AssertionError),
)
# Classes that compute with values for any sizes, and what they compute.
OF_VALUES = {
    **dict.fromkeys(recurrent.LAYERS, "recurrent"),
    **dict.fromkeys(attention.LAYERS, "attention"),
    **dict.fromkeys(
        "GroupNormalization LayerNormalization RMSNormalization UnitNormalization".split(),
        "layer_normalization",
    ),
    **{kind: kind.lower() for kind in ("Dot", "Maximum", "Minimum", "Multiply")},
}
# How much is known of the sizes of a call: all, or enough to judge it, or too little.
KNOWN, GUESSED, UNKNOWN = "known", "guessed", "unknown"


def open_sizes(name: str, shape: tuple[int | None, ...]) -> str:
    """Return the problem of an input layer whose shape leaves sizes open."""
    return (
        f"{name} (InputLayer): shape {(None, *shape)} leaves sizes open; give them when the file "
        "is loaded (--input-shape 224,224,3; in Python input_shape=(224, 224, 3)), or rebuild the "
        "model with a fixed keras.Input(shape)"
    )


def guessed_shapes(step: Any, values: Mapping[int, Port]) -> tuple[tuple[Any, ...], ...]:
    """Return the output shapes of a call for guessed inputs; sizes are None where they do not fit.

    Args:
        step: The record of the call.
        values: Port of each Keras tensor so far, by the tensor's id.
    """
    try:
        return shapes(step, values)
    except GUESS_FAILURES:
        return tuple((None,) * (len(tensor.shape) - 1) for tensor in step.outputs)


def class_problem(call: Call) -> str:
    """Return why a call converts for no sizes; "" if its class converts for some."""
    operation = call.operation
    if isinstance(operation, StandIn):
        missing = _missing(operation)
        received, remedy = reason(missing, "keras.") if missing else ("", "")
        text = f"{call.source} ({operation.kind}): {received}; {remedy}" if missing else ""
        return operation.problem or text
    if isinstance(operation, keras.layers.TimeDistributed) or call.kind in WRAPPERS:
        return class_problem(call.of(operation.layer))
    examined = isinstance(operation, keras.Model) or is_users(operation)
    if examined or handler_of(operation) is not None:
        return ""
    return call.refuse(*reason(call.kind, type(operation).__module__)).problems[0]


def _missing(operation: StandIn) -> str:
    """Return the class without a handler: that of the layer, or of the one that it wraps."""
    wraps = operation.kind == "TimeDistributed" or operation.kind in WRAPPERS
    kind = operation.inner if wraps else operation.kind
    known = any(kind in table for table in (LAYERS, OWN_LAYERS, OPERATORS))
    return "" if known else kind
