"""What spikes mean to whoever receives them, as pure functions on `keras.ops`.

A value x travels as spikes s(1), s(2), ... of which the one at step t counts w(t):

| code | a listener's x after t steps | w(t) | the sender still misses |
|---|---|---|---|
| rate | (1 / t) sum of s | 1 | t x - sum of s |
| differential | sum of s / t | 1 / t | t (x - sum of s / t) |
| delta | sum of s | 1 | x - sum of s |

Under a rate the value is a mean and has to be sent again and again; under the other two it
stays until it is changed, and whatever is constant (biases, a constant input) arrives once.

Sources: rate: Rueckauer et al. 2017. differential: Huang et al., ICML 2025 (their
v += (z - b) + e_in - e_out is the last column, with z summed as in the second). delta:
sigma-delta networks, O'Connor & Welling 2016.
"""

from typing import Any

from spkeras.ops.names import CODES

__all__ = ["CODES", "keeps_values", "missing", "weigh"]


def keeps_values(code: str) -> bool:
    """Whether a listener holds the value itself, which stays until it is changed."""
    return code != "rate"


def weigh(code: str, spikes: Any, elapsed: Any) -> Any:
    """w(t) s(t): what spikes of step `elapsed` (from 1) add to what a listener holds."""
    return spikes / elapsed if code == "differential" else spikes


def missing(code: str, value: Any, sent: Any, elapsed: Any) -> Any:
    """What the sender still has to send for a value, in spikes of this step.

    Args:
        code: One of `CODES`.
        value: x; under the rate code the sum of x over the steps so far.
        sent: Sum of w(t) s(t) so far.
        elapsed: Steps since the neuron started, this one included.
    """
    difference = value - sent
    return elapsed * difference if code == "differential" else difference
