"""The short way to a run's rates gives the rates of the long one."""

import numpy as np
import pytest

from spkeras.calibration.layer_rates import LayerRates
from spkeras.snn.model import loop_of
from tests import networks
from tests.training.nets import NETS


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"stagger": 0},
        {"stagger": 2},
        {"neuron": "signed"},
        {"input_encoding": "regular"},
        {"spike_code": "differential", "neuron": "signed"},
        {"recipe": "sigma_delta", "timesteps": 4},
    ],
)
def test_rates_alone_are_those_of_the_whole_simulation(options):
    model = NETS["resnet"]()
    x = np.random.default_rng(0).random((5, *model.inputs[0].shape[1:])).astype("float32")
    stages = LayerRates(loop_of(networks.convert(model, x, **{"timesteps": 12, **options})))
    exact = stages.rates("ann", [x])[1]
    wanted, found = stages.simulated([x], exact).rates, stages.sent([x])
    assert len(found) == len(wanted) > 3
    for some, others in zip(found, wanted, strict=True):
        assert others.any()
        np.testing.assert_array_equal(some, others)
