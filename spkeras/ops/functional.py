"""Functional models of Keras whose inputs need no reader."""

from typing import Any

import keras


def functional(inputs: Any, outputs: Any, name: str | None = None) -> keras.Model:
    """Return the model from inputs to outputs.

    Args:
        inputs: A `keras.Input` or a list of them; what does not depend on one ignores it.
        outputs: A symbolic tensor or a list of them.
        name: Name of the model.
    """
    for tensor in inputs if isinstance(inputs, list) else [inputs]:
        # Keras before 3.14 refuses an input that no layer has received. The model lacks this layer.
        keras.layers.Identity()(tensor)
    return keras.Model(inputs, outputs, name=name)
