"""Base classes of layers: configurations made of arguments, outputs of the input's shape."""

from collections.abc import Mapping
from inspect import signature
from typing import Any, ClassVar, Self

import keras

from spkeras.ops.types import ShapeLike


class Configured(keras.layers.Layer):
    """Layer with its constructor's arguments as configuration, read from attributes of their names.

    Attributes:
        former: Names of arguments in files of version 0.1.0, and today's.
    """

    former: ClassVar[Mapping[str, str]] = {}

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = [name for name in signature(type(self)).parameters if name != "kwargs"]
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the layer of a configuration, which a file of any version may hold."""
        return cls(**{cls.former.get(name, name): value for name, value in config.items()})


class Elementwise(keras.layers.Layer):
    """Layer whose output has the shape of its input."""

    def compute_output_shape(self, input_shape: ShapeLike) -> ShapeLike:
        """Return the input shape."""
        return input_shape
