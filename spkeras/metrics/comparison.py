"""Sums that compare the values of spikes with the CNN's activations, batch by batch."""

import numpy as np

from spkeras.graph import Node
from spkeras.metrics.verification import NeuronCheck


class ValueComparison:
    """Comparison of a layer of neurons with the CNN: exact, clipped, quantised and simulated.

    Args:
        name: The layer's name.
        unit: The layer's scale over the unit of the values that `add` receives.
        finest: Smallest difference of two values.
        most: Largest value.
        explained: Largest error that the levels of the layer explain, in units of its scale.
        steps: Number of steps for which `follow` receives an error; 0 for none.
        settles: Whether a sample's last spike is final.
    """

    def __init__(
        self,
        *,
        name: str,
        unit: float,
        finest: float,
        most: float,
        explained: float,
        steps: int = 0,
        settles: bool = False,
    ) -> None:
        self.name, self.unit, self.finest, self.most = name, unit, finest, most
        self.explained, self.settles = explained, settles
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
            exact: Those of the converted CNN.
            own: Those of the network with its parameters, on real values.
            clipped: The same, cut to the range that spikes can send.
            counted: Those of layers that are coded after their inputs are complete.
            simulated: Those of the simulation.
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
        """Add the course of the same batch, step by step.

        Args:
            silent: Number of neurons (over all samples) that did not fire.
            squares: Sum of the squared errors after each step.
            last: Last step at which a neuron of the layer fired, by sample.
        """
        self.shares[2] += silent
        self.course += squares
        self.last.append(last)

    def result(self) -> NeuronCheck:
        """Return the figures of the layer over all batches."""
        n = max(self.elements, 1)
        r, a, rr, aa, ra = self.sums / n
        spread = np.sqrt(max(rr - r * r, 0) * max(aa - a * a, 0))
        correlation = (ra - r * a) / spread if spread > 0 else float(np.isclose(rr, aa))
        error, parameters, clipping, quantization, unevenness = self.unit * np.sqrt(
            self.squares / n
        )
        exact, saturated, silent = self.shares / n
        course = np.sqrt(self.course / (n * aa if aa > 0 else n))
        settles = self.settles and bool(self.last)
        return NeuronCheck(
            name=self.name,
            correlation=float(correlation),
            bias=float(self.unit * (r - a)),
            error=float(error),
            clipping=float(clipping),
            quantization=float(quantization),
            unevenness=float(unevenness),
            exact=float(exact),
            saturated=float(saturated),
            silent=float(silent),
            course=tuple(course.tolist()),
            settled=float(np.concatenate(self.last).mean()) if settles else None,
            parameters=float(parameters),
        )


class RateComparison(ValueComparison):
    """Comparison of a layer of a spike loop.

    Args:
        node: The layer's node.
        timesteps: T.
        steps: As in `ValueComparison`.
        levels_above_scale: Exponents above the layer's scale: a spike of size 1 is
            2^levels_above_scale scales.
    """

    def __init__(self, node: Node, timesteps: int, steps: int, levels_above_scale: int = 0) -> None:
        unit, delta = 2.0**levels_above_scale, node["spike_code"] == "delta"
        graded = delta and node.neuron.graded
        super().__init__(
            name=node.name,
            unit=unit,
            finest=2.0 ** (1 - node["levels"] - node["mantissa_bits"]),
            most=node["max_spikes_per_step"] * _reach(node["spike_code"], timesteps),
            explained=_graded_error(node, timesteps, unit) if graded else 1 / timesteps,
            steps=steps,
            settles=delta,
        )


def _graded_error(node: Node, timesteps: int, unit: float) -> float:
    """Return the largest error that graded spikes explain under the delta code.

    Whole spikes, and all spikes under another code, follow a value to 1 / T. A graded spike leaves
    a share of the missing amount: rounding to m bits after the leading one leaves at most
    h / (1 + h), h = 2^-(m + 1). The last exponent is the limit.
    """
    half: float = 2.0 ** -(node["mantissa_bits"] + 1)
    last: float = unit * 2.0 ** (1 - node["levels"])
    rest: float = (half / (1 + half)) ** timesteps
    return max(last, rest)


def _reach(code: str, timesteps: int) -> float:
    """Return the received value if the largest spike is sent at each of T steps."""
    if code == "rate":
        return 1.0
    if code == "delta":
        return float(timesteps)
    return float((1 / np.arange(1, timesteps + 1)).sum())
