"""Networks of whole numbers: their spikes equal those of whole numbers of Python, one by one."""

import json

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.errors import OptionError, UnsupportedLayerError
from spkeras.integers.engine import IntegerBatch, IntegerProgram
from spkeras.snn.ann import bias_currents
from spkeras.snn.model import loop_of
from tests.integers import oracle

STEPS = 6


def branched():
    """Residual, pooled, concatenated and separable branches, a linear bottleneck, max pooling."""
    inputs = keras.Input((4, 4, 2))
    a = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    b = layers.Conv2D(4, 3, padding="same", groups=2)(a)
    c = layers.ReLU()(layers.Add()([a, b]))
    d = layers.AveragePooling2D(2)(c)
    e = layers.Conv2D(2, 1)(d)
    f = layers.Conv2D(4, 2, padding="same", activation="relu")(e)
    g = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=1, activation="relu")(c)
    g = layers.Subtract()([layers.Conv2D(4, 1)(layers.MaxPooling2D(2)(g)), layers.Conv2D(4, 1)(f)])
    h = layers.Concatenate()([layers.ReLU()(g), f])
    flat = layers.Concatenate()([layers.Flatten()(h), layers.GlobalAveragePooling2D()(c)])
    return keras.Model(inputs, layers.Dense(3)(layers.Dense(6, activation="relu")(flat)))


@pytest.fixture(scope="module")
def case():
    keras.utils.set_random_seed(5)
    net, rng = branched(), np.random.default_rng(5)
    for layer in net.layers:
        layer.set_weights([rng.normal(size=w.shape) * 0.4 for w in layer.get_weights()])
    return net, rng.random((40, 4, 4, 2)).astype("float32")


KINDS = {
    "16 bits": {"threshold_bits": 16, "weight_bits": 12},
    "4 bits per layer": {"threshold_bits": 8, "weight_bits": 4, "units": "layer"},
    "saturated": {"membrane_bits": 8, "weight_bits": 6},
    "wrapped": {"membrane_bits": 9, "overflow": "wrap", "input_bits": 4},
    "signed": {"threshold_bits": 12, "neuron": "signed"},
    "saturated signed": {"membrane_bits": 8, "neuron": "signed_burst"},
    "burst": {"threshold_bits": 10, "neuron": "burst", "max_spikes_per_step": 2},
    "wide": {"threshold_bits": 24, "weight_bits": 16, "input_bits": 16},
    "staggered": {"threshold_bits": 10, "stagger": 0.5, "initial_potential": 0.3},
}


def converted(case, **options):
    given = {"timesteps": STEPS, "stagger": 0, "verbose": 0, "insist": True, "relays": True}
    return spkeras.convert(*case, **{**given, **options})


@pytest.mark.parametrize("kind", KINDS)
def test_spikes_are_those_of_python(case, kind, tmp_path):
    """All of them, also after a file."""
    snn = converted(case, **KINDS[kind])
    snn.save(tmp_path / "snn.keras")
    loop = loop_of(keras.models.load_model(tmp_path / "snn.keras"))
    graph, resting = loop.graph, bias_currents(loop.graph)
    assert [node for node in graph.of("neuron") if node.name.endswith(":relay")]
    x = case[1][:1] / graph.of("input")[0].arrays["scale"]
    program = IntegerProgram(graph, resting, loop.offset)
    batch = IntegerBatch(program, program.currents([x]))
    own = [batch.step(index) for index in range(STEPS)]
    total = 0
    for sample in range(1):
        wanted, sums = oracle.run(graph, resting, [x[sample]], STEPS, loop.offset)
        for name, trains in wanted.items():
            for index, spikes in enumerate(trains):
                found = own[index][name][sample]
                assert {p: int(found[p]) for p in spikes} == spikes, (name, index)
                total += sum(map(abs, spikes.values()))
        for name, values in sums.items():
            assert {p: int(batch.received[name][sample][p]) for p in values} == values
    assert total > 50


