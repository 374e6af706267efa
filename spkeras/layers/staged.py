"""An activation in stages: ReLU, then its range, then its levels."""

from typing import Any

import keras
from keras import ops

from spkeras.errors import OptionError
from spkeras.layers.quantizing import _Bounded
from spkeras.ops.activation import relu
from spkeras.ops.straight_through import clamp
from spkeras.ops.types import ShapeLike, Tensor

STAGES = ("relu", "clamp", "quantize")


@keras.saving.register_keras_serializable(package="spkeras")
class Staged(_Bounded):
    """ReLU, clamp, or the quantizing activation, depending on the stage of training.

    Args:
        activation: A layer with a `ceiling` (`ClampQuantize`, `ValueRange`, `QCFSActivation`) or, for
            codes other than the rate, with a `largest` value (`TTFSActivation`).
        stage: "relu"; "clamp": limited to [0, ceiling]; "quantize": the activation.
        max_value: float. Bound of the ReLU of the first stage; None for no bound.

    Input shape:
        Any.

    Output shape:
        As the activation's.

    Training:
        The stage is a setting, not a weight: after a change the training step must be compiled
        again (`spkeras.training.set_stage` does so).

    Raises:
        OptionError: the stage is unknown.

    Reference:
        Yan, Zhou, Wong 2021 (AAAI): each stage starts from the weights of the one before.
    """

    def __init__(
        self,
        activation: keras.layers.Layer,
        stage: str = "quantize",
        max_value: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.activation = activation
        self.max_value = max_value
        self.set_stage(stage)

    def set_stage(self, stage: str) -> None:
        """Set the stage; see the class."""
        if stage not in STAGES:
            raise OptionError(f"stage={stage!r}; allowed: {STAGES}")
        self.stage = stage

    @property
    def ceiling(self) -> float:
        """Largest value of the activation."""
        own: float = getattr(self.activation, "ceiling", None) or self.activation.largest
        return own

    def build(self, input_shape: ShapeLike) -> None:
        """Create no weights: the activation is built when it is created."""

    def call(self, x: Tensor) -> Tensor:
        """Return the values of the current stage."""
        if self.stage == "relu":
            return relu(x, self.max_value)
        if self.stage == "quantize":
            return self.activation(x)
        trained = getattr(self.activation, "scale", None)
        if trained is None:
            return clamp(x, self.ceiling)
        # Trainable clipping: a trainable ceiling is trained from this stage on.
        scale = ops.convert_to_tensor(trained)
        return clamp(x / scale) * scale

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        inner = keras.saving.serialize_keras_object(self.activation)
        return {**super().get_config(), "activation": inner}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Staged":
        """Create the layer from a configuration."""
        inner = keras.saving.deserialize_keras_object(config["activation"])
        return cls(**{**config, "activation": inner})
