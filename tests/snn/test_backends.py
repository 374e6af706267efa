"""The same spikes on every backend of Keras, for weights that float32 holds exactly."""

import numpy as np
import pytest

from tests import networks, oracle, oracle_neurons
from tests.processes import BACKENDS, python, require

pytestmark = [pytest.mark.slow, pytest.mark.backend]
STEPS = 8
# A network, its neurons, and how it runs.
CASES = {
    "binary": ("residual", {"neuron": "binary"}, {}),
    "signed_burst": ("pools", {"neuron": "signed_burst"}, {}),
    "burst": ("depthwise", {"neuron": "burst"}, {"input_encoding": "regular", "stagger": 1}),
    "bernoulli": ("several", {"neuron": "binary"}, {"input_encoding": "bernoulli"}),
    "graded": ("residual", {"neuron": "multi_threshold"}, {}),
    # 1 / 3 is not exact: two steps.
    "differential": (
        "pools",
        {"neuron": "multi_threshold", "spike_code": "differential"},
        {"timesteps": 2},
    ),
    "delta": ("biased", {"recipe": "sigma_delta"}, {}),
    "sequence": ("sequence", {"recipe": "sigma_delta"}, {}),
    "products": ("products", {"recipe": "sigma_delta", "mantissa_bits": 0}, {}),
}


def waits(case):
    """Whether the layer-synchronous schedule is run, too."""
    _, neurons, options = CASES[case]
    return options.get("input_encoding") != "regular" and not {"spike_code", "recipe"} & set(
        neurons
    )


SCRIPT = """
import sys
import numpy as np
import keras
from spkeras.simulation import Simulator
from spkeras.snn.model import build, configure, loop_of
from tests import networks
from tests.runs import run
from tests.snn.test_backends import CASES, STEPS, waits
assert keras.backend.backend() == sys.argv[2]
found = {}
for case, (net, neurons, options) in CASES.items():
    model = getattr(networks, net)()
    snn = build(networks.spiking(model, **neurons), **{"timesteps": STEPS, "stagger": 0, **options})
    x = networks.as_list(networks.samples(model, 5))
    def keep(key, outputs):
        for i, output in enumerate(networks.as_list(outputs)):
            found[f"{case} {key} {i}"] = keras.ops.convert_to_numpy(output)
    trace = run(
        Simulator(loop_of(snn)), x, 5, lambda rows, index, outputs: keep(f"step {index}", outputs)
    )
    for name, spikes in trace.spikes.items():
        found[f"{case} spikes {name}"] = spikes
    for name in trace.exponents:
        found[f"{case} exponents {name}"] = trace.exponents[name]
        found[f"{case} bits {name}"] = trace.bits[name]
    if trace.settled is not None:
        found[f"{case} settled"] = trace.settled
    keep("predict", snn.predict(x if len(x) > 1 else x[0], verbose=0))
    if waits(case):
        configure(snn, schedule="layer_synchronous")
        keep("synchronous", snn.predict(x if len(x) > 1 else x[0], verbose=0))
np.savez(sys.argv[1], **found)
"""

_RUNS = {}


def run(backend, folder):
    """What the script found on a backend, run once; skips where it is not installed."""
    require(backend)
    if backend not in _RUNS:
        path = folder.mktemp("backends") / f"{backend}.npz"
        python(SCRIPT, path, backend, KERAS_BACKEND=backend)
        _RUNS[backend] = dict(np.load(path))
    return _RUNS[backend]


@pytest.fixture(scope="module")
def wanted():
    """Spikes summed over samples and steps, and outputs, by the oracle."""
    found = {}
    for case, (net, neurons, options) in CASES.items():
        model = getattr(networks, net)()
        graph = networks.spiking(model, **neurons)
        x = networks.as_list(networks.samples(model, 5))
        steps, coding = options.get("timesteps", STEPS), options.get("input_encoding", "constant")
        table = np.random.default_rng(0).random(65536, dtype=np.float32)
        clocked = oracle.clock_driven(graph, x, steps, options.get("stagger", 0), coding, table)
        for name, train in clocked.spikes.items():
            graded = graph[name]["model"] in oracle.GRADED
            found[f"{case} spikes {name}"] = (train != 0 if graded else abs(train)).sum((0, 1))
            if graded:
                exponents, _, bits = oracle_neurons.grades(train, graph[name]["levels"])
                found.update({f"{case} exponents {name}": exponents, f"{case} bits {name}": bits})
        if oracle.code_of(graph) == "delta":
            found[f"{case} settled"] = clocked.settled()
        for i, output in enumerate(clocked.outputs[-1]):
            found[f"{case} predict {i}"] = output
        if waits(case):
            waiting = oracle.layer_synchronous(graph, x, steps, coding, table)
            found.update({f"{case} synchronous {i}": o for i, o in enumerate(waiting.outputs)})
    return found


@pytest.mark.parametrize("backend", BACKENDS)
def test_spikes_and_answers_are_the_oracles(backend, wanted, tmp_path_factory):
    found = run(backend, tmp_path_factory)
    assert sum(value.sum() for key, value in wanted.items() if "spikes" in key) > 1000
    for key, value in wanted.items():
        np.testing.assert_array_equal(
            found[key], value.astype(found[key].dtype), err_msg=f"{backend}: {key}"
        )


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_every_step_is_that_of_the_first_backend(backend, tmp_path_factory):
    first, other = (run(name, tmp_path_factory) for name in (BACKENDS[0], backend))
    assert list(first) == list(other) and len(first) > 50
    for key, value in first.items():
        # Means over 3, 5, 6 or 7 steps are divided in float32.
        np.testing.assert_allclose(other[key], value, rtol=3e-7, err_msg=f"{backend}: {key}")
