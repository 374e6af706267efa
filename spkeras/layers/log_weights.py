"""Layers that compute with the logarithmic code of their kernel, for training with few bits."""

from collections.abc import Mapping
from typing import Any

import keras

from spkeras.ops.log_tensors import straight_through
from spkeras.ops.log_weights import LogFormat
from spkeras.ops.types import Tensor


class _LogKernel:
    """Mixin of layers that compute with the quantized values of their kernel.

    The stored kernel is float32, so that optimizer steps smaller than a level add up in it. The
    property `kernel`, read by Keras and by the frontend, gives the quantized values, with the
    gradient of the stored ones.
    """

    def __init__(
        self: Any,
        *args: Any,
        log_format: Mapping[str, Any] | None = None,
        full_scale: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.log_format = LogFormat(**(log_format or {}))
        self.full_scale = full_scale
        super().__init__(*args, **kwargs)

    @property
    def kernel(self: Any) -> Tensor:
        """Quantized values of the kernel."""
        stored = super().kernel  # type: ignore[misc]
        return self.coded(stored)

    def coded(self: Any, stored: Tensor) -> Tensor:
        """Return the quantized values of a stored kernel."""
        value = stored.value if hasattr(stored, "value") else stored
        return straight_through(value, self.log_format, self.full_scale)

    def get_config(self: Any) -> dict[str, Any]:
        own = {"log_format": self.log_format.to_dict(), "full_scale": self.full_scale}
        return {**super().get_config(), **own}  # type: ignore[misc]


@keras.saving.register_keras_serializable(package="spkeras")
class LogDense(_LogKernel, keras.layers.Dense):
    """Dense layer whose weights are a sign and a whole exponent (see `spkeras.ops.log_weights`).

    Args:
        log_format: dict. Arguments of `LogFormat` (bits, steps, zero, ...); None for 5 bits.
        full_scale: int. Exponent of the full-scale range, in steps of 1 / z octave; None: it
            follows the largest weight.
        args, kwargs: As in `keras.layers.Dense`.

    Input shape:
        As `keras.layers.Dense`.

    Output shape:
        As `keras.layers.Dense`.

    Training:
        The gradient of the quantized kernel is passed to the stored one unchanged.

    Raises:
        OptionError: a format that is not allowed, or that cannot be trained.

    Reference:
        Miyashita, Lee & Murmann 2016, arXiv:1603.01025.
    """


@keras.saving.register_keras_serializable(package="spkeras")
class LogConv2D(_LogKernel, keras.layers.Conv2D):
    """Conv2D whose weights are a sign and a whole exponent (see `spkeras.ops.log_weights`).

    Args:
        log_format: dict. As in `LogDense`.
        full_scale: int. As in `LogDense`.
        args, kwargs: As in `keras.layers.Conv2D`.

    Input shape:
        As `keras.layers.Conv2D`.

    Output shape:
        As `keras.layers.Conv2D`.

    Training:
        The gradient of the quantized kernel is passed to the stored one unchanged.

    Raises:
        OptionError: a format that is not allowed, or that cannot be trained.

    Reference:
        Miyashita, Lee & Murmann 2016, arXiv:1603.01025.
    """


@keras.saving.register_keras_serializable(package="spkeras")
class LogConv1D(_LogKernel, keras.layers.Conv1D):
    """Conv1D whose weights are a sign and a whole exponent (see `spkeras.ops.log_weights`).

    Args:
        log_format: dict. As in `LogDense`.
        full_scale: int. As in `LogDense`.
        args, kwargs: As in `keras.layers.Conv1D`.

    Input shape:
        As `keras.layers.Conv1D`.

    Output shape:
        As `keras.layers.Conv1D`.

    Training:
        The gradient of the quantized kernel is passed to the stored one unchanged.

    Raises:
        OptionError: a format that is not allowed, or that cannot be trained.

    Reference:
        Miyashita, Lee & Murmann 2016, arXiv:1603.01025.
    """


@keras.saving.register_keras_serializable(package="spkeras")
class LogDepthwiseConv2D(_LogKernel, keras.layers.DepthwiseConv2D):
    """DepthwiseConv2D whose weights are a sign and a whole exponent.

    See `spkeras.ops.log_weights`.

    Args:
        log_format: dict. As in `LogDense`.
        full_scale: int. As in `LogDense`.
        args, kwargs: As in `keras.layers.DepthwiseConv2D`.

    Input shape:
        As `keras.layers.DepthwiseConv2D`.

    Output shape:
        As `keras.layers.DepthwiseConv2D`.

    Training:
        The gradient of the quantized kernel is passed to the stored one unchanged.

    Raises:
        OptionError: a format that is not allowed, or that cannot be trained.

    Reference:
        Miyashita, Lee & Murmann 2016, arXiv:1603.01025.
    """

    # Keras keeps this layer's kernel as a plain attribute.
    @property
    def kernel(self) -> Tensor:
        """Quantized values of the kernel."""
        return self.coded(self._stored_kernel)

    @kernel.setter
    def kernel(self, variable: keras.Variable) -> None:
        self._stored_kernel = variable
