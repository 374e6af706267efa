"""A converted network is an ordinary Keras model: saved, loaded elsewhere, set anew."""

import json

import keras
import numpy as np
import pytest

import spkeras
from spkeras.errors import OptionError, SpkerasError
from spkeras.snn.model import build, loop_of
from tests import networks
from tests.processes import python

pytestmark = pytest.mark.slow

CASES = {
    "chain": {"timesteps": 9, "stagger": 1},
    "several": {"timesteps": 8, "input_encoding": "bernoulli", "seed": 5},
    "pools": {"timesteps": 8, "schedule": "layer_synchronous"},
    "biased": {"timesteps": 1},
    "products": {"timesteps": 2},
}
# Offsets of several shapes, batch norm; neurons of several inputs.
NEURONS = {
    "biased": {"recipe": "sigma_delta", "levels": 5, "mantissa_bits": 2},
    "products": {"neuron": "multi_threshold", "spike_code": "differential"},
}
LOAD = """
import json, sys
{imports}
import numpy as np
given = np.load(sys.argv[1])
answers = {{}}
for path in sys.argv[3:]:
    net = path.rsplit("/", 1)[-1].split(".")[0]
    snn = keras.models.load_model(path)
    x = [given[k] for k in sorted(given) if k.startswith(net)]
    x = x if len(x) > 1 else x[0]
    found = snn.predict(x, batch_size=2, verbose=0)
    for i, answer in enumerate(found if isinstance(found, list) else [found]):
        answers[f"{{path}} {{i}}"] = answer
    if len(sys.argv) == 4:
        continue
    spkeras.configure(snn, timesteps=4)
    found = snn.predict(x, verbose=0)
    for i, answer in enumerate(found if isinstance(found, list) else [found]):
        answers[f"{{path}} T4 {{i}}"] = answer
np.savez(sys.argv[2], **answers)
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """(folder, {name: (snn, samples)}) with each network as .h5 and .keras."""
    folder, made = tmp_path_factory.mktemp("saved"), {}
    for net, settings in CASES.items():
        model = getattr(networks, net)()
        snn = build(networks.spiking(model, **NEURONS.get(net, {})), **settings)
        for ending in ("h5", "keras"):
            snn.save(folder / f"{net}.{ending}")
        made[net] = snn, networks.samples(model, 7)
    inputs = {
        f"{net}{i}": x for net, (_, xs) in made.items() for i, x in enumerate(networks.as_list(xs))
    }
    np.savez(folder / "inputs.npz", **inputs)
    return folder, made


@pytest.mark.parametrize(
    "imports", ["import spkeras, keras", "import keras, spkeras"], ids=["spkeras", "keras"]
)
def test_reloaded_in_a_fresh_process(saved, imports):
    """Bit for bit, from both formats, in any order of imports, 7 samples in batches of 2,
    and with another T."""
    folder, made = saved
    files = [folder / f"{net}.{ending}" for net in CASES for ending in ("h5", "keras")]
    if imports.startswith("import keras"):
        files = files[:1]
    found = folder / "found.npz"
    python(LOAD.format(imports=imports), folder / "inputs.npz", found, *files)
    answers = np.load(found)
    times = 2 if len(files) > 1 else 1
    assert len(answers) == times * sum(len(made[f.stem][0].outputs) for f in files)
    for path in files:
        snn, x = made[path.stem]
        wanted = networks.as_list(snn.predict(x, verbose=0))
        spkeras.configure(snn, timesteps=4)
        shorter = networks.as_list(snn.predict(x, verbose=0))
        spkeras.configure(snn, timesteps=CASES[path.stem]["timesteps"])
        for i, answer in enumerate(wanted):
            np.testing.assert_array_equal(answers[f"{path} {i}"], answer)
            assert (answer != shorter[i]).any()
            if times == 2:
                np.testing.assert_array_equal(answers[f"{path} T4 {i}"], shorter[i])


@pytest.mark.parametrize("ending", ["h5", "keras"])
@pytest.mark.parametrize("net", CASES)
def test_settings_and_weights_come_back(saved, net, ending):
    folder, made = saved
    snn, again = made[net][0], keras.models.load_model(folder / f"{net}.{ending}")
    assert loop_of(again).get_config() == loop_of(snn).get_config()
    for name, value in CASES[net].items():
        assert getattr(loop_of(again), name) == value
    assert networks.fingerprint(loop_of(again).graph) == networks.fingerprint(loop_of(snn).graph)


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_functions_with_numbers_of_their_own_come_back(tmp_path, ending):
    """Attention, normalisation, softmax, swish."""
    model = networks.smooth()
    options = {"neuron": "multi_threshold", "spike_code": "differential", "levels": 7}
    snn, x = build(networks.spiking(model, **options), timesteps=5), networks.samples(model, 4)
    snn.save(tmp_path / f"smooth.{ending}")
    again = keras.models.load_model(tmp_path / f"smooth.{ending}")
    assert networks.fingerprint(loop_of(again).graph) == networks.fingerprint(loop_of(snn).graph)
    np.testing.assert_array_equal(again.predict(x, verbose=0), snn.predict(x, verbose=0))


def test_saving_is_deterministic_and_leaves_the_model_alone(saved, tmp_path):
    snn, x = saved[1]["chain"]
    before = snn.predict(x, verbose=0)
    texts = []
    for name in ("one.keras", "two.keras"):
        snn.save(tmp_path / name)
        texts.append(json.dumps(keras.models.load_model(tmp_path / name).get_config()))
    assert texts[0] == texts[1]
    np.testing.assert_array_equal(snn.predict(x, verbose=0), before)


def test_a_loaded_network_can_be_saved_again(saved, tmp_path):
    folder, made = saved
    again = keras.models.load_model(folder / "chain.h5")
    again.save(tmp_path / "again.keras")
    third = keras.models.load_model(tmp_path / "again.keras")
    snn, x = made["chain"]
    np.testing.assert_array_equal(third.predict(x, verbose=0), snn.predict(x, verbose=0))


def test_no_membrane_is_saved(saved):
    """Constants only: what is stored does not depend on what has been run."""
    snn, x = saved[1]["chain"]
    before = [np.array(w) for w in snn.get_weights()]
    snn.predict(x, verbose=0)
    for one, other in zip(snn.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not snn.trainable_weights
    shapes = {w.shape for w in snn.weights}
    assert (6, 6, 4) not in shapes and (None, 6, 6, 4) not in shapes


@pytest.mark.parametrize("net", CASES)
def test_predict_gives_the_same_again_and_for_any_batch_size(saved, net):
    snn, x = saved[1][net]
    first = networks.as_list(snn.predict(x, verbose=0))
    for batch in (1, 3, 7, 100):
        found = networks.as_list(snn.predict(x, batch_size=batch, verbose=0))
        for one, other in zip(found, first, strict=True):
            np.testing.assert_array_equal(one, other)
    rows = [a[2:3] for a in networks.as_list(x)]
    alone = networks.as_list(snn.predict(rows if len(rows) > 1 else rows[0], verbose=0))
    for one, other in zip(alone, first, strict=True):
        assert one.shape == (1, *other.shape[1:])
        np.testing.assert_array_equal(one, other[2:3])


def test_evaluate_after_compile(saved):
    """Keras's own accuracy and loss over 7 samples in batches of 3."""
    snn, x = saved[1]["chain"]
    logits = snn.predict(x, verbose=0)
    labels = np.array([logits[i].argmax() if i % 3 else logits[i].argmin() for i in range(7)])
    snn.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    loss, accuracy = snn.evaluate(x, labels, batch_size=3, verbose=0)
    shifted = logits - logits.max(1, keepdims=True)
    probabilities = np.exp(shifted) / np.exp(shifted).sum(1, keepdims=True)
    wanted = -np.log(probabilities[np.arange(7), labels]).mean()
    assert accuracy == pytest.approx(4 / 7) == (logits.argmax(1) == labels).mean()
    assert loss == pytest.approx(wanted, rel=1e-5)