def test_engines_agree_and_ranges_hold(case):
    """Float32 sends the same spikes where nothing leaves its range, and the bounds are bounds."""
    snn, x = converted(case, threshold_bits=8), case[1][:20]
    results = [spkeras.evaluate(snn, x, engine=engine, insist=True) for engine in ("auto", "dense")]
    assert [result.engine for result in results] == ["integers", "dense"]
    first, second = (result.activity.spikes_per_neuron for result in results)
    assert first == second > 0.1
    ranges = spkeras.integer_ranges(snn, x)
    assert ranges.membrane_bits == 32 and ranges.samples == 20
    for layer in ranges.layers:
        assert layer.bound[0] <= layer.seen[0] < layer.seen[1] <= layer.bound[1]
        assert layer.seen_bits <= layer.bound_bits
        low, high = layer.seen
        assert -(1 << (layer.seen_bits - 1)) <= low and high < 1 << (layer.seen_bits - 1)
        assert low < -(1 << (layer.seen_bits - 2)) or high >= 1 << (layer.seen_bits - 2)
    # With the bits that occurred nothing saturates; with one more than a threshold something does.
    total = results[0].activity.spikes_per_neuron
    for bits, equal in ((ranges.needed_bits, True), (9, False)):
        narrow = converted(case, threshold_bits=8, membrane_bits=bits)
        found = spkeras.evaluate(narrow, x, insist=True).activity.spikes_per_neuron
        assert (found == total) == equal
    assert "seen" in str(ranges) and ranges.to_dict()["needed_bits"] == ranges.needed_bits


