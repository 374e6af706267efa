"""When samples settled, from the last spikes of a trace."""

import pytest

from spkeras.metrics import convergence
from tests.metrics import graphs

SPIKES = {"n1": [1, 0, 0]}


def test_mean_maximum_and_share():
    found = convergence(graphs.trace(SPIKES, timesteps=5, samples=4, settled=[2, 3, 3, 0]))
    assert (found.mean, found.maximum, found.share) == (2, 3, 1)
    assert found.within.tolist() == [0.25, 0.5, 1, 1, 1]


def test_a_spike_at_the_last_step_is_not_settled():
    found = convergence(graphs.trace(SPIKES, timesteps=4, samples=4, settled=[2, 3, 4, 4]))
    assert (found.mean, found.maximum, found.share) == (3.25, 4, 0.5)
    assert found.within.tolist() == [0, 0.25, 0.5, 0.5]


def test_other_codes_never_settle():
    assert convergence(graphs.trace(SPIKES)) is None
    assert convergence(graphs.trace(SPIKES, settled=[])) is None


def test_one_step():
    found = convergence(graphs.trace(SPIKES, timesteps=1, samples=2, settled=[0, 1]))
    assert found.share == 0.5 and found.mean == pytest.approx(0.5)
