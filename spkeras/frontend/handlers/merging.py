"""Layers that join several tensors."""

import numpy as np

from spkeras.frontend.handlers.call import Call, Handler, Port


def aligned(call: Call, ports: tuple[Port, ...]) -> list[Port]:
    """Return the tensors with equal ranks and one order of axes.

    Keras inserts the missing axes after the batch axis. Tensors stay channels last if all are.
    """
    rank = max(len(port.shape) for port in ports)
    if all(port.first and len(port.shape) == rank for port in ports):
        return list(ports)
    turned = [call.keras_order(port) for port in ports]
    shapes = [(1,) * (rank - len(port.shape)) + port.shape for port in turned]
    return [
        port if port.shape == shape else call.add("reshape", [port], shape)
        for port, shape in zip(turned, shapes, strict=True)
    ]


def merge(call: Call, op: str, ports: tuple[Port, ...]) -> Port:
    """Add an elementwise operation of these tensors, which may broadcast."""
    if len(ports) == 1:
        return ports[0]
    call.need_floats(inputs=True)
    same = aligned(call, ports)
    shape = np.broadcast_shapes(*(port.shape for port in same))
    return call.add(op, same, shape, first=same[0].first)


def _elementwise(op: str) -> Handler:
    return lambda call: merge(call, op, call.inputs)


def _average(call: Call) -> Port:
    total = merge(call, "add", call.inputs)
    return call.affine(total, 1.0 / len(call.inputs))


def concatenate(call: Call) -> Port:
    """Join along `axis`; for the layer and the operator, which share the attribute."""
    axis = int(call.operation.axis)
    ports = call.inputs
    if len(ports) == 1:
        return ports[0]
    if axis in (0, -len(ports[0].shape) - 1):
        raise call.refuse("axis 0, the batch axis", "use another axis")
    if not all(port.first for port in ports):
        ports = tuple(call.keras_order(port) for port in ports)
    index = ports[0].axis(axis)
    shape = list(ports[0].shape)
    shape[index] = sum(port.shape[index] for port in ports)
    attributes = {"axis": -1 if index == len(shape) - 1 else index + 1}
    return call.add("concatenate", ports, shape, attributes, first=ports[0].first)


LAYERS: dict[str, Handler] = {
    "Add": _elementwise("add"),
    "Average": _average,
    "Concatenate": concatenate,
    "Maximum": _elementwise("maximum"),
    "Minimum": _elementwise("minimum"),
    "Multiply": _elementwise("multiply"),
    "Subtract": _elementwise("subtract"),
}