def test_configure_after_compile_and_predict(saved):
    """A compiled predict does not keep the former T."""
    snn, x = saved[1]["chain"]
    nine = snn.predict(x, verbose=0)
    assert spkeras.configure(snn, timesteps=2, stagger=0) is snn
    two = snn.predict(x, verbose=0)
    assert (nine != two).any()
    spkeras.configure(snn, **CASES["chain"])
    np.testing.assert_array_equal(snn.predict(x, verbose=0), nine)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"timesteps": 0}, "timesteps=0"),
        ({"timesteps": 2.5}, "timesteps=2.5"),
        ({"schedule": "event_driven"}, "layer_synchronous"),
        ({"stagger": -1}, "stagger=-1"),
        ({"stagger": 0.7}, "sixteenths"),
        ({"stagger": float("inf")}, "stagger=inf"),
        ({"input_encoding": "poisson"}, "bernoulli"),
        ({"initial_potential": 0.1}, "unknown settings"),
        ({"timesteps": 5, "input_encoding": "poisson"}, "input_encoding"),
    ],
)
def test_a_refused_setting_changes_nothing(saved, settings, words):
    snn, x = saved[1]["chain"]
    before = loop_of(snn).get_config()
    with pytest.raises(OptionError, match=words):
        spkeras.configure(snn, **settings)
    assert loop_of(snn).get_config() == before


def test_other_models_have_no_loop():
    with pytest.raises(SpkerasError, match="convert the CNN first"):
        spkeras.configure(networks.chain(), timesteps=3)


def test_summary_counts_the_weights(saved):
    snn, _ = saved[1]["chain"]
    lines = []
    snn.summary(print_fn=lambda line, **_: lines.append(line))
    kernels = 3 * 3 * 2 * 4 + 2 * 2 * 4 * 3 + 12 * 5
    biases, thresholds, unit = 4 + 3 + 5, 2, 1
    assert snn.count_params() == kernels + biases + thresholds + unit
    assert "spike_loop" in "\n".join(lines)
