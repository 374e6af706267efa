"""Mean products of the inputs of kernels, against explicit loops over windows."""

import keras
import numpy as np
from keras import layers

import spkeras
from spkeras.calibration.moments import moments
from spkeras.snn.model import loop_of


def test_products_of_windows_are_those_of_loops():
    """Convolution with padding, depthwise, dense: maps of one window are counted whole."""
    keras.utils.set_random_seed(3)
    net = keras.Sequential(
        [
            keras.Input((2, 2, 2)),
            layers.Conv2D(3, 2, name="a"),
            layers.ReLU(),
            layers.DepthwiseConv2D(3, padding="same", name="b"),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(2, name="c"),
        ]
    )
    x = np.random.default_rng(3).random((30, 2, 2, 2)).astype("float32")
    loop = loop_of(spkeras.convert(net, x, percentile=100, insist=True, verbose=0))
    scales = {n.name: n.array("scale") for n in loop.graph.of("input")}
    found = moments(loop, [x])
    first = (x / next(iter(scales.values()))).reshape(30, -1)

    def wanted(rows):
        both = np.concatenate([np.ones((30, 1)), rows], axis=1)
        return both.T @ both / 30

    np.testing.assert_allclose(found["a"][0][0], wanted(first), rtol=1e-5)
    a, b, c = (loop.graph[name].arrays for name in "abc")
    rates = np.clip(first @ a["kernel"].reshape(-1, 3) + a["bias"], 0, 1)
    assert rates.any() and len(found["b"]) == 3
    for channel in range(3):
        window = np.zeros((30, 9))
        window[:, 4] = rates[:, channel]
        np.testing.assert_allclose(found["b"][channel][0], wanted(window), rtol=1e-4, atol=1e-6)
    centre = b["kernel"].reshape(3, 3, 3)[1, 1]
    last = np.clip(rates * centre + b["bias"], 0, 1)
    np.testing.assert_allclose(found["c"][0][0], wanted(last), rtol=1e-4, atol=1e-6)
    assert c["kernel"].shape == (3, 2)


def test_large_kernels_have_blocks_and_maps_are_drawn_alike():
    keras.utils.set_random_seed(4)
    net = keras.Sequential([keras.Input((5, 5, 100)), layers.Conv2D(1, 5, name="a"), layers.ReLU()])
    x = np.random.default_rng(4).random((20, 5, 5, 100)).astype("float32")
    loop = loop_of(spkeras.convert(net, x, insist=True, verbose=0))
    blocks = moments(loop, [x])["a"][0]
    assert [len(block) for block in blocks] == [2049, 453]
    np.testing.assert_allclose(blocks[0][0, 0], 1)
    small = keras.Sequential([keras.Input((9, 9, 1)), layers.Conv2D(1, 2, name="a"), layers.ReLU()])
    y = np.random.default_rng(5).random((40, 9, 9, 1)).astype("float32")
    drawn = moments(loop_of(spkeras.convert(small, y, insist=True, verbose=0)), [y])["a"][0][0]
    windows = np.stack([y[:, i : i + 8, j : j + 8, 0] for i in (0, 1) for j in (0, 1)], axis=-1)
    exact = windows.reshape(-1, 4).T @ windows.reshape(-1, 4) / windows[..., 0].size
    scale = drawn[1, 1] / exact[0, 0]
    np.testing.assert_allclose(drawn[1:, 1:], exact * scale, rtol=0.05)
