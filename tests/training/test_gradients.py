"""Values and gradients of the activations, at and around the ends, on every backend."""

import json

import numpy as np
import pytest

from tests.processes import BACKENDS, python, require

pytestmark = [pytest.mark.slow, pytest.mark.backend]

# Where values are looked at, in units: below, at and above both ends, and inside.
POINTS = [-0.1, 0.0, 0.5, 0.99, 1.0, 1.1]
# What comes from above: within +-1, and beyond.
UPSTREAM = [0.5, -3.0, 4.0]
EDGES = [0.0, 1.0, 1.0, 1.0, 1.0, 0.0]

SCRIPT = """
import json, sys
import numpy as np
import keras
from keras import ops
from spkeras.layers import QCFSActivation, Clamp, ClampQuantize, InputQuantizer, Staged, ValueRange
points, upstream = json.loads(sys.argv[1])

def gradients(layer, x, g):
    x = np.array([x], "float32"); g = np.array([g], "float32")
    backend = keras.backend.backend()
    trained = layer.trainable_variables
    if backend == "tensorflow":
        import tensorflow as tf
        v = tf.Variable(x)
        with tf.GradientTape() as tape:
            out = tf.reduce_sum(layer(v) * g)
        dx, *dw = tape.gradient(out, [v, *[w.value for w in trained]])
    elif backend == "jax":
        import jax
        def f(v, values):
            with keras.StatelessScope(state_mapping=list(zip(trained, values))):
                return (layer(v) * g).sum()
        dx, dw = jax.grad(f, argnums=(0, 1))(jax.numpy.asarray(x), [w.value for w in trained])
    else:
        import torch
        for w in trained:
            w.value.grad = None
        v = torch.tensor(x, requires_grad=True)
        (layer(v) * torch.tensor(g)).sum().backward()
        dx, dw = v.grad, [w.value.grad for w in trained]
    number = lambda t: float(np.asarray(ops.convert_to_numpy(t)).reshape(-1)[0])
    return [number(dx), *[number(t) for t in dw]]

layers = {
    "clamp": Clamp(), "cq": ClampQuantize(4), "vr": ValueRange(4, 4),
    "unit": ClampQuantize(4, scale=2.0), "qcfs": QCFSActivation(4, initial=1.0),
    "staged_clamp": Staged(ClampQuantize(4), "clamp"), "staged": Staged(ClampQuantize(4)),
    "staged_relu": Staged(ClampQuantize(4), "relu"),
}
found = {}
for name, layer in layers.items():
    scale = 2.0 if name == "unit" else 1.0
    found[name] = {
        "values": ops.convert_to_numpy(layer(ops.convert_to_tensor(
            np.array(points, "float32") * scale))).tolist(),
        "gradients": [[gradients(layer, scale * p, g) for p in points] for g in upstream],
    }
print("RESULT" + json.dumps(found))
"""


@pytest.fixture(scope="module", params=BACKENDS)
def found(request):
    require(request.param)
    said = python(SCRIPT, json.dumps([POINTS, UPSTREAM]), KERAS_BACKEND=request.param)
    return json.loads(said.split("RESULT")[1])


def test_the_clamp_passes_the_gradient_at_both_ends_and_between(found):
    for name in ("clamp", "staged_clamp"):
        assert found[name]["values"] == pytest.approx([0, 0, 0.5, 0.99, 1, 1])
        for g, row in zip(UPSTREAM, found[name]["gradients"], strict=True):
            assert [dx for (dx,) in row] == [g * edge for edge in EDGES]


def test_cq_cuts_what_comes_from_above(found):
    for name in ("cq", "vr", "staged"):
        assert found[name]["values"] == [0, 0, 0.5, 0.75, 1, 1]
        for g, row in zip(UPSTREAM, found[name]["gradients"], strict=True):
            assert [dx for (dx,) in row] == [np.clip(g, -1, 1) * edge for edge in EDGES]


def test_a_unit_cuts_gradients_of_values_in_units(found):
    """y = 2 q(x / 2): 2 g reaches q, is cut to +-1, and is divided by the unit again."""
    assert found["unit"]["values"] == [0, 0, 1, 1.5, 2, 2]
    for g, row in zip(UPSTREAM, found["unit"]["gradients"], strict=True):
        assert [dx for (dx,) in row] == [np.clip(2 * g, -1, 1) / 2 * edge for edge in EDGES]


def test_qcfs_trains_its_ceiling(found):
    """d/dlambda: what rounding added inside, 1 above, 0 below; d/dx is not cut."""
    added = [0, 0, 0, 1.0 - 0.99, 0, 1]
    assert found["qcfs"]["values"] == [0, 0, 0.5, 1, 1, 1]
    for g, row in zip(UPSTREAM, found["qcfs"]["gradients"], strict=True):
        assert [dx for dx, _ in row] == [g * edge for edge in EDGES]
        assert [dw for _, dw in row] == pytest.approx([g * a for a in added], abs=1e-6)


def test_the_first_stage_is_relu(found):
    assert found["staged_relu"]["values"] == pytest.approx([0, 0, 0.5, 0.99, 1, 1.1])
