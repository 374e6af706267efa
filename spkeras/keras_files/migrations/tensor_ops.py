"""Raw TensorFlow operations in a functional model, replaced by layers and operators of Keras 3.

Keras 2.4 and later stored ``x * 2`` or ``tf.nn.relu6(x)`` as a TFOpLambda that names the
operation. Keras of TensorFlow 2.0 to 2.3 stored it as a TensorFlowOpLayer that holds a graph
node. The common ones are layers of Keras or small layers of spkeras, the others become the
operators of Keras 3 for which `keras.ops` stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from spkeras.keras_files.context import Context
from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.migrations.batch_sizes import drop_sizes, with_batch_sizes
from spkeras.keras_files.migrations.graph_ops import graph_operation
from spkeras.keras_files.migrations.tensor_calls import (
    NotMappedError,
    Result,
    StepsMaker,
    TensorCall,
)
from spkeras.keras_files.migrations.tensor_layers import MAKERS
from spkeras.keras_files.migrations.tensor_moves import MOVES
from spkeras.keras_files.migrations.tensor_values import VALUES
from spkeras.keras_files.operators import operator_classes
from spkeras.keras_files.records import argument
from spkeras.keras_files.references import CONSTANT
from spkeras.keras_files.trust import become_own
from spkeras.ops.types import Json

T = TypeVar("T")
RAW = frozenset({"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"})
OWN = frozenset({"Slice", "Reduce", "Clip"})
OPERATORS: dict[str, StepsMaker] = {**VALUES, **MOVES}
# What functions of older versions were called, or are called in files without a prefix.
PREFIXES = ("", "math.", "nn.", "linalg.")
FAULTS = (NotMappedError, KeyError, TypeError, ValueError, IndexError)


def map_tensor_ops(model: LayerNode, context: Context) -> None:
    """Replace the raw operations of a model by layers and operators that compute the same."""
    raw = [node for node in model.layers or () if node.class_name in RAW]
    if not raw:
        return
    sizes = drop_sizes(model)
    for node in raw:
        if any(node is child for child in model.layers or ()):
            _replace(model, node, sizes, context)


def _replace(model: LayerNode, node: LayerNode, sizes: set[str], context: Context) -> None:
    function = str(
        node.config.get("function")
        or node.stored_name.removeprefix("tf.").removeprefix("tf_op_layer_")
    )
    try:
        if len(node.calls) != 1:
            raise NotMappedError("called more than once")
        if node.class_name == "TensorFlowOpLayer":
            function, operation = graph_operation(node)
        else:
            operation = _operation(node.calls[0])
        operation.values = with_batch_sizes(operation.values, sizes)
        shown = _mapped(model, node, function, operation)
    except FAULTS as error:
        context.refuse(
            node,
            f"is the raw TensorFlow operation tf.{function}, which has no equal in Keras 3 with "
            f"these arguments ({error}). Write this part with layers or other functions, and save "
            "again.",
        )
        return
    context.changed(f"tf.{function} replaced by the {shown}", node)


def _mapped(model: LayerNode, node: LayerNode, function: str, operation: TensorCall) -> str:
    """Turn a node into an equal layer, else into operators; return their description."""
    layer = _maker(MAKERS, function)
    if layer is None:
        return _operators(model, node, function, operation)
    try:
        class_name, config, tensors = layer(operation)
    except FAULTS:
        if _maker(OPERATORS, function) is None:
            raise
        return _operators(model, node, function, operation)
    node.class_name, node.config = class_name, config
    node.module, node.registered_name = None, None
    if class_name in OWN:
        become_own(node, class_name)
    node.calls = [[[*tensor[:3], {}] for tensor in tensors]]
    return f"layer {class_name}"


def _operators(model: LayerNode, node: LayerNode, function: str, operation: TensorCall) -> str:
    """Turn a node into operators, the last of which keeps its name; return their description."""
    maker = _maker(OPERATORS, function)
    if maker is None:
        raise NotMappedError("not in the list")
    steps = maker(operation)
    if any(part is None for step in steps for part in step.arguments):
        raise NotMappedError("the file does not hold all operands")
    assert model.layers is not None
    position = next(k for k, child in enumerate(model.layers) if child is node)
    names = [f"{node.name}_step_{k}" for k in range(len(steps) - 1)] + [node.name]
    for name, step in zip(names, steps, strict=True):
        made = node if name == node.name else LayerNode(step.operator, name, {})
        made.class_name, made.config = step.operator, step.config
        made.module, made.registered_name = operator_classes()[step.operator].__module__, None
        made.operator = True
        made.calls = [{"args": [argument(_linked(a, names)) for a in step.arguments], "kwargs": {}}]
        if made is not node:
            model.layers.insert(position, made)
            position += 1
    kinds = " and ".join(dict.fromkeys(step.operator for step in steps))
    return f"operator {kinds}"


def _linked(value: Any, names: list[str]) -> Any:
    """Return an argument with references in place of the results of earlier steps."""
    if isinstance(value, Result):
        return [names[value.step], 0, 0]
    return [_linked(part, names) for part in value] if isinstance(value, list) else value


def _maker(makers: Mapping[str, T], function: str) -> T | None:
    """Return the maker of a function, under its name in any version of TensorFlow."""
    if function in makers:
        return makers[function]
    name = function.removeprefix("compat.v1.").removeprefix("keras.backend.")
    return next((makers[p + name] for p in PREFIXES if p + name in makers), None)


def _operation(call: list[list[Any]]) -> TensorCall:
    """Read the flat form of a stored call."""
    values: dict[str, Any] = {}
    for item in call:
        values.update(item[3])
    tensors = [item[:3] for item in call if item[0] != CONSTANT]
    constants = [item[2] for item in call if item[0] == CONSTANT]
    given: list[Json] = [item[2] if item[0] == CONSTANT else item[:3] for item in call]
    return TensorCall(tensors, values, constants[0] if constants else None, given)
