"""When a run stopped by itself: the step behind which nobody had anything to send."""

from dataclasses import dataclass

import numpy as np

from spkeras.trace import Trace


@dataclass(frozen=True, eq=False)
class Settling:
    """When the samples of a run settled, under a code that lets them.

    A sample that sends a spike at the last step T may go on behind it: it counts as T here,
    and as not settled.

    Attributes:
        mean: Last step with a spike, mean over the samples.
        maximum: The same of the sample that took longest.
        share: Share of the samples that settled within the run.
        within: Share of the samples that have settled by each of the run's steps.
    """

    mean: float
    maximum: int
    share: float
    within: np.ndarray


def settling(trace: Trace) -> Settling | None:
    """When the samples of a trace settled; None under a code that never does."""
    last = trace.settled
    if last is None or not len(last):
        return None
    # That a sample is silent for good shows at the step after its last spike.
    within = [(last <= min(step, trace.timesteps - 1)).mean() for step in trace.steps]
    return Settling(float(last.mean()), int(last.max()), float(within[-1]), np.array(within))
