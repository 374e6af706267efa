"""Sums that hold what spikes stand for against the CNN's activations, batch by batch."""

import numpy as np

from spkeras.graph import Node
from spkeras.metrics.verification import NeuronCheck
from spkeras.ops.names import GRADED


class RateComparison:
    """One layer of neurons: the CNN's and its own, clipped, quantised and simulated rates, or values.

    Args:
        node: The layer's node.
        timesteps: T.
        steps: Number of steps after which `follow` tells an error; 0 for none.
        headroom: Exponents above the layer's scale: a spike of size 1 is 2^headroom scales.
    """

    def __init__(self, node: Node, timesteps: int, steps: int, headroom: int = 0) -> None:
        self.node, self.timesteps, self.unit = node, timesteps, 2.0**headroom
        self.finest = 2.0 ** (1 - node["levels"] - node["mantissa_bits"])
        self.most = node["limit"] * _reach(node["code"], timesteps)
        self.elements = 0
        self.sums = np.zeros(5)  # of rate, activation, their squares, their product
        self.squares = np.zeros(5)  # of the whole error and its four parts
        self.shares = np.zeros(3)  # exact, saturated, silent
        self.course = np.zeros(steps)  # squares of the error after each step
        self.last: list[np.ndarray] = []

    def add(
        self,
        exact: np.ndarray,
        own: np.ndarray,
        clipped: np.ndarray,
        counted: np.ndarray,
        simulated: np.ndarray,
    ) -> None:
        """Add one batch of rates (spikes per step) or values, in units of a spike of size 1.

        Args:
            exact: Of the net that was converted.
            own: Of the network with its own parameters, on real values.
            clipped: The same, cut to what spikes can send.
            counted: The layers coded once their inputs are final.
            simulated: Of the schedule in force.
        """
        a, r = exact.astype(np.float64), simulated.astype(np.float64)
        self.elements += a.size
        self.sums += [r.sum(), a.sum(), (r * r).sum(), (a * a).sum(), (r * a).sum()]
        parts = (r - a, own - a, clipped - own, counted - clipped, r - counted)
        self.squares += [float((part**2).sum()) for part in parts]
        self.shares[:2] += [
            np.isclose(r, counted, rtol=0, atol=min(1e-6, self.finest / 2)).sum(),
            (abs(r) >= self.most - 1e-6).sum(),
        ]

    def follow(self, silent: int, squares: np.ndarray, last: np.ndarray) -> None:
        """How the same batch went, step by step.

        Args:
            silent: How many neurons (of all samples) sent nothing.
            squares: Sum of the squared errors after each step.
            last: Last step at which any neuron of the layer sent a spike, by sample.
        """
        self.shares[2] += silent
        self.course += squares
        self.last.append(last)

    @property
    def explained(self) -> float:
        """Largest error that the levels of the layer itself explain, in its scale.

        Whole spikes, and all that have to be sent again at each step, follow a value to 1 / T.
        A graded spike under the delta code leaves a share of what was missing (rounding to m
        bits behind the leading one: at most half a bit of 1 and a half bit), until its last
        exponent is reached.
        """
        node = self.node
        if node["code"] != "delta" or node["model"] not in GRADED:
            return 1 / self.timesteps
        half = 2.0 ** -(node["mantissa_bits"] + 1)
        last = self.unit * 2.0 ** (1 - node["levels"])
        return max(last, (half / (1 + half)) ** self.timesteps)

    def result(self) -> NeuronCheck:
        """What the sums say."""
        n = max(self.elements, 1)
        r, a, rr, aa, ra = self.sums / n
        spread = np.sqrt(max(rr - r * r, 0) * max(aa - a * a, 0))
        correlation = (ra - r * a) / spread if spread > 0 else float(np.isclose(rr, aa))
        error, parameters, clipping, quantization, unevenness = self.unit * np.sqrt(
            self.squares / n
        )
        exact, saturated, silent = self.shares / n
        course = np.sqrt(self.course / (n * aa if aa > 0 else n))
        settles = self.node["code"] == "delta" and bool(self.last)
        return NeuronCheck(
            self.node.name, float(correlation), float(self.unit * (r - a)), float(error), float(clipping),
            float(quantization), float(unevenness), float(exact), float(saturated), float(silent),
            tuple(course.tolist()), float(np.concatenate(self.last).mean()) if settles else None,
            float(parameters),
        )  # fmt: skip


def _reach(code: str, timesteps: int) -> float:
    """What the largest spike, sent at each of T steps, comes to."""
    if code == "rate":
        return 1.0
    if code == "delta":
        return float(timesteps)
    return float((1 / np.arange(1, timesteps + 1)).sum())
