"""Programs of small networks."""

import numpy as np
import pytest

from spkeras.hardware import log_ttfs
from spkeras.hardware.log_ttfs import HardwareConfig
from spkeras.ops.log_weights import LogFormat, log_quantize
from tests.ttfs.nets import branched, chain, pixels


def quantized(model, form=LogFormat()):  # noqa: B008
    """The model with the values of its weights' codes."""
    for layer in model.layers:
        weights = layer.get_weights()
        if len(weights) == 2:
            layer.set_weights([log_quantize(weights[0], form), weights[1]])
    return model


@pytest.fixture(scope="session")
def chain_model():
    return quantized(chain(10, 4))


@pytest.fixture(scope="session")
def chain_program(chain_model):
    return log_ttfs.compile(chain_model, samples=pixels((6, 6, 2), 3))


@pytest.fixture(scope="session")
def branched_program():
    config = HardwareConfig(weight_steps=1, accumulator_bits=40)
    return log_ttfs.compile(branched(12, 2), config, pixels((8, 8, 3), 2))


@pytest.fixture(scope="session")
def images():
    return pixels((6, 6, 2), 4, seed=11)


def weights_of(model):
    """Kernels and biases in order, float64."""
    return [
        [w.astype(np.float64) for w in layer.get_weights()]
        for layer in model.layers
        if layer.weights
    ]
