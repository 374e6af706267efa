"""The CNN's row is the CNN's, whatever was done to the network: held against Keras itself."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.calibration import correct, train_thresholds
from spkeras.errors import DataError
from spkeras.report import accuracy_tables, findings, verification_tables
from spkeras.snn.model import build, loop_of
from spkeras.training import prepare
from tests.networks import convert
from tests.report.records import page_of

pytestmark = pytest.mark.slow

STEPS = 8
CHANGED = (
    "bits",
    "bits graded",
    "bits differential",
    "thresholds",
    "light",
    "advanced",
    "both",
    "bits and light",
    "thresholds and light",
    "spikes",
    "spikes and bits",
)


def net(seed=0):
    """Max pooling, batch norm, a shortcut, a bounded ReLU, softmax; logits of both signs."""
    keras.utils.set_random_seed(seed)
    x = image = keras.Input((6, 6, 2), name="image")
    x = start = layers.Conv2D(6, 3, padding="same", activation="relu", name="stem")(x)
    x = layers.BatchNormalization(name="norm")(layers.Conv2D(6, 3, padding="same", name="a")(x))
    x = layers.ReLU(1.5, name="bounded")(layers.Add(name="sum")([x, start]))
    x = layers.MaxPooling2D(name="pool")(x)
    x = layers.Dense(4, activation="softmax", name="out")(layers.Flatten(name="flat")(x))
    model = keras.Model(image, x, name="net")
    rng = np.random.default_rng(seed)
    for variable in model.get_layer("norm").weights:
        variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    model.get_layer("out").bias.assign(rng.normal(-3, 0.2, 4))
    return model


@pytest.fixture(scope="module")
def case():
    """(CNN, samples, labels that it decides wrong now and then, its accuracy)."""
    model, rng = net(), np.random.default_rng(1)
    x = rng.random((90, 6, 6, 2)).astype("float32")
    decisions = model.predict(x, verbose=0).argmax(-1)
    assert len(set(decisions)) > 1
    y = np.where(rng.random(90) < 0.3, (decisions + 1) % 4, decisions)
    return model, x, y, (decisions == y).mean()


def changed(kind, cnn, x):
    """A network on which something was done to the CNN's parameters."""
    options = {
        "bits": {"weight_bits": 2, "rounding": "nearest"},
        "spikes": {"readout": "spikes"},
        "bits graded": {"weight_bits": 2, "recipe": "sigma_delta"},
        "bits differential": {"weight_bits": 2, "neuron": "signed", "spike_code": "differential"},
        "spikes and bits": {"readout": "spikes", "weight_bits": 2},
        "bits and light": {"weight_bits": 2, "correction": "light"},
        "light": {"correction": "light"},
        "advanced": {"correction": "advanced"},
        "both": {"correction": "both"},
    }
    snn = convert(cnn, x, timesteps=STEPS, **options.get(kind, {}))
    if "thresholds" in kind:
        # A rate of one moves them far.
        snn = train_thresholds(snn, x, rate=1.0, batch_size=15)
    return correct(snn, x) if kind == "thresholds and light" else snn


@pytest.fixture(scope="module")
def networks(case):
    return {kind: changed(kind, *case[:2]) for kind in CHANGED}


def logits(cnn, x):
    """Of the CNN, by its own layers."""
    last = cnn.get_layer("out")
    features = keras.Model(cnn.inputs, last.input).predict(x, verbose=0).astype(np.float64)
    return features @ keras.ops.convert_to_numpy(last.kernel) + keras.ops.convert_to_numpy(
        last.bias
    )


def check(found, snn, case):
    """All that an evaluation says of the CNN, from the CNN."""
    cnn, x, _, accuracy = case
    wanted, own = logits(cnn, x), snn.predict(x, verbose=0)
    (score,) = found.scores
    assert found.reference == "CNN" and not found.warnings
    assert found.cnn_accuracy == accuracy
    assert found.agreement[-1] == (own.argmax(-1) == wanted.argmax(-1)).mean()
    assert score.deviation[-1] == pytest.approx(np.sqrt(((own - wanted) ** 2).mean()), rel=1e-3)
    assert score.cnn_spread == pytest.approx(np.sqrt((wanted**2).mean()), rel=1e-4)


