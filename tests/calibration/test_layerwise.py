"""A layer at a time, a network sends what it sends all at once."""

import numpy as np
import pytest

from spkeras.calibration.layer_rates import LayerRates
from spkeras.calibration.layerwise import LayerwiseSimulation
from spkeras.snn.model import loop_of
from tests import networks
from tests.training.nets import NETS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("vgg", {"stagger": 1}),
        ("resnet", {"stagger": 2}),
        ("densenet", {"stagger": 0, "input_encoding": "regular"}),
    ],
)
def test_rates_are_those_of_the_whole_network(name, settings):
    model = NETS[name]()
    x = np.random.default_rng(0).integers(0, 9, (7, *model.input_shape[1:])) / 8
    loop = loop_of(networks.convert(model, x, timesteps=12, **settings))
    passage = LayerwiseSimulation(loop, [x], batch_size=4)
    stages = LayerRates(loop)
    zeros = [np.zeros((7, *node.shape), "float32") for node in loop.network.neurons]
    wanted = stages.simulated([x], zeros).rates
    for index, rates in enumerate(wanted):
        # One spike of one sample more or less would change a mean by 1 / 84.
        np.testing.assert_allclose(passage.run(index), rates.mean(0), atol=1e-6)
        # Again, with what was kept of the layers before.
        np.testing.assert_allclose(passage.run(index), rates.mean(0), atol=1e-6)
