"""Recurrent layers as functions of a whole sequence, on `keras.ops`.

The products with the inputs are separate linear nodes; here are those with the state.
"""

from collections.abc import Callable, Mapping
from typing import Any

from keras import ops

from spkeras.ops import activation as activations
from spkeras.ops.names import GATES
from spkeras.ops.types import Tensor

_State = tuple[Tensor, ...]
_Function = Callable[[Tensor], Tensor]


def recurrent(
    x: Tensor,
    *start: Tensor,
    cell: str,
    activation: Mapping[str, Any],
    gate: Mapping[str, Any],
    backwards: bool,
    result: str,
    weight: Tensor,
) -> Tensor:
    """Run a recurrent cell over a sequence.

    Args:
        x: Products of the inputs with all gates' weights, biases included, (batch, ..., steps,
            *positions, gates * units). Axes before the steps are further sequences.
        start: State before the first step: none for zeros, else each (batch, ..., *positions,
            units), the output first.
        cell: A key of `spkeras.ops.names.GATES`.
        activation: Function of the output, as the attributes of a node "activation".
        gate: Function of the gates, likewise.
        backwards: Whether it reads the sequence from its end. Results keep their places.
        result: "sequence" for the outputs of all steps, "last" for that of the last step read,
            "carry" for the cell state after it.
        weight: (*window, units, gates * units); its window is that of a convolution of the state.
            "gru_reset_after" has the bias of these products as one row more.
    """
    rank = len(weight.shape) - 2
    axis = len(x.shape) - rank - 2
    lead = x.shape[1:axis]
    x = ops.reshape(x, (-1, *x.shape[axis:]))
    units = x.shape[-1] // GATES[cell]
    zeros = ops.zeros_like(x[:, 0, ..., :units])
    given = tuple(ops.reshape(s, (-1, *zeros.shape[1:])) for s in start)
    state = given or (zeros,) * (2 if cell == "lstm" else 1)
    compute = _CELLS[cell]
    functions = _named(activation), _named(gate)

    def step(before: _State, inputs: Tensor) -> tuple[_State, _State]:
        # TensorFlow's scan requires that both have the same structure.
        after = compute(before, inputs, weight, functions)
        return after, after

    state, states = ops.scan(step, state, ops.moveaxis(x, 1, 0), reverse=backwards)
    if result == "sequence":
        found = ops.moveaxis(states[0], 0, 1)
    else:
        found = state[-1 if result == "carry" else 0]
    return ops.reshape(found, (-1, *lead, *_tail(x.shape, units, result)))


def _tail(shape: tuple[int, ...], units: int, result: str) -> tuple[int, ...]:
    """Return the shape of a result for one sequence."""
    return (*shape[1 if result == "sequence" else 2 : -1], units)


def _named(record: Mapping[str, Any]) -> _Function:
    numbers = {key: value for key, value in record.items() if key != "function"}
    return lambda x: activations.apply(record["function"], x, numbers)


def _product(state: Tensor, weight: Tensor) -> Tensor:
    """Return the products of a state with all gates' weights."""
    if len(weight.shape) == 2:
        return ops.matmul(state, weight)
    return ops.conv(state, weight, padding="same", data_format="channels_last")


def _simple(before: _State, x: Tensor, weight: Tensor, functions: tuple[_Function, ...]) -> _State:
    return (functions[0](x + _product(before[0], weight)),)


def _lstm(before: _State, x: Tensor, weight: Tensor, functions: tuple[_Function, ...]) -> _State:
    function, gate = functions
    output, carry = before
    take, keep, new, send = ops.split(x + _product(output, weight), 4, axis=-1)
    carry = gate(keep) * carry + gate(take) * function(new)
    return gate(send) * function(carry), carry


def _gru(before: _State, x: Tensor, weight: Tensor, functions: tuple[_Function, ...]) -> _State:
    """Reset the output before its product."""
    function, gate = functions
    (output,) = before
    units = output.shape[-1]
    gates = gate(x[..., : 2 * units] + _product(output, weight[:, : 2 * units]))
    keep, reset = gates[..., :units], gates[..., units:]
    new = function(x[..., 2 * units :] + _product(reset * output, weight[:, 2 * units :]))
    return (keep * output + (1 - keep) * new,)


def _gru_reset_after(
    before: _State, x: Tensor, weight: Tensor, functions: tuple[_Function, ...]
) -> _State:
    """Reset the product of the output."""
    function, gate = functions
    (output,) = before
    units = output.shape[-1]
    products = _product(output, weight[:-1]) + weight[-1]
    gates = gate(x[..., : 2 * units] + products[..., : 2 * units])
    keep, reset = gates[..., :units], gates[..., units:]
    new = function(x[..., 2 * units :] + reset * products[..., 2 * units :])
    return (keep * output + (1 - keep) * new,)


_CELLS: dict[str, Callable[..., _State]] = {
    "gru": _gru,
    "gru_reset_after": _gru_reset_after,
    "lstm": _lstm,
    "simple": _simple,
}
