"""Weights that Keras keeps as integers or 8-bit floats (`model.quantize`), as numbers.

Keras rounds the inputs of such layers, too, for each sample by its own largest value. That is left
out: neurons send the inputs.
"""

import keras
import numpy as np
from keras import ops

from spkeras.frontend.handlers.call import Call, optional, weight
from spkeras.ops.arrays import Float32Array

_MODES = ("int8", "int4", "float8")
_BEFORE = "convert the model before quantizing it"


def precision(layer: keras.Operation) -> str | None:
    """Return the mode in which a layer's weights are quantized; None for floats."""
    mode: str | None = getattr(layer, "quantization_mode", None)
    return mode


def need_floats(call: Call) -> None:
    """Refuse integer weights of a class that Keras does not quantize today."""
    mode = precision(call.operation)
    if mode:
        raise call.refuse(f"weights quantized to {mode}", _BEFORE)


def dense_weights(call: Call) -> tuple[Float32Array, Float32Array | None]:
    """Return the kernel and the bias of a Dense layer."""
    kernel, divisor = _kernel(call)
    return kernel if divisor is None else kernel / divisor, _bias(call)


def einsum_weights(
    call: Call,
) -> tuple[Float32Array, Float32Array | None, Float32Array | None]:
    """Return the kernel of an EinsumDense layer, a divisor of its outputs or None, and the bias."""
    kernel, divisor = _kernel(call)
    # Keras before 3.14 has a divisor of the outputs here, as for int8.
    if divisor is not None and precision(call.operation) == "int4" and divisor.ndim == 1:
        rows = kernel.reshape(-1, divisor.shape[-1])
        kernel, divisor = (rows / divisor).reshape(kernel.shape), None
    return kernel, divisor, _bias(call)


def _kernel(call: Call) -> tuple[Float32Array, Float32Array | None]:
    """Return the stored kernel and, for integers with a scale per channel, that scale."""
    layer, mode = call.operation, precision(call.operation)
    if mode is None:
        return weight(layer.kernel), None
    if mode not in _MODES or getattr(layer, "lora_enabled", False):
        what = f"weights quantized to {mode}" + (" with LoRA" if mode in _MODES else "")
        raise call.refuse(what, _BEFORE)
    if mode == "float8":
        rounded = keras.quantizers.quantize_and_dequantize(
            ops.convert_to_tensor(layer.kernel), layer.kernel_scale, "float8_e4m3fn", "float32"
        )
        return weight(rounded), None
    values, scale = weight(layer.kernel), weight(layer.kernel_scale)
    zeros = getattr(layer, "kernel_zero", None)
    if zeros is None:
        return values, scale
    groups = weight(layer.g_idx).astype(int)
    rows = values.reshape(len(groups), -1)
    return ((rows - weight(zeros)[groups]) * scale[groups]).reshape(values.shape), None


def _bias(call: Call) -> Float32Array | None:
    """Return the bias, which float8 rounds to bfloat16."""
    bias = optional(call.operation.bias)
    if bias is None or precision(call.operation) != "float8":
        return bias
    return np.asarray(ops.convert_to_numpy(ops.cast(ops.cast(bias, "bfloat16"), "float32")))
