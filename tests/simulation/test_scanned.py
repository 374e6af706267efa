"""On JAX the dense engine is one compiled loop: no transfer to or from the host between its steps."""

import numpy as np
import pytest

from tests.processes import python, require

pytestmark = [pytest.mark.slow, pytest.mark.backend]

# Blocks of two steps and a rest of one, which two programs run.
SCRIPT = """
import sys
import jax
import keras
import numpy as np
from spkeras.simulation import Simulator, scanned
from spkeras.snn.model import build, loop_of
from tests import networks, runs

assert keras.backend.backend() == "jax"
found = {}
for name, options in (("rate", {}), ("delta", {"recipe": "sigma_delta"})):
    model = networks.residual()
    x = networks.samples(model, 5)
    loop = loop_of(build(networks.spiking(model, **options), timesteps=5, stagger=0))
    simulation = Simulator(loop, "dense")
    one_by_one = Simulator(loop, "dense")
    one_by_one._scan = None
    limits = (scanned._BLOCK, scanned._SETTLING)
    for kind, which, length in (
        ("loop", one_by_one, None), ("scan", simulation, None), ("blocks", simulation, 2)
    ):
        if length:
            size = len(x) * sum(np.prod(output.shape[1:]) for output in model.outputs)
            scanned._BLOCK, scanned._SETTLING = int(length * size), length
        outputs = []
        keep = lambda rows, index, answer: outputs.append(np.array(answer[0]))
        trace = runs.run(which, [x], 5, keep)
        scanned._BLOCK, scanned._SETTLING = limits
        found[f"{name} {kind} outputs"] = np.stack(outputs)
        for part in ("spikes", "layer_spikes", "exponents", "unit_spikes", "bits"):
            for layer, values in getattr(trace, part).items():
                found[f"{name} {kind} {part} {layer}"] = values
        if trace.settled is not None:
            found[f"{name} {kind} settled"] = trace.settled

    # What a block reads is on the device; then nothing crosses its border until it has ended.
    scan = simulation._scan
    scaled = [jax.numpy.asarray(value) for value in loop.units(x)]
    currents = scan._drive(scaled, np.float32(0))
    analysed = jax.numpy.asarray([0, 2])
    given = scan._first(scaled, currents), scan._zeros()
    block = scan._steps(5)
    jax.block_until_ready(block(given, scaled, currents, analysed))
    given = scan._first(scaled, currents), scan._zeros()
    with jax.transfer_guard("disallow"):
        after, _ = jax.block_until_ready(block(given, scaled, currents, analysed))
    leaves = [leaf for leaf in jax.tree.leaves(given[0].neurons)]
    assert leaves and all(leaf.is_deleted() for leaf in leaves), "state kept"
    def operations(part):
        for equation in part.eqns:
            yield equation.primitive.name
            for value in equation.params.values():
                for inner in value if isinstance(value, (list, tuple)) else [value]:
                    inner = getattr(inner, "jaxpr", inner)
                    if hasattr(inner, "eqns"):
                        yield from operations(inner)
    plain = lambda carry: scan._block(5, carry, scaled, currents, analysed)
    names = list(operations(jax.make_jaxpr(plain)(after).jaxpr))
    assert names.count("scan") == 1, names
    predicted = list(operations(jax.make_jaxpr(loop.call)(jax.numpy.asarray(x)).jaxpr))
    assert predicted.count("while") == 1, predicted
    for name_ in {*names, *predicted}:
        assert not any(word in name_ for word in ("callback", "infeed", "outfeed")), name_
np.savez(sys.argv[1], **found)
"""


def test_one_program_runs_all_steps_and_leaves_the_device_at_their_end(tmp_path):
    require("jax")
    path = tmp_path / "found.npz"
    python(SCRIPT, path, KERAS_BACKEND="jax")
    with np.load(path) as file:
        found = dict(file)
    wanted = {name: values for name, values in found.items() if " loop " in name}
    assert {name.split()[0] for name in wanted} == {"rate", "delta"}
    for name, values in wanted.items():
        for kind in ("scan", "blocks"):
            np.testing.assert_array_equal(found[name.replace("loop", kind)], values, name)
