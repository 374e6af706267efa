"""Statistics that give the scale of a layer: options, and defaults for T."""

from typing import Unpack

from spkeras.recipes.fields import Details, option

METHODS = ("percentile", "mse", "iteration", "balance")
# For codes whose spikes add up: a value above the scale costs one more spike.
VALUES_PERCENTILE = 99.97
# From this T on percentiles lose no more than the other methods (docs/measurements/accuracy.md).
_MANY_STEPS = 64


def automatic_percentile(timesteps: int) -> float:
    """Return the percentile for a network that runs T steps: 99.97 at T = 64.

    A lower scale clips large activations, a higher one increases the value of each spike. The
    quantisation error falls with T, the clipping error does not. The share that is clipped
    therefore falls with T to the power of 3/2, from 0.5 % (docs/measurements/accuracy.md).
    """
    clipped: float = 0.03 * (64 / timesteps) ** 1.5
    return max(99.5, round(100 - clipped, 4))


def automatic_thresholds(timesteps: int) -> str:
    """Return the method for binary neurons: few steps need thresholds fitted to the levels."""
    return "mse" if timesteps < _MANY_STEPS else "percentile"


def percentile_option(**details: Unpack[Details]) -> float | None:
    """Return the option of the percentile of activations."""
    own: Details = {
        "low": 0,
        "high": 100,
        "above": True,
        "unit": "%",
        "group": "thresholds",
        "shown": "from T, 99.97 at 64",
        **details,
    }
    return option(None, "Share of activations below a layer's scale.", **own)


def thresholds_option(shown: str) -> str | None:
    """Return the option of the method for thresholds, for a CNN that was not trained for spikes.

    Args:
        shown: Default in words.
    """
    return option(None, "Method for thresholds.", choices=METHODS, group="thresholds", shown=shown)


PERCENTILE = percentile_option()
PER_CHANNEL = option(
    True, "One scale per channel, or one per layer.", group="thresholds", shown="per channel"
)