@pytest.mark.parametrize("kind", CHANGED)
def test_the_cnn_is_the_cnn(networks, case, kind, tmp_path):
    """Made here, and from files of both formats; named or not."""
    cnn, x, y, _ = case
    snn = networks[kind]
    check(spkeras.evaluate(snn, x, y), snn, case)
    check(spkeras.evaluate(snn, x, y, cnn=cnn), snn, case)
    for ending in ("h5", "keras"):
        snn.save(tmp_path / f"snn.{ending}")
        again = keras.models.load_model(tmp_path / f"snn.{ending}")
        check(spkeras.evaluate(again, x, y), snn, case)
        np.testing.assert_array_equal(again.predict(x, verbose=0), snn.predict(x, verbose=0))


def test_a_chain_of_changes_and_files(case, tmp_path):
    """Bits, file, thresholds, file, correction, file: the CNN stays what it was."""
    cnn, x, y, _ = case
    snn, path = spkeras.convert(cnn, x, timesteps=STEPS, weight_bits=3), tmp_path / "snn.keras"
    for change in (lambda net: train_thresholds(net, x, rate=1.0), lambda net: correct(net, x)):
        snn.save(path)
        snn = change(keras.models.load_model(path))
    snn.save(path)
    again = keras.models.load_model(path)
    check(spkeras.evaluate(again, x, y), snn, case)
    spkeras.configure(again, timesteps=5)
    assert spkeras.evaluate(again, x, y).cnn_accuracy == case[3]


def test_a_network_that_was_not_changed_stores_nothing_twice(case, tmp_path):
    cnn, x, y, _ = case
    snn = spkeras.convert(cnn, x, timesteps=STEPS)
    check(spkeras.evaluate(snn, x, y), snn, case)
    plain = sum(array.size for node in loop_of(snn).graph.nodes for array in node.arrays.values())
    assert snn.count_params() == plain and "originals" not in loop_of(snn).get_config()["structure"]
    trained = train_thresholds(snn, x)
    own = sum(array.size for node in loop_of(trained).graph.nodes for array in node.arrays.values())
    # The thresholds as they were, and not the kernels.
    before = sum(node.arrays["threshold"].size for node in loop_of(snn).graph.of("neuron"))
    assert trained.count_params() == own + before


def forgetful(snn):
    """The network as a version that kept nothing of the CNN would have written it."""
    loop = loop_of(snn)
    return build(replace(loop.graph, originals=None), timesteps=loop.timesteps)


@pytest.mark.parametrize("kind", ["bits", "thresholds", "light", "spikes"])
def test_a_file_without_the_cnn_says_so(networks, case, kind):
    cnn, x, y, accuracy = case
    old = forgetful(networks[kind])
    found = spkeras.evaluate(old, x, y)
    assert found.reference == found.to_dict()["reference"] == "own weights"
    (text,) = found.warnings
    assert "--cnn" in text and "own weights" in text
    shown = page_of(found)
    (table,) = accuracy_tables(found)
    assert table.footer[0] == "own weights" and "same decision as own weights" in table.header
    # Multiply-accumulates follow from shapes: they are the CNN's whatever the weights are.
    columns = [title for title in table.header if not title.endswith("CNN MACs")]
    assert "CNN" not in " ".join((*columns, *table.footer))
    assert "<b>own weights</b>" in shown
    check(spkeras.evaluate(old, x, y, cnn=cnn), networks[kind], case)
    # What is done to it later does not make it known again.
    if kind == "bits":
        assert spkeras.evaluate(correct(old, x), x, y).reference == "own weights"


def test_only_the_net_that_was_converted_is_taken(networks, case):
    cnn, x, y, _ = case
    near = keras.models.clone_model(cnn)
    near.set_weights([value * 1.02 for value in cnn.get_weights()])
    small = keras.Sequential([keras.Input((6, 6, 2)), layers.Flatten(), layers.Dense(4)])
    other = keras.Sequential([keras.Input((5, 6, 2)), layers.Flatten(), layers.Dense(4)])
    for model, words in (
        (net(seed=5), "sign"),
        (near, "outputs differ by"),
        (small, r"weighted layer 1 is dense \(72, 4\)"),
        (other, r"takes \[\(5, 6, 2\)\]"),
    ):
        with pytest.raises(DataError, match=f"^cnn: .*{words}.*give the model that was converted$"):
            spkeras.evaluate(networks["bits"], x, y, cnn=model)
    for model in (net(seed=5), small, other):
        with pytest.raises(DataError, match="^cnn: "):
            spkeras.verify(model, networks["bits"], x)
        with pytest.raises(DataError, match="^cnn: "):
            spkeras.evaluate(forgetful(networks["bits"]), x, y, cnn=model)


