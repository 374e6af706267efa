"""Batches spread over virtual processors by Keras or TensorFlow give what one device gives."""

import json

import pytest

from tests.processes import python, require

pytestmark = [pytest.mark.slow, pytest.mark.backend]

# Whole numbers over 64: no sum rounds, however it is cut.
CASE = """
import json, sys
import numpy as np
import keras, spkeras
from spkeras.snn.model import build
from tests import networks


def figures(snn, x, batch_size):
    y = np.arange(len(x)) % 5
    found = spkeras.evaluate(snn, x, y, engine="dense", batch_size=batch_size, early_exit=3)
    found = found.to_dict()
    del found["seconds"]
    return [found, snn.predict(x, batch_size=batch_size, verbose=0).tolist()]


def network():
    return build(networks.spiking(networks.chain()), timesteps=6)


x = networks.samples(networks.chain(), 22)
"""

JAX = (
    """
import os
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
"""
    + CASE
    + """
import jax
alone = figures(network(), x, 8)
keras.distribution.set_distribution(keras.distribution.DataParallel())
assert len(keras.distribution.list_devices()) == len(jax.devices()) == 2
snn = network()
together = figures(snn, x, 8)
from spkeras.simulation.devices import spread
(cut,), (whole,) = spread([x[:8]]), spread([x[:7]])
assert isinstance(whole, np.ndarray) and cut.addressable_shards[1].data.shape[0] == 4
print(json.dumps([alone == together, len(cut.sharding.device_set)]))
"""
)

TENSORFLOW = (
    """
import tensorflow as tf
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
"""
    + CASE
    + """
alone = figures(network(), x, 8)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    snn = network()
    together = figures(snn, x, 8)
print(json.dumps([alone == together, strategy.num_replicas_in_sync]), flush=True)
import os
os._exit(0)  # threads of the strategy may keep the interpreter from ending
"""
)


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_two_devices_give_the_result_of_one(backend):
    require(backend)
    code = {"jax": JAX, "tensorflow": TENSORFLOW}[backend]
    told = python(code, KERAS_BACKEND=backend)
    assert json.loads(told.splitlines()[-1]) == [True, 2]
