"""Recurrent layers: products with the inputs are linear nodes, the rest one function of a sequence.

A layer of neurons computes this function on the values received so far, for the whole sequence at
once. Its products with the state are multiply-accumulates on values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from spkeras.frontend.handlers.activations import as_record
from spkeras.frontend.handlers.call import FIRST, Call, Handler, Port, optional, weight
from spkeras.frontend.handlers.layout import permuted, reshaped
from spkeras.frontend.handlers.merging import merge
from spkeras.frontend.handlers.moving import taken
from spkeras.ops.names import GATES

_CELLS = {keras.layers.SimpleRNNCell: "simple", keras.layers.LSTMCell: "lstm"}
_CONVOLUTIONAL = (keras.layers.ConvLSTM1D, keras.layers.ConvLSTM2D, keras.layers.ConvLSTM3D)


def _recurrent(call: Call) -> list[Port]:
    given = _given(call)
    states = keras.tree.flatten(given.get("initial_state") or [])
    return _run(call, call.operation, given["sequences"], states=states)


def _given(call: Call) -> Mapping[str, Any]:
    """Return the arguments of the call; refuse those that change the computation."""
    given = call.without_mask()
    if given.get("training"):
        raise call.refuse("training=True", "call it without training=True")
    return given


def _run(
    call: Call,
    layer: keras.layers.RNN,
    port: Port,
    states: Sequence[Port],
    flipped: bool = False,
) -> list[Port]:
    """Add a recurrent layer; return its output, then its states where it returns them.

    Args:
        call: The call to add nodes to.
        layer: The layer.
        port: Its sequence.
        states: Its states before the first step; none for zeros.
        flipped: Whether the sequence of results is turned round.
    """
    if layer.stateful:
        raise call.refuse("stateful=True, so it keeps its state", "build it with stateful=False")
    first = getattr(layer.cell, "data_format", None) == FIRST
    port, *waiting = (_moved(call, p, int(p is port), first) for p in (port, *states))
    cells = list(getattr(layer.cell, "cells", (layer.cell,)))
    ends: list[Port] = []
    for place, cell in enumerate(cells):
        kind = _kind(call, layer, cell)
        count = _states(kind) if waiting else 0
        run = _Cell(call, cell, kind, backwards=bool(layer.go_backwards))
        reads = [run.products(port), *waiting[:count]]
        del waiting[:count]
        sequence = layer.return_sequences or place < len(cells) - 1
        port = run.result(reads, "sequence" if sequence else "last")
        if layer.return_state:
            ends.append(_end(call, port, run.backwards) if sequence else port)
            ends += [run.result(reads, "carry")] * (_states(kind) - 1)
    if layer.return_sequences and layer.go_backwards != flipped:
        port = taken(call, port, 0, np.arange(port.shape[0])[::-1])
    lead = int(layer.return_sequences)
    return [_moved(call, p, lead if p is port else 0, first, back=True) for p in (port, *ends)]


def _end(call: Call, port: Port, backwards: bool) -> Port:
    """Return the output of the last step that a layer reads."""
    place = 0 if backwards else port.shape[0] - 1
    return reshaped(call, taken(call, port, 0, np.array([place])), port.shape[1:])


def _moved(call: Call, port: Port, lead: int, first: bool, back: bool = False) -> Port:
    """Return a tensor with its channels last where Keras has them first, or the reverse.

    Args:
        call: The call to add nodes to.
        port: The tensor.
        lead: Number of axes before the channels and the positions.
        first: Whether Keras has the channels first.
        back: Whether to return to Keras's order.
    """
    port = call.keras_order(port)
    if not first:
        return port
    inner = list(range(lead, len(port.shape)))
    inner = [inner[-1], *inner[:-1]] if back else [*inner[1:], inner[0]]
    return permuted(call, port, [*range(lead), *inner])


def _kind(call: Call, layer: keras.layers.RNN, cell: keras.layers.Layer) -> str:
    """Return the cell's key of `GATES`."""
    if type(cell) is keras.layers.GRUCell:
        return "gru_reset_after" if cell.reset_after else "gru"
    known = _CELLS.get(type(cell))
    if known is None and type(layer) not in _CONVOLUTIONAL:
        raise call.refuse(
            f"a cell of the class {type(cell).__name__}",
            "use LSTM, GRU or SimpleRNN, or register a handler (spkeras.register_layer)",
        )
    return known or "lstm"


