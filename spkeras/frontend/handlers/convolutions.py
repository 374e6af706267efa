"""Convolutions and Dense: the layers that multiply by a learned kernel."""

from typing import Any

from spkeras.frontend.handlers.activations import activate
from spkeras.frontend.handlers.call import FIRST, Call, Handler, Port, optional, weight
from spkeras.frontend.handlers.dequantized import dense_weights, need_floats


def _finish(call: Call, port: Port, first: bool) -> Port:
    """Add the activation of a convolution; `port` is channels last, the layer may not be."""
    return activate(call, call.operation.activation, Port(port.name, port.shape, first))


def _result_shape(call: Call) -> tuple[int, ...]:
    """Return the layer's output shape with the channels last."""
    shape = call.shape
    return (*shape[1:], shape[0]) if call.operation.data_format == FIRST else shape


def _windows(layer: Any) -> dict[str, Any]:
    """Return the attributes of a convolution's windows."""
    return {
        "strides": tuple(layer.strides),
        "padding": layer.padding,
        "dilation": tuple(layer.dilation_rate),
    }


def _one_kernel(call: Call, op: str, **attributes: Any) -> Port:
    """Add a convolution with one kernel, and its activation."""
    need_floats(call)
    layer = call.operation
    arrays = {"kernel": weight(layer.kernel), "bias": optional(layer.bias)}
    port = call.channels_last(call.input, layer.data_format)
    attributes = {**_windows(layer), **attributes}
    port = call.add(op, [port], _result_shape(call), attributes, arrays=arrays, piece="linear")
    return _finish(call, port, layer.data_format == FIRST)


def _convolution(call: Call) -> Port:
    return _one_kernel(call, "conv", groups=int(call.operation.groups))


def _depthwise(call: Call) -> Port:
    return _one_kernel(call, "depthwise_conv")


def _transposed(call: Call) -> Port:
    extra = call.operation.output_padding
    padding = None if extra is None else tuple(extra)
    return _one_kernel(call, "conv_transpose", output_padding=padding)


def _separable(call: Call) -> Port:
    need_floats(call)
    layer = call.operation
    kernel, pointwise = weight(layer.depthwise_kernel), weight(layer.pointwise_kernel)
    shape = _result_shape(call)
    port = call.channels_last(call.input, layer.data_format)
    port = call.add(
        "depthwise_conv",
        [port],
        (*shape[:-1], pointwise.shape[-2]),
        attributes=_windows(layer),
        arrays={"kernel": kernel},
        piece="depthwise",
    )
    ones = (1,) * layer.rank
    attributes = {"strides": ones, "padding": "valid", "dilation": ones, "groups": 1}
    arrays = {"kernel": pointwise, "bias": optional(layer.bias)}
    port = call.add("conv", [port], shape, attributes=attributes, arrays=arrays, piece="linear")
    return _finish(call, port, layer.data_format == FIRST)


def _dense(call: Call) -> Port:
    kernel, bias = dense_weights(call)
    arrays = {"kernel": kernel, "bias": bias}
    port = call.keras_order(call.input)
    port = call.add("dense", [port], call.shape, arrays=arrays, piece="linear")
    return activate(call, call.operation.activation, port)


LAYERS: dict[str, Handler] = {
    "Conv1D": _convolution,
    "Conv2D": _convolution,
    "Conv3D": _convolution,
    "DepthwiseConv1D": _depthwise,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv1D": _separable,
    "SeparableConv2D": _separable,
    "Conv1DTranspose": _transposed,
    "Conv2DTranspose": _transposed,
    "Conv3DTranspose": _transposed,
    "Dense": _dense,
}
