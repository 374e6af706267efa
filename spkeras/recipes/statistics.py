"""Which statistics give the scale of a layer: options, and what is chosen for T."""

from typing import Any

from spkeras.recipes.fields import option

METHODS = ("percentile", "mse", "iteration", "balance")
# For codes whose spikes add up: what exceeds the scale takes another spike, no more.
VALUES_PERCENTILE = 99.97
# From this T on percentiles lose as little, or less (docs/measurements/accuracy.md).
_MANY_STEPS = 64


def automatic_percentile(timesteps: int) -> float:
    """Return the percentile for a network that is to run T steps: 99.97 at T = 64.

    A lower scale cuts large activations, a higher one makes each spike worth more. The error
    of whole spikes falls with T, that of cutting does not. The share that is cut therefore falls
    with T to the power of 3/2, down from 0.5 % (docs/measurements/accuracy.md).
    """
    return max(99.5, round(100 - 0.03 * (64 / timesteps) ** 1.5, 4))


def automatic_thresholds(timesteps: int) -> str:
    """Return the method for binary neurons: with few steps it counts where the levels lie."""
    return "mse" if timesteps < _MANY_STEPS else "percentile"


def percentile_option(**details: Any) -> Any:
    """Return the option of a share of activations below a layer's scale."""
    return option(
        None,
        "Activations below a layer's scale.",
        low=0,
        high=100,
        above=True,
        unit="%",
        group="thresholds",
        **{"shown": "from T, 99.97 at 64", **details},
    )


def thresholds_option(shown: str) -> Any:
    """Return the option of how thresholds are chosen for a CNN as it is.

    Args:
        shown: The default in words.
    """
    return option(None, "How they are chosen.", choices=METHODS, group="thresholds", shown=shown)


PERCENTILE = percentile_option()
PER_CHANNEL = option(
    True, "One scale per channel, or per layer.", group="thresholds", shown="per channel"
)
