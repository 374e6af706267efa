"""An activation that is reached in stages: ReLU, then its range, then its levels."""

from typing import Any

import keras
from keras import ops

from spkeras.errors import OptionError
from spkeras.layers.quantizing import _Bounded
from spkeras.ops.activation import relu
from spkeras.ops.straight_through import clamp

STAGES = ("relu", "clamp", "quantize")


@keras.saving.register_keras_serializable(package="spkeras")
class Staged(_Bounded):
    """ReLU, its clamp, or the quantising activation itself, by what stage training is in.

    Args:
        activation: A layer with a `ceiling` (`ClampQuantize`, `ValueRange`, `QCFS`) or, for
            other codes than the rate, with a `largest` value (`TTFSActivation`).
        stage: "relu"; "clamp": cut to [0, ceiling]; "quantize": the activation.
        max_value: float. Bound of the ReLU of the first stage; None for no bound.

    Input shape:
        Any.

    Output shape:
        As the activation's.

    Training:
        The stage is a setting, not a weight: whoever changes it has to have the training
        step compiled again (`spkeras.training.set_stage` does).

    Raises:
        OptionError: unknown stage.

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
        """Go to another stage."""
        if stage not in STAGES:
            raise OptionError(f"stage={stage!r}; allowed: {STAGES}")
        self.stage = stage

    @property
    def ceiling(self) -> float:
        """Largest value of the activation."""
        own: float = getattr(self.activation, "ceiling", None) or self.activation.largest
        return own

    def build(self, input_shape: Any) -> None:
        """Nothing of its own; the activation is built where it is made."""

    def call(self, x: Any) -> Any:
        """The values of this stage."""
        if self.stage == "relu":
            return relu(x, self.max_value)
        if self.stage == "quantize":
            return self.activation(x)
        trained = getattr(self.activation, "scale", None)
        if trained is None:
            return clamp(x, self.ceiling)
        # A ceiling that is trained is trained from here on (trainable clipping).
        scale = ops.convert_to_tensor(trained)
        return clamp(x / scale) * scale

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        inner = keras.saving.serialize_keras_object(self.activation)
        own = {"activation": inner, "stage": self.stage, "max_value": self.max_value}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Staged":
        """The layer of a configuration."""
        inner = keras.saving.deserialize_keras_object(config["activation"])
        return cls(**{**config, "activation": inner})
