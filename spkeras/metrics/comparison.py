"""Sums that hold firing rates against the activations they stand for, batch by batch."""

import numpy as np

from spkeras.metrics.verification import NeuronCheck


class RateComparison:
    """One layer of neurons: exact, clipped, quantised and simulated rates.

    Args:
        name: The layer's name.
        limit: Most spikes in one step.
    """

    def __init__(self, name: str, limit: int) -> None:
        self.name, self.limit = name, limit
        self.elements = 0
        self.sums = np.zeros(5)  # of rate, activation, their squares, their product
        self.squares = np.zeros(4)  # of the whole error and its three parts
        self.shares = np.zeros(3)  # exact, saturated, silent

    def add(
        self, exact: np.ndarray, clipped: np.ndarray, counted: np.ndarray, simulated: np.ndarray
    ) -> None:
        """Rates of one batch, spikes per step, in units of the layer's scale."""
        a, r = exact.astype(np.float64), simulated.astype(np.float64)
        self.elements += a.size
        self.sums += [r.sum(), a.sum(), (r * r).sum(), (a * a).sum(), (r * a).sum()]
        parts = (r - a, clipped - a, counted - clipped, r - counted)
        self.squares += [float((part**2).sum()) for part in parts]
        self.shares += [
            np.isclose(r, counted, rtol=0, atol=1e-6).sum(),
            (r >= self.limit).sum(),
            (r == 0).sum(),
        ]

    def result(self) -> NeuronCheck:
        """What the sums say."""
        n = max(self.elements, 1)
        r, a, rr, aa, ra = self.sums / n
        spread = np.sqrt(max(rr - r * r, 0) * max(aa - a * a, 0))
        correlation = (ra - r * a) / spread if spread > 0 else float(np.isclose(rr, aa))
        error, clipping, quantization, unevenness = np.sqrt(self.squares / n)
        exact, saturated, silent = self.shares / n
        return NeuronCheck(
            self.name, float(correlation), float(r - a), float(error), float(clipping),
            float(quantization), float(unevenness), float(exact), float(saturated), float(silent),
        )  # fmt: skip
