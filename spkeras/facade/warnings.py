"""Warnings of an evaluation."""

from collections.abc import Iterator, Sequence

import numpy as np

from spkeras.facade.networks import AnyNetwork
from spkeras.graph import Graph
from spkeras.metrics import OutputScore
from spkeras.metrics.evaluation import depends_on_timesteps


def other_steps(graph: Graph, loop: AnyNetwork) -> Iterator[str]:
    """A sentence where a network runs for another T than it was built for."""
    built = graph.settings.get("built_for")
    if built not in (None, loop.timesteps) and depends_on_timesteps(graph.settings):
        yield (
            f"T = {loop.timesteps} runs a network whose thresholds were chosen for T = {built}; "
            f"to build one for {loop.timesteps} steps, convert again: spkeras "
            f"convert CNN --data DATA --timesteps {loop.timesteps}"
        )


def undefined(scores: Sequence[OutputScore]) -> Iterator[str]:
    """Yield a warning for each output with values that are NaN or infinite."""
    for score in scores:
        for whose, size in (("CNN", score.cnn_spread), ("SNN", score.deviation[-1])):
            if not np.isfinite(size):
                yield (
                    f"{score.name}: the {whose} returns NaN or infinity for some samples; they "
                    "count as wrong decisions. Look for values too large for float32 in its layers"
                )
                break


def beyond_range(beyond: float, share: float) -> tuple[str, ...]:
    """Return a warning if data exceed, or do not fill, the range of calibration.

    Args:
        beyond: Largest magnitude of an input in units of its calibrated maximum.
        share: Share of the values beyond it.
    """
    if beyond <= 1.25:
        low = (
            ""
            if beyond > 0.2
            else (
                f"the data reach only {beyond:.2g} of the range of calibration; scale the input as "
                "in calibration"
            )
        )
        return (low,) if low else ()
    return (
        f"the data reach {beyond:.3g} times the range of calibration ({share:.1%} of the values "
        "lie outside); scale the input as in calibration",
    )
