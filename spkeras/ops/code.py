"""Spike codes: the value that a train of spikes represents, as pure functions on `keras.ops`.

A value x is sent as spikes s(1), s(2), ...; the spike of step t has the weight w(t):

| code | received x after t steps | w(t) | spikes still to be sent |
|---|---|---|---|
| rate | (1 / t) sum of s | 1 | t x - sum of s |
| differential | sum of s / t | 1 / t | t (x - sum of s / t) |
| delta | sum of s | 1 | x - sum of s |

Under the rate code the value is a mean, and is sent in every step. Under the other two it stays
until it is changed, and constants (biases, a constant input) are sent once.

Sources: rate: Rueckauer et al. 2017. differential: Huang et al., ICML 2025 (their
v += (z - b) + e_in - e_out is the last column, with z summed as in the second). delta:
sigma-delta networks, O'Connor & Welling 2016.
"""

from spkeras.ops.names import CODES
from spkeras.ops.types import Tensor

__all__ = ["CODES", "keeps_values", "missing", "weigh"]


def keeps_values(code: str) -> bool:
    """Return whether receiving neurons keep the value, so that only changes are sent."""
    return code != "rate"


def weigh(code: str, spikes: Tensor, elapsed: Tensor) -> Tensor:
    """Return w(t) s(t), the sum that spikes of step `elapsed` (from 1) add at their receivers."""
    return spikes / elapsed if code == "differential" else spikes


def missing(code: str, value: Tensor, sent: Tensor, elapsed: Tensor) -> Tensor:
    """Return the part of a value that is still to be sent, in spikes of this step.

    Args:
        code: One of `CODES`.
        value: x; under the rate code the sum of x over the steps so far.
        sent: Sum of w(t) s(t) so far.
        elapsed: Steps since the neuron started, this one included.
    """
    difference = value - sent
    return elapsed * difference if code == "differential" else difference
