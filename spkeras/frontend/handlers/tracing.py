"""The computation of a user's layer or function, as a functional model of operators and layers.

The code is that of the running program, which calls it to predict, too. What consists of `keras.ops`
and of layers can be called with symbolic tensors, which record it.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from spkeras.frontend.handlers.call import Call, Port
from spkeras.frontend.handlers.refusals import reason
from spkeras.ops.functional import functional
from spkeras.ops.types import Tensor

_SAMPLES, _TOLERANCE = 2, 1e-3


class UntraceableError(Exception):
    """Code that symbolic tensors do not record, with the reason."""


def traced_layer(call: Call) -> keras.Model:
    """Return the computation of the call of a layer as a model of its tensors, in order.

    Raises:
        UnsupportedLayerError: the code takes no symbolic tensors, or its outputs differ from those
            of the recorded operators, as with random numbers.
    """
    inputs: list[keras.KerasTensor] = []

    def tensor(value: Any) -> Any:
        if not isinstance(value, Port):
            return value
        dtype = call.dtypes[len(inputs)] if len(inputs) < len(call.dtypes) else "float32"
        inputs.append(keras.Input(value.keras_shape, dtype=dtype))
        return inputs[-1]

    args, kwargs = keras.tree.map_structure(tensor, (tuple(call.args), dict(call.kwargs)))

    def run(function: Callable[..., Any], values: Sequence[Tensor]) -> Any:
        given = dict(zip(map(id, inputs), values, strict=True))
        filled = keras.tree.map_structure(lambda v: given.get(id(v), v), (args, kwargs))
        return function(*filled[0], **filled[1])

    layer = call.operation
    before = [keras.ops.convert_to_numpy(variable) for variable in layer.variables]
    try:
        return _traced(layer.call, layer, inputs, run)
    except UntraceableError as error:
        what, remedy = reason(call.kind, type(layer).__module__)
        raise call.refuse(f"{what}, whose call() cannot be read ({error})", remedy) from None
    finally:
        for variable, value in zip(layer.variables, before, strict=True):
            variable.assign(value)


def traced_function(function: Callable[..., Any], shape: Sequence[int]) -> keras.Model:
    """Return the computation of a function of one tensor as a model.

    Args:
        function: Such as an activation.
        shape: Of the tensor, in Keras's order, without the batch axis.

    Raises:
        UntraceableError: as for `traced_layer`.
    """
    inputs = [keras.Input(tuple(shape))]
    return _traced(function, function, inputs, lambda called, values: called(*values))


def _traced(
    code: Callable[..., Any],
    called: Callable[..., Any],
    inputs: list[keras.KerasTensor],
    run: Callable[[Callable[..., Any], Sequence[Tensor]], Any],
) -> keras.Model:
    """Record the code on symbolic inputs, and compare with what the program computes."""
    try:
        with keras.StatelessScope():
            outputs = keras.tree.flatten(run(code, inputs))
        model = functional(inputs, outputs)
        samples = [_sample(tensor, seed) for seed, tensor in enumerate(inputs)]
        found = keras.tree.flatten(model(samples, training=False))
        # Random numbers differ from call to call.
        wanted = [keras.tree.flatten(run(called, samples)) for _ in range(2)]
    except Exception as error:  # code of the user may raise anything
        raise UntraceableError(f"{type(error).__name__}: {_first_line(error)}") from error
    if not all(_equal(found, values) for values in wanted):
        raise UntraceableError("its outputs are not those of its operators (random numbers?)")
    _number(model)
    return model


def _number(model: keras.Model) -> None:
    """Number the operators of a model by themselves; Keras counts those of the whole process."""
    counts: Counter[str] = Counter()
    for operation in model.operations:
        if isinstance(operation, keras.layers.Layer):
            continue
        kind = re.sub(r"_\d+$", "", operation.name)
        operation.name = f"{kind}_{counts[kind]}" if counts[kind] else kind
        counts[kind] += 1


def _equal(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> bool:
    pairs = zip(
        *(map(keras.ops.convert_to_numpy, values) for values in (found, wanted)), strict=True
    )
    return all(np.allclose(a, b, _TOLERANCE, _TOLERANCE, equal_nan=True) for a, b in pairs)


def _sample(tensor: keras.KerasTensor, seed: int) -> Tensor:
    values = np.random.default_rng(seed).normal(size=(_SAMPLES, *tensor.shape[1:]))
    return keras.ops.convert_to_tensor(values.astype(tensor.dtype))


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:120] if lines else "no message"
