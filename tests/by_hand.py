"""A network of graded spikes small enough to be run by loops that are written out here."""

import keras
import numpy as np
from keras import layers

from tests import networks

STEPS, LEVELS = 5, 6


def dense_chain():
    """Two dense layers with ReLU, one without."""
    net = keras.Sequential(
        [
            keras.Input((3,), name="x"),
            layers.Dense(6, activation="relu", name="one"),
            layers.Dense(5, activation="relu", name="two"),
            layers.Dense(3, name="out"),
        ],
        name="dense_chain",
    )
    return networks.dyadic(net, 3)


def part(missing):
    """The power of two that is sent of each missing amount; each reaches down to 3/4 of it."""
    sent = np.zeros_like(missing)
    for k in reversed(range(LEVELS)):
        sent = np.where(abs(missing) >= 0.75 * 2.0**-k, np.sign(missing) * 2.0**-k, sent)
    return sent


def run(cnn, graph, x):
    """Spikes (layer: (T, batch, neurons)) and exact values, both in units of the scales."""
    scales = networks.scales_of(graph)
    weights = {layer.name: layer.get_weights() for layer in cnn.layers}
    value, exact, before = x.astype(float), {}, {}
    for name in ("one", "two"):
        value = np.maximum(value @ weights[name][0] + weights[name][1], 0)
        exact[name], before[name] = value / scales[name], np.zeros((STEPS, *value.shape))
    spikes = before
    for t in range(STEPS):
        arrived = x.astype(float)
        for name in ("one", "two"):
            target = np.maximum(arrived @ weights[name][0] + weights[name][1], 0) / scales[name]
            spikes[name][t] = part(target - spikes[name][:t].sum(0))
            arrived = spikes[name][: t + 1].sum(0) * scales[name]
    return spikes, exact


def at_once(values, steps):
    """What so many spikes come to that follow a value which does not change."""
    sent = np.zeros_like(values)
    for _ in range(steps):
        sent = sent + part(values - sent)
    return sent
