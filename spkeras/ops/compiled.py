"""Compilation of functions of tensors, and memory of tensors, on the backend that Keras runs on.

The only module that uses backends by name: Keras has no public way to compile a call
without copying its results to the host, and a simulation keeps its state on the device.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import keras
import numpy as np

from spkeras.ops.types import Tensor


def scans() -> bool:
    """Return whether the backend runs a loop of steps as one program without the host.

    `keras.ops.scan` is such a program on JAX. On TensorFlow it costs more than steps one by one, on
    PyTorch it is a loop of the host.
    """
    return bool(keras.backend.backend() == "jax")


def compiled(
    function: Callable[..., Any], variables: Sequence[keras.Variable], donated: bool = False
) -> Callable[..., Any]:
    """Return the function, compiled on TensorFlow and JAX; without gradients on PyTorch.

    Args:
        function: Function of nested lists of tensors; pure, except that it reads `variables`.
        variables: The Keras variables that it reads.
        donated: Whether the memory of the first argument becomes that of results (JAX); the caller
            does not use the argument again.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow

        # TensorFlow warns if one function is compiled often; each partial is a new function.
        # No function branches on tensors: autograph would only parse the source files again.
        graph: Callable[..., Any] = tensorflow.function(
            functools.partial(function), autograph=False
        )
        return graph
    if backend == "jax":
        return _compiled_jax(function, variables, donated)
    import torch

    def call(*arguments: Any) -> Any:
        with torch.no_grad():
            return function(*arguments)

    return call


def _compiled_jax(
    function: Callable[..., Any], variables: Sequence[keras.Variable], donated: bool
) -> Callable[..., Any]:
    import jax

    # Weights are arguments: XLA would copy and fold constants.
    def call(values: Tensor, *arguments: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return function(*arguments)

    jitted: Callable[..., Any] = jax.jit(call, donate_argnums=(1,) if donated else ())
    return lambda *arguments: jitted([variable.value for variable in variables], *arguments)


def fused(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return an elementwise function with all its operations in one pass over memory.

    TensorFlow runs each operation separately unless XLA compiles them together (3.5 times as
    fast on a graded neuron's step). JAX fuses all compiled operations. PyTorch runs the function
    unchanged.

    Args:
        function: Elementwise function of tensors; it returns a tensor or nested tuples of tensors.
    """
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow

    graph = tensorflow.function(functools.partial(function), jit_compile=True, autograph=False)

    def call(*arguments: Any) -> Any:
        return (function if _UNFUSED.get() else graph)(*arguments)

    return call


_UNFUSED = ContextVar("unfused", default=False)


def is_unfused() -> bool:
    """Return whether functions are traced as plain operations."""
    return _UNFUSED.get()


@contextmanager
def unfused() -> Iterator[None]:
    """Trace neurons as plain operations in a `with` block, as other formats need them.

    A step of neurons is one operation of XLA, which ONNX does not have. Graded spikes are operations on
    bits, which neither ONNX nor LiteRT has. The values are the same, bit for bit.

    Example:
        with spkeras.unfused():
            snn.export("net.onnx", format="onnx")
    """
    token = _UNFUSED.set(True)
    try:
        yield
    finally:
        _UNFUSED.reset(token)


def changes_in_place() -> bool:
    """Return whether the backend writes new values of a variable into the memory of the old."""
    return bool(keras.backend.backend() == "torch")


def tensor_on(array: np.ndarray) -> Tensor:
    """Return a tensor in the memory of an array, which neither the caller nor the tensor changes.

    TensorFlow and JAX write to new memory if a variable that was assigned the tensor is changed. A
    variable of PyTorch takes a copy when it is assigned, as other devices than the processor do.

    Args:
        array: Contiguous and aligned; flagged as writable, since formats of exchange ask for it.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        return tensorflow.experimental.dlpack.from_dlpack(array.__dlpack__())
    if keras.backend.backend() == "jax":
        import jax

        return jax.device_put(array)
    import torch

    return torch.from_numpy(array)
