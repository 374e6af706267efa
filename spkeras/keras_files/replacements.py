"""The small grammar in which a user names what a layer computes that holds code.

============================ ==================================================
``identity``                 returns its input
``rescaling:DIVISOR,OFFSET`` x / DIVISOR + OFFSET; ``rescaling:127.5,-1`` is x/127.5 - 1
``normalization:MEAN,STD``   (x - MEAN) / STD, two numbers
``activation:NAME``          an activation of Keras, such as ``activation:relu``
``abs_difference``           of two tensors: the absolute difference, element by element
``l2_distance``              of two tensors: the Euclidean distance over the last axis
``cosine_similarity``        of two tensors: the dot product of unit vectors, last axis
``sampling``                 of a mean and a variance: the mean, as a VAE at inference
``subtract``, ``add``, ...   of several tensors: the merging layer of Keras of that name
============================ ==================================================
"""

from __future__ import annotations

from typing import Any

import keras

from spkeras.errors import ModelFileError
from spkeras.layers import merging

ONE = (
    "identity, rescaling:DIVISOR,OFFSET (x / DIVISOR + OFFSET), "
    "normalization:MEAN,STD ((x - MEAN) / STD), activation:NAME"
)
FORMS = (
    "Common forms: x/255 is rescaling:255,0; x/127.5 - 1 is rescaling:127.5,-1; "
    "x - mean is rescaling:1,-MEAN; x/255 - 0.5 is rescaling:255,-0.5."
)
Layer = tuple[str, dict[str, Any]]
# Layers of several tensors.
_SEVERAL: dict[str, Layer] = {
    "abs_difference": (merging.AbsoluteDifference.__name__, {}),
    "l2_distance": (merging.EuclideanDistance.__name__, {}),
    "sampling": (merging.FirstTensor.__name__, {}),
    "cosine_similarity": ("Dot", {"axes": -1, "normalize": True}),
    "dot": ("Dot", {"axes": -1}),
    "concatenate": ("Concatenate", {"axis": -1}),
    **{
        name.lower(): (name, {})
        for name in ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract")
    },
}
SEVERAL = ", ".join(_SEVERAL)
# Names that functions and layers of published models have, and what these compute.
_USUAL = {
    "abs_difference": "abs_diff absdiff absolute_difference l1_distance l1 manhattan_distance",
    "l2_distance": "euclidean euclidean_distance euclidean_dist eucl_dist l2 distance",
    "cosine_similarity": "cosine cosine_sim",
    "sampling": "sample sample_z sample_latent reparameterize reparametrize reparameterization z",
}
_KNOWN = {word: form for form, words in _USUAL.items() for word in (form, *words.split())}


def takes_several(written: str) -> bool:
    """Return whether a replacement is a layer of several tensors."""
    return written.strip() in _SEVERAL


def grammar(several: bool) -> str:
    """Return the replacements of a layer that is called with one tensor, or with several."""
    return SEVERAL if several else ONE


def suggestion(names: list[str]) -> str:
    """Return the form that the name of a function or of its layer suggests; "" for none."""
    found = (_KNOWN.get(name.lower().rstrip("_0123456789")) for name in names)
    return next((form for form in found if form), "")


def replacement_layer(name: str, written: str) -> Layer:
    """Read one replacement.

    Args:
        name: Name of the layer, for messages.
        written: The replacement in the grammar of this module.

    Returns:
        Class of Keras or of `spkeras.layers.merging`, and constructor arguments.

    Raises:
        ModelFileError: the text is not in the grammar, or a divisor is 0.
    """
    kind, _, rest = written.strip().partition(":")
    if takes_several(written):
        class_name, config = _SEVERAL[kind]
        return class_name, dict(config)
    try:
        if kind == "identity" and not rest:
            return "Activation", {"activation": "linear"}
        if kind == "rescaling":
            divisor, offset = _two_numbers(rest, 0.0)
            return "Rescaling", {"scale": 1.0 / divisor, "offset": offset}
        if kind == "normalization":
            mean, std = _two_numbers(rest, 1.0)
            return "Rescaling", {"scale": 1.0 / std, "offset": -mean / std}
        if kind == "activation" and rest:
            keras.activations.get(rest)
            return "Activation", {"activation": rest}
    except (ValueError, ZeroDivisionError) as error:
        raise ModelFileError(
            f"Replacement '{written}' of layer '{name}' cannot be read: {error}. "
            f"Allowed: {ONE}."
        ) from error
    raise ModelFileError(
        f"Replacement '{written}' of layer '{name}' is unknown. Allowed: {ONE}; for a layer of "
        f"several tensors: {SEVERAL}."
    )


def _two_numbers(written: str, second: float) -> tuple[float, float]:
    """Read "A" or "A,B"; an absent B has a default."""
    parts = [float(part) for part in written.split(",")]
    if len(parts) > 2:
        raise ValueError(f"expected at most two numbers, received {len(parts)}")
    return parts[0], parts[1] if len(parts) == 2 else second