@pytest.mark.parametrize("recipe", ["cq", "qcfs", "low_latency"])
def test_a_twin_is_its_own_reference(case, recipe):
    cnn, x, y, _ = case
    twin = prepare(cnn, x, recipe=recipe, timesteps=STEPS)
    accuracy = (twin.predict(x, verbose=0).argmax(-1) == y).mean()
    snn = spkeras.convert(twin, x, recipe=recipe, weight_bits=2)
    found = spkeras.evaluate(snn, x, y)
    assert found.reference == "twin" and found.cnn_accuracy == pytest.approx(accuracy, abs=1.1 / 90)
    assert accuracy_tables(found)[0].footer[0] == "twin" and "spkeras finetune" in page_of(found)
    assert spkeras.evaluate(snn, x, y, cnn=twin).cnn_accuracy == pytest.approx(
        accuracy, abs=1.1 / 90
    )
    with pytest.raises(
        DataError, match=f"^cnn: has plain .* network has activations of {STEPS} st"
    ):
        spkeras.evaluate(snn, x, y, cnn=cnn)


@pytest.mark.parametrize("kind", ["bits", "bits graded", "thresholds", "light", "spikes"])
def test_verify_names_what_own_parameters_cost(networks, case, kind):
    cnn, x, _, _ = case
    found = spkeras.verify(cnn, networks[kind], x)
    wanted = logits(cnn, x)
    stages = ["folded", "parameters", "clipped", "quantized", "simulated"]
    assert list(found.decisions) == list(found.output_error) == stages
    assert found.decisions["folded"] == 1 and found.reference == "CNN"
    assert found.output_error["folded"] < 1e-4 < found.output_error["parameters"]
    own = networks[kind].predict(x, verbose=0)
    assert found.decisions["simulated"] == (own.argmax(-1) == wanted.argmax(-1)).mean()
    rms = np.sqrt(((own - wanted) ** 2).mean())
    assert found.output_error["simulated"] == pytest.approx(rms, rel=1e-3)
    assert max(check.parameters for check in found.neurons) > 0
    assert any("parameters" in table.header for table in verification_tables(found))
    # The first layer's activations, from the CNN itself: 1 is the scale.
    first = found.neurons[0]
    stem = keras.Model(cnn.inputs, cnn.get_layer("stem").output).predict(x, verbose=0)
    if kind == "bits":
        former = loop_of(spkeras.convert(cnn, x, timesteps=STEPS)).graph
        node = former.of("neuron")[0]
        kernel = former[node.inputs[0]].arrays["kernel"]
        # A kernel is what it was, over the scale, times the range of the inputs.
        ratio = kernel / keras.ops.convert_to_numpy(cnn.get_layer("stem").kernel)
        scale = float(x.max()) / ratio[0, 0, 0] * node.arrays["threshold"]
        sent = first.bias + (stem / scale).mean()
        layer = spkeras.evaluate(networks[kind], x).activity.layers[0]
        assert layer.spikes_per_neuron / STEPS == pytest.approx(sent, abs=1e-4)


def test_verify_of_a_file_without_the_cnn(networks, case):
    cnn, x, _, _ = case
    whole, found = spkeras.verify(cnn, networks["bits"], x), spkeras.verify(
        cnn, forgetful(networks["bits"]), x
    )
    assert found.reference == "own weights" and found.output_error["folded"] == 0
    for stage in ("parameters", "clipped", "quantized", "simulated"):
        assert found.output_error[stage] == pytest.approx(whole.output_error[stage])
        assert found.decisions[stage] == whole.decisions[stage]
    assert any("own parameters" in text for text in findings(found))
    assert not any("own parameters" in text for text in findings(whole))


def test_an_unchanged_network_has_no_stage_for_it(case):
    cnn, x, _, _ = case
    found = spkeras.verify(cnn, spkeras.convert(cnn, x, timesteps=STEPS), x)
    assert list(found.output_error) == ["folded", "clipped", "quantized", "simulated"]
    assert not any(check.parameters for check in found.neurons)
    assert not any("parameters" in table.header for table in verification_tables(found))


def test_corrections_bring_rates_to_the_cnns(case):
    """Not to those of rounded weights."""
    cnn, x, _, _ = case
    snn = spkeras.convert(cnn, x, timesteps=64, weight_bits=3, rounding="nearest")
    before, after = (spkeras.verify(cnn, net, x).neurons for net in (snn, correct(snn, x)))
    off = [sum(abs(check.bias) for check in checks) for checks in (before, after)]
    assert off[1] < 0.6 * off[0]
