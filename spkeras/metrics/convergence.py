"""Settling of a run: the step after which no neuron fires."""

from dataclasses import dataclass

import numpy as np

from spkeras.ops.arrays import Float64Array
from spkeras.trace import Trace


@dataclass(frozen=True, eq=False)
class Convergence:
    """Settling of the samples of a run, under a code that keeps values.

    A sample with a spike at the last step T may have further ones after it: it counts as T, and
    as not settled.

    Attributes:
        mean: Last step with a spike, mean over the samples.
        maximum: Last step with a spike, of the sample that settles last.
        share: Share of the samples that settled within the run.
        within: Share of the samples that have settled by each of the run's steps.
    """

    mean: float
    maximum: int
    share: float
    within: Float64Array


def convergence(trace: Trace) -> Convergence | None:
    """Return the settling of the samples of a trace; None under a code that never settles."""
    last = trace.settled
    if last is None or not len(last):
        return None
    # The step after its last spike is the first that shows that a sample has settled.
    within = [(last <= min(step, trace.timesteps - 1)).mean() for step in trace.steps]
    return Convergence(float(last.mean()), int(last.max()), float(within[-1]), np.array(within))
