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


def normalized_kernel(call: Call) -> keras.layers.Layer:
    """Return the layer of a SpectralNormalization, whose kernel is normalized at inference."""
    if call.given().get("training"):
        raise call.refuse(
            "training=True, so it changes the kernel", "call it without training=True"
        )
    return call.operation.layer


WRAPPERS = {"SpectralNormalization": normalized_kernel}