def test_what_whole_numbers_cannot_hold_is_refused(case):
    net, x = case
    with pytest.raises(UnsupportedLayerError, match="two linear layers in a row.*relays=True"):
        spkeras.convert(net, x, relays=False, threshold_bits=12, insist=True)
    with pytest.raises(UnsupportedLayerError, match="sigma_delta neurons under the delta code"):
        spkeras.convert(net, x, "sigma_delta", relays=True, threshold_bits=12, insist=True)
    real = converted(case)
    with pytest.raises(OptionError, match="the network has real numbers"):
        spkeras.evaluate(real, x, engine="integers")
    with pytest.raises(OptionError, match="real numbers"):
        spkeras.integer_ranges(real, x)
    for change in (spkeras.correct, spkeras.train_thresholds):
        with pytest.raises(OptionError, match="the network has whole numbers"):
            change(converted(case, threshold_bits=12), x)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"overflow": "wrap"}, "overflow='wrap' without threshold_bits"),
        ({"threshold_bits": 16, "membrane_bits": 16}, "fewer bits than a potential"),
        ({"threshold_bits": 25}, "threshold_bits=25"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        spkeras.recipes.ECC(**options)


def test_widths_complete_each_other():
    recipe = spkeras.recipes.ECC(membrane_bits=16)
    assert (recipe.weight_bits, recipe.threshold_bits, recipe.input_bits) == (8, 14, 8)
    assert spkeras.recipes.ECC.from_config(recipe.get_config()) == recipe
    assert "overflow" not in spkeras.recipes.ECC(weight_bits=4).get_config()


@pytest.mark.parametrize("options", [{"threshold_bits": 16}, {}, {"neuron": "signed"}])
def test_fitted_weights_keep_the_currents(case, options):
    """At 4 bits they lose less than half of what the nearest ones lose, in all logits."""
    net, x = case
    exact = net.predict(x, verbose=0)
    errors = {}
    for rounding in ("nearest", "fitted"):
        given = {} if rounding == "fitted" else {"rounding": rounding}
        snn = converted(case, timesteps=512, percentile=100, weight_bits=4, **given, **options)
        graph = loop_of(snn).graph
        assert graph.settings["rounding"] == rounding
        codes = [graph.integers.codes(node) for node in graph.of("conv", "dense")]
        assert max(abs(own).max() for own in codes) == 7
        errors[rounding] = np.sqrt(((snn.predict(x, verbose=0) - exact) ** 2).mean())
    assert errors["fitted"] < 0.5 * errors["nearest"]


def test_weights_of_graded_spikes_are_fitted_too(case):
    net, x = case
    exact, errors = net.predict(x, verbose=0), {}
    for rounding in ("nearest", "fitted"):
        given = {"weight_bits": 4, "rounding": rounding, "timesteps": 8, "verbose": 0}
        snn = spkeras.convert(*case, "sigma_delta", levels=16, **given)
        errors[rounding] = np.sqrt(((snn.predict(x, verbose=0) - exact) ** 2).mean())
    assert errors["fitted"] < 0.7 * errors["nearest"]


def test_publications_round_to_the_nearest():
    assert spkeras.recipes.ECC.as_published(weight_bits=4).rounding == "nearest"
    assert spkeras.recipes.ECC.as_published(weight_bits=4, threshold_bits=9).rounding == "fitted"
    assert "rounding" not in spkeras.recipes.ECC().get_config()
    with pytest.raises(OptionError, match="rounding='nearest' without weight_bits"):
        spkeras.recipes.ECC(rounding="nearest")


def test_thresholds_are_multiples_of_their_units(case):
    """The unit divides them, so that their codes are exact."""
    real, whole = (
        loop_of(converted(case, **options)).graph
        for options in ({}, {"threshold_bits": 16, "weight_bits": 4})
    )
    for node in whole.of("neuron"):
        code, unit = node.arrays["threshold"], whole.integers.units[node.name]
        np.testing.assert_allclose(code * unit, real[node.name].arrays["threshold"], rtol=1e-5)
        assert 1 <= code.min() and (node.arrays["threshold"] % 1 == 0).all()


def test_summaries_show_whole_numbers(case, tmp_path):
    """Of both kinds of networks, also after a file; bits of potentials without a run."""
    from click.testing import CliRunner

    from spkeras.cli import main

    net, x = case
    found = {}
    for name, options in {"weights": {}, "all": {"threshold_bits": 12}}.items():
        snn, path = converted(case, weight_bits=5, **options), tmp_path / f"{name}.keras"
        snn.save(path)
        result = CliRunner().invoke(main, ["info", str(path), "--json"])
        found[name] = {layer["name"]: layer for layer in json.loads(result.output)["layers"]}
        assert "a whole 1 is" in repr(spkeras.summary(snn))
        graph = loop_of(snn).graph
        for node in graph.of("conv", "depthwise_conv", "dense"):
            shown = found[name][node.name]
            assert shown["bits"] == 5 and max(map(abs, shown["codes"])) <= 15
            step = graph.integers.steps[node.name]
            assert shown["unit"] == [float(step.min()), float(step.max())]
    assert all(found["weights"][node.name]["codes"] is None for node in graph.of("neuron"))
    for node in graph.of("neuron"):
        own, threshold = found["all"][node.name], node.arrays["threshold"]
        assert own["bits"] == 12 and own["codes"] == [int(threshold.min()), int(threshold.max())]
    line = ["info", str(tmp_path / "all.keras"), "--integers"]
    shown = json.loads(CliRunner().invoke(main, [*line, "--json"]).output)["integers"]
    run = spkeras.integer_ranges(snn, x[:5]).layers
    for layer, one in zip(shown["layers"], run, strict=True):
        assert layer["seen"] is None and tuple(layer["bound"]) == one.bound
        assert layer["bound_bits"] == one.bound_bits >= one.seen_bits
    assert shown["needed_bits"] == max(layer["bound_bits"] for layer in shown["layers"])
    text = CliRunner().invoke(main, line).output
    assert "bounds of any input" in text and "seen" not in text
    refused = CliRunner().invoke(main, ["info", str(tmp_path / "weights.keras"), "--integers"])
    assert refused.exit_code == 1 and "real numbers" in refused.output


def on_inputs():
    """Neurons that read inputs: as they are, averaged, summed, side by side, normalised."""
    a, b = keras.Input((4, 4, 1)), keras.Input((4, 4, 1))
    read = [
        layers.Flatten()(a),
        layers.AveragePooling2D(2)(a),
        layers.Add()([a, b]),
        layers.Subtract()([a, b]),
        layers.Concatenate()([a, b]),
    ]
    fired = [layers.Flatten()(layers.ReLU()(value)) for value in read]
    # Its offset stays apart from the kernel, which reads zeros around the image.
    moved = layers.BatchNormalization(name="moved")(a)
    fired.append(layers.Flatten()(layers.Conv2D(1, 3, padding="same", activation="relu")(moved)))
    net = keras.Model([a, b], layers.Dense(2)(layers.Concatenate()(fired)))
    net.get_layer("moved").set_weights([np.array([v]) for v in (0.7, 0.21, 0.3, 0.4)])
    return net


@pytest.mark.parametrize("neuron", ["binary", "signed"])
def test_neurons_on_the_input_count_as_with_real_numbers(neuron):
    """Currents of any part of a threshold, which no weight multiplies."""
    net, rng = on_inputs(), np.random.default_rng(3)
    x = [rng.random((4, 4, 4, 1)).astype("float32") for _ in net.inputs]
    given = {"timesteps": 30, "stagger": 0, "percentile": 100, "relays": True, "neuron": neuron}
    real, whole = (
        spkeras.evaluate(
            spkeras.convert(net, x, **given, insist=True, verbose=0, **options), x, insist=True
        ).activity.layers
        for options in ({}, {"threshold_bits": 14, "weight_bits": 12})
    )
    assert len(real) == 7 and all(layer.spikes > 20 for layer in real)
    for first, second in zip(real, whole, strict=True):
        assert first.spikes == pytest.approx(second.spikes, rel=0.01), first.name
