"""The settings of one training, and the schedule of its learning rate.

The parts and most values are those of Jordan 2024 (arXiv:2404.00498), for smaller batches.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Self, TypeVar

Setting = TypeVar("Setting", int, float, bool, str)


@dataclass(frozen=True)
class Recipe:
    """All settings of one training. `seed` decides initial weights, order and augmentation."""

    epochs: float = 60
    batch: int = 512  # Samples of one update.
    part: int = 128  # Samples of one pass: batch norm sees these, and they fit the caches.
    rate: float = 0.6  # Peak learning rate.
    momentum: float = 0.85
    decay: float = 1e-3  # L2 of every trainable weight, as PyTorch's SGD defines it.
    smoothing: float = 0.2  # Probability that label smoothing spreads over all classes.
    schedule: str = "triangular"  # Or "cosine", or "constant".
    warmup: float = 0.2  # Position of the peak, as a fraction of the updates.
    start: float = 0.2  # First rate, as a fraction of the peak.
    end: float = 0.02  # Last rate, as a fraction of the peak.
    flips: str = "alternating"  # Or "random", or "none".
    shift: int = 4  # Largest shift in pixels, at reflecting edges.
    cutout: int = 0  # Side of the square that is blanked in each image; 0 blanks none.
    average: int = 5  # Updates between two steps of the averaged weights; 0 averages none.
    bias_rate: float = 64  # Rate of the biases of batch norm, as a multiple of the rate.
    identity: bool = True  # First filters of each convolution copy their input channels.
    whitening: bool = True  # First convolution starts from the whitened patches of the data.
    logit_scale: float = 1 / 9  # Factor of the last layer's kernel, folded into it at the end.
    held_out: int = 2000  # Last training images, kept for validation.
    seed: int = 1

    def __post_init__(self) -> None:
        allowed = {
            "schedule": ("triangular", "cosine", "constant"),
            "flips": ("alternating", "random", "none"),
        }
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise ValueError(
                    f"{name}: {getattr(self, name)!r} is none of {', '.join(values)}. Use one of these."
                )
        if self.batch % self.part:
            raise ValueError(
                f"batch: {self.batch} is no multiple of part, {self.part}. "
                "Use a part that divides the batch."
            )

    def changed(self, settings: dict[str, str]) -> Self:
        """Return the recipe with the settings of `{name: text}`, read as the field's type."""
        types: dict[str, Any] = {field.name: field.type for field in fields(self)}
        unknown = sorted(set(settings) - set(types))
        if unknown:
            raise ValueError(f"recipe: no setting {unknown[0]!r}. It has {', '.join(types)}.")
        changes: dict[str, Any] = {
            name: _read(name, types[name], t) for name, t in settings.items()
        }
        return replace(self, **changes)

    def rate_at(self, progress: float) -> float:
        """Return the learning rate after a fraction of the updates, between 0 and 1."""
        if self.schedule == "constant":
            return self.rate
        if progress < self.warmup:
            return self.rate * (self.start + (1 - self.start) * progress / self.warmup)
        left = (1 - progress) / (1 - self.warmup)
        if self.schedule == "cosine":
            left = (1 - math.cos(math.pi * left)) / 2
        return self.rate * (self.end + (1 - self.end) * left)

    def kept_at(self, progress: float) -> float:
        """Return the weight of the old average in a step of averaging: 0 at first, then growing."""
        return 0.95**self.average * progress**3


def _read(name: str, kind: Callable[[str], Setting], text: str) -> Setting | bool:
    try:
        return {"0": False, "1": True}[text] if kind is bool else kind(text)
    except (KeyError, ValueError) as error:
        allowed = "0 or 1" if kind is bool else f"a number ({kind.__name__})"
        raise ValueError(f"{name}: {text!r} is not {allowed}.") from error
