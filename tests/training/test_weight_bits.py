"""n-bit weights of a trained network: CQ+'s pre-scale, weights and thresholds alike."""

import numpy as np
import pytest

import spkeras
from spkeras.snn.model import loop_of
from spkeras.training import prepare
from tests.training.nets import NETS


@pytest.mark.parametrize("bits", [8, 9])
def test_the_published_prescale(bits):
    model = NETS["vgg"]()
    x = (np.random.default_rng(3).integers(0, 17, (6, 8, 8, 2)) / 16).astype("float32")
    twin = prepare(model, recipe="cq", timesteps=16, pooling_neurons=False)
    plain = loop_of(spkeras.convert(twin, x, recipe="cq")).graph
    coarse = loop_of(
        spkeras.convert(twin, x, recipe="cq", weight_bits=bits, rounding="nearest")
    ).graph
    levels = 2 ** (bits - 1)
    for name in ("a1", "a2", "b1"):
        node = next(n for n in plain.of("conv") if n.name.startswith(name))
        weights = node.arrays["kernel"] / abs(node.arrays["kernel"]).max()
        wanted = np.round(weights * (1 - 2.0 ** (1 - bits)) * levels) / levels
        found = coarse[node.name].arrays["kernel"]
        np.testing.assert_allclose(found, wanted, atol=1e-6)
        neuron, before = (g.sole_consumer(node.name) for g in (coarse, plain))
        factor = abs(found).max() / abs(node.arrays["kernel"]).max()
        np.testing.assert_allclose(
            neuron.arrays["threshold"], before.arrays["threshold"] * factor, rtol=1e-5
        )