def _states(kind: str) -> int:
    return 2 if kind == "lstm" else 1


@dataclass(frozen=True)
class _Cell:
    """A cell of a recurrent layer in a call.

    Attributes:
        call: The call to add nodes to.
        cell: The cell, a Keras layer.
        kind: Key of `GATES`.
        backwards: Whether the layer reads its sequence from the end.
    """

    call: Call
    cell: Any
    kind: str
    backwards: bool

    def products(self, port: Port) -> Port:
        """Add the products of a sequence with all gates' weights, and their biases."""
        kernel, bias = weight(self.cell.kernel), optional(self.cell.bias)
        if bias is not None and bias.ndim == 2:
            bias = bias[0]
        if kernel.ndim == 2:
            shape = (*port.shape[:-1], kernel.shape[-1])
            arrays = {"kernel": kernel, "bias": bias}
            return self.call.add("dense", [port], shape, arrays=arrays, piece="inputs")
        return self._convolved(port, kernel, bias)

    def _convolved(self, port: Port, kernel: np.ndarray, bias: np.ndarray | None) -> Port:
        """Add the convolution of each step, with windows that are one step long."""
        cell = self.cell
        attributes = {
            "strides": (1, *cell.strides),
            "padding": cell.padding,
            "dilation": (1, *cell.dilation_rate),
            "groups": 1,
        }
        windows = zip(port.shape[1:], kernel.shape, cell.strides, cell.dilation_rate, strict=False)
        positions = [
            -(-(size if cell.padding == "same" else size - dilation * (window - 1)) // stride)
            for size, window, stride, dilation in windows
        ]
        return self.call.add(
            "conv",
            [port],
            (port.shape[0], *positions, kernel.shape[-1]),
            attributes=attributes,
            arrays={"kernel": kernel[None], "bias": bias},
            piece="inputs",
        )

    def result(self, reads: Sequence[Port], result: str) -> Port:
        """Add the function of a sequence of products, and of states before the first step."""
        kernel = weight(self.cell.recurrent_kernel)
        if self.kind == "gru_reset_after":
            bias = optional(self.cell.bias)
            row = np.zeros(kernel.shape[-1]) if bias is None else bias[1]
            kernel = np.concatenate([kernel, row[None]]).astype("float32")
        steps, *rest = reads[0].shape
        shape = (*rest[:-1], rest[-1] // GATES[self.kind])
        attributes = {
            "function": "recurrent",
            "cell": self.kind,
            "activation": as_record(self.call, self.cell.activation),
            "gate": as_record(self.call, getattr(self.cell, "recurrent_activation", None)),
            "backwards": self.backwards,
            "result": result,
        }
        return self.call.add(
            "function",
            reads,
            (steps, *shape) if result == "sequence" else shape,
            attributes=attributes,
            arrays={"weight": kernel},
            piece=result,
        )


def _bidirectional(call: Call) -> list[Port]:
    given, wrapper = _given(call), call.operation
    port = given["sequences"]
    states = keras.tree.flatten(given.get("initial_state") or [])
    half = len(states) // 2
    ahead, back = wrapper.forward_layer, wrapper.backward_layer
    first, *own = _run(call, ahead, port, states[:half])
    second, *others = _run(call, back, port, states[half:], flipped=True)
    outputs = [first, second]
    if wrapper.merge_mode is not None:
        outputs = [_joined(call, (first, second), wrapper.merge_mode)]
    return [*outputs, *own, *others]


def _joined(call: Call, ports: tuple[Port, Port], mode: str) -> Port:
    """Merge the results of both directions."""
    if mode == "concat":
        *lead, channels = ports[0].shape
        shape = (*lead, channels + ports[1].shape[-1])
        return call.add("concatenate", ports, shape, {"axis": -1})
    merged = merge(call, "multiply" if mode == "mul" else "add", ports)
    return call.affine(merged, 0.5) if mode == "ave" else merged


LAYERS: dict[str, Handler] = {
    **dict.fromkeys("ConvLSTM1D ConvLSTM2D ConvLSTM3D GRU LSTM RNN SimpleRNN".split(), _recurrent),
    "Bidirectional": _bidirectional,
}
