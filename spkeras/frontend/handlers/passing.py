"""Layers without effect at inference, and wrappers of one layer."""

import keras

from spkeras.frontend.handlers.call import Call, Handler, Port


def _idle(call: Call) -> Port:
    """Return the input of a layer that acts only in training."""
    if call.given().get("training") and getattr(call.operation, "rate", 1):
        raise call.refuse(
            "training=True, so it is active at inference", "call it without training=True"
        )
    return call.input


def _same(call: Call) -> Port:
    return call.input


def _random_crop(call: Call) -> Port:
    if call.shape != call.input.keras_shape:
        raise call.refuse("random crops", "crop the data before the network")
    return call.input


_NOISE = (
    "AlphaDropout Dropout GaussianDropout GaussianNoise "
    "SpatialDropout1D SpatialDropout2D SpatialDropout3D"
)
_RANDOM = (
    "Brightness ColorDegeneration ColorJitter Contrast ElasticTransform Erasing Flip "
    "GaussianBlur Grayscale Hue Invert Perspective Posterization Rotation Saturation Sharpness "
    "Shear Translation Zoom"
)

LAYERS: dict[str, Handler] = {
    **dict.fromkeys(_NOISE.split(), _idle),
    **{f"Random{name}": _same for name in _RANDOM.split()},
    **dict.fromkeys(
        "ActivityRegularization AugMix CutMix Identity MixUp RandAugment".split(), _same
    ),
    "RandomCrop": _random_crop,
}

# Layers allowed in TimeDistributed: one call on all steps equals one call per step.
STEPWISE = frozenset({"Dense", "Activation", "ReLU", "LeakyReLU", "ELU", "Dropout"})


def stepwise(call: Call) -> keras.layers.Layer:
    """Return the layer of a TimeDistributed that may be called on all steps at once."""
    inner = call.operation.layer
    kind = type(inner).__name__
    if kind not in STEPWISE or getattr(keras.layers, kind, None) is not type(inner):
        raise call.refuse(
            f"a {kind} for each step",
            f"wrap one of {', '.join(sorted(STEPWISE))}, or rebuild it without TimeDistributed",
        )
    return inner


def normalized_kernel(call: Call) -> keras.layers.Layer:
    """Return the layer of a SpectralNormalization, whose kernel is normalized at inference."""
    if call.given().get("training"):
        raise call.refuse(
            "training=True, so it changes the kernel", "call it without training=True"
        )
    return call.operation.layer


WRAPPERS = {"SpectralNormalization": normalized_kernel, "TimeDistributed": stepwise}
