"""A CNN prepared for time-to-first-spike is what the first-spike network computes."""

import numpy as np

from spkeras.frontend.walk import read_graph
from spkeras.layers import TTFSActivation
from spkeras.training import finished, prepare, set_stage
from spkeras.training.rebuild import all_layers
from spkeras.ttfs.closed_form import spike_times
from spkeras.ttfs.lower import lower
from tests.training.nets import NETS


def test_the_trained_twin_is_the_first_spike_network():
    model = NETS["vgg"]()
    x = (np.random.default_rng(3).integers(0, 17, (6, 8, 8, 2)) / 16).astype("float32")
    twin = finished(prepare(model, x, recipe="cat", timesteps=24, tau=4.0))
    kinds = [layer for layer in all_layers(twin) if isinstance(layer, TTFSActivation)]
    assert {(layer.timesteps, layer.tau) for layer in kinds} == {(24, 4.0)} and len(kinds) == 5
    plan = lower(read_graph(twin))
    times, potentials = spike_times(plan, x)
    wanted = twin.predict(x, verbose=0)
    np.testing.assert_allclose(potentials.reshape(wanted.shape), wanted, rtol=1e-4, atol=1e-4)
    assert sum((t < 24).sum() for t in times.values()) > 100


def test_its_three_stages():
    model = NETS["vgg"]()
    x = np.random.default_rng(3).random((6, 8, 8, 2)).astype("float32")
    twin = prepare(model, x, recipe="cat", encoding="real", percentile=100, stage="relu")
    plain = twin.predict(x, verbose=0)
    np.testing.assert_allclose(plain, model.predict(x, verbose=0), rtol=1e-5, atol=1e-5)
    # Up to the largest value the clamp changes nothing; rounding to powers of 2^(1/4) does.
    clamped = set_stage(twin, "clamp").predict(x, verbose=0)
    np.testing.assert_allclose(clamped, plain, rtol=0.05, atol=0.05 * abs(plain).max())
    coded = set_stage(twin, "quantize").predict(x, verbose=0)
    assert 0 < abs(coded - clamped).max() < 0.6 * abs(clamped).max()
