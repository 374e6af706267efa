"""Compile a function of tensors on whichever backend Keras runs.

The only module that knows backends by name: Keras has no public way to compile a call
without copying its results to the host, and a simulation keeps its state on the device.
"""

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

        return tensorflow.function(function)
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
