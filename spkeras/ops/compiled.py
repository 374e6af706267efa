"""Compile a function of tensors on whichever backend Keras runs.

The only module that knows backends by name: Keras has no public way to compile a call
without copying its results to the host, and a simulation keeps its state on the device.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras


def compiled(
    function: Callable[..., Any], variables: Sequence[keras.Variable]
) -> Callable[..., Any]:
    """The function, compiled where the backend can (TensorFlow, JAX); eager on PyTorch.

    Args:
        function: Pure but for reading `variables`; nested lists of tensors in and out.
        variables: The Keras variables that it reads.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow

        # TensorFlow warns of one function compiled often; a partial is a function of its own.
        # Nothing here branches on tensors: autograph would only read every source file again.
        return tensorflow.function(functools.partial(function), autograph=False)
    if backend == "jax":
        return _compiled_jax(function, variables)
    import torch

    def call(*arguments: Any) -> Any:
        with torch.no_grad():
            return function(*arguments)

    return call


def _compiled_jax(
    function: Callable[..., Any], variables: Sequence[keras.Variable]
) -> Callable[..., Any]:
    import jax

    # Weights travel as arguments: as constants they would be copied and folded by XLA.
    @jax.jit
    def call(values: Any, *arguments: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return function(*arguments)

    return lambda *arguments: call([variable.value for variable in variables], *arguments)


def fused(function: Callable[..., Any]) -> Callable[..., Any]:
    """An elementwise function of tensors with all its operations in one pass over memory.

    TensorFlow runs each operation by itself unless XLA compiles them together (measured on a
    graded neuron's step: 3.5 times faster); JAX fuses whatever is compiled; PyTorch runs it as
    it is.

    Args:
        function: Of tensors, to one tensor or nested tuples of tensors.
    """
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow

    return tensorflow.function(functools.partial(function), jit_compile=True, autograph=False)
