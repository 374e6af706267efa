"""Trainable twins: what is replaced, what stays, what is refused."""

import keras
import numpy as np
import pytest
from keras import layers

from spkeras.errors import DataError, OptionError, UnsupportedLayerError
from spkeras.layers import (
    ChannelExpansion,
    InputQuantizer,
    QCFSActivation,
    Staged,
    TrainablePooling2D,
    TTFSActivation,
)
from spkeras.training import finished, prepare, set_stage, set_timesteps
from spkeras.training.rebuild import all_layers
from tests.training.nets import NETS

pytestmark = pytest.mark.slow


def staged(model):
    return {layer.name: layer for layer in all_layers(model) if isinstance(layer, Staged)}


def data(model, count=40):
    rng = np.random.default_rng(2)
    return rng.random((count, *model.inputs[0].shape[1:])).astype("float32")


@pytest.fixture(scope="module")
def normed():
    """Batch norm, dropout, max pooling, a shared layer, a nested model, ReLU as an operator."""
    keras.utils.set_random_seed(1)
    shared = layers.Dense(6, activation="relu", name="shared")
    part = keras.Input((6,))
    inner = keras.Model(
        part, layers.ReLU(name="inside")(layers.Dense(6, name="d")(part)), name="in"
    )
    x = inputs = keras.Input((8, 8, 1), name="image")
    x = layers.Conv2D(4, 3, use_bias=False, name="conv")(x)
    x = layers.ReLU(name="act")(layers.BatchNormalization(name="norm")(x))
    x = layers.MaxPooling2D(2, name="pool")(x)
    x = layers.Dropout(0.5, name="drop")(layers.Flatten(name="flat")(x))
    x = keras.ops.relu(layers.Dense(6, name="plain")(x))
    x = inner(shared(shared(x)))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax", name="out")(x), name="net")
    norm = model.get_layer("norm")
    norm.set_weights([w + np.linspace(0.1, 0.4, 4) for w in norm.get_weights()])
    return model


def test_without_levels_the_twin_is_the_cnn(normed):
    twin = prepare(normed, recipe="cq", encoding="real", pooling_neurons=False)
    set_stage(twin, "relu")
    x = data(normed)
    np.testing.assert_allclose(twin.predict(x, verbose=0), normed.predict(x, verbose=0), rtol=1e-6)
    assert len(staged(twin)) == 4 and {"act", "shared_neurons", "inside"} < set(staged(twin))
    assert sum(w.size for w in twin.get_weights()) == sum(w.size for w in normed.get_weights())
    assert [type(layer).__name__ for layer in twin.layers].count("Dropout") == 1


@pytest.mark.parametrize("net", [*NETS, "normed"])
def test_ranges_from_data_bring_the_twin_close_to_the_cnn(net, normed):
    model = normed if net == "normed" else NETS[net]()
    x = data(model)
    twin = prepare(model, x, recipe="cq", timesteps=600, percentile=100, pooling_neurons=False)
    wanted, found = model.predict(x, verbose=0), twin.predict(x, verbose=0)
    assert abs(found - wanted).max() < 0.03 * abs(wanted).max()
    blind = prepare(model, recipe="cq", timesteps=600, pooling_neurons=False)
    assert {layer.ceiling for layer in staged(blind).values()} == {1.0}


def test_layers_for_each_step_have_twins(tmp_path):
    image = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(3, 3, use_bias=False, name="conv"),
            layers.ReLU(name="act"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Flatten(name="flat"),
        ],
        name="image",
    )
    x = inputs = keras.Input((3, 6, 6, 2), name="images")
    dense = layers.Dense(4, activation="relu", name="dense")
    x = layers.TimeDistributed(dense, name="each")(layers.TimeDistributed(image, name="net")(x))
    model = keras.Model(inputs, layers.Dense(2, name="out")(layers.Flatten()(x)))
    x = data(model)
    twin = prepare(model, x, recipe="cq", timesteps=600, percentile=100, pooling_neurons=False)
    assert set(staged(twin)) == {"act", "dense_neurons"}
    wanted, found = model.predict(x, verbose=0), twin.predict(x, verbose=0)
    assert abs(found - wanted).max() < 0.03 * abs(wanted).max()
    finished(twin).save(tmp_path / "twin.keras")
    again = keras.models.load_model(tmp_path / "twin.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), found, rtol=1e-5)


def test_relu6_bounds_its_range():
    model = NETS["mobilenet_v2"]()
    loud = prepare(model, 1.0 * (data(model) > 0), recipe="cq", percentile=100)
    assert max(layer.ceiling for layer in staged(loud).values()) <= 6.0
    assert staged(loud)["stem_relu"].max_value == 6.0


def test_layers_that_meet_in_an_addition_share_their_range():
    model = NETS["resnet"]()
    twin = staged(prepare(model, data(model), recipe="cq"))
    assert len({layer.ceiling for layer in twin.values()}) > 2

    x = inputs = keras.Input((4,))
    a = layers.Dense(3, activation="relu", name="a")(x)
    b = layers.Dense(3, activation="relu", name="b")(layers.Dense(3)(x))
    added = keras.Model(inputs, layers.Dense(2)(layers.Add()([a, b])))
    found = staged(prepare(added, data(added), recipe="cq"))
    assert found["a_neurons"].ceiling == found["b_neurons"].ceiling


@pytest.mark.parametrize(
    ("recipe", "activation", "encoder"),
    [
        ("cq", "ClampQuantize", InputQuantizer),
        ("low_latency", "ValueRange", ChannelExpansion),
        ("qcfs", "QCFSActivation", None),
        ("cat", "TTFSActivation", TTFSActivation),
    ],
)
def test_what_each_recipe_puts_in(recipe, activation, encoder):
    model = NETS["vgg"]()
    twin = prepare(model, data(model), recipe=recipe)
    kinds = [type(layer.activation).__name__ for layer in staged(twin).values()]
    assert set(kinds) == {activation}
    behind = [layer for layer in twin.layers if layer.name == "image_encoding"]
    assert [type(layer) for layer in behind] == ([encoder] if encoder else [])
    own_pools = recipe in ("cq", "low_latency")
    assert ("pool1_neurons" in staged(twin)) == own_pools


def test_a_wider_first_layer_starts_with_the_same_sums():
    model = NETS["vgg"]()
    x = (np.random.default_rng(0).integers(0, 9, (5, 8, 8, 2)) / 10).astype("float32")
    twin = prepare(model, recipe="low_latency", timesteps=80, levels_per_unit=100)
    set_stage(twin, "relu")
    assert twin.get_layer("a1").kernel.shape[-2] == 12
    wanted, found = model.predict(x, verbose=0), twin.predict(x, verbose=0)
    assert abs(found - wanted).max() < 0.05 * abs(wanted).max()


def test_the_kernels_of_a_wider_first_layer_add_up_to_the_cnns():
    """Six equal parts, one for each copy of the channels."""
    model = NETS["vgg"]()
    twin = prepare(model, recipe="low_latency", timesteps=80, levels_per_unit=100)
    wanted, found = (net.get_layer("a1").get_weights() for net in (model, twin))
    parts = np.split(found[0], 6, axis=2)
    np.testing.assert_allclose(sum(part.astype(float) for part in parts), wanted[0], rtol=1e-6)
    for part in parts[1:]:
        np.testing.assert_array_equal(part, parts[0])
    np.testing.assert_array_equal(found[1], wanted[1])


@pytest.mark.parametrize("pooling", ["average", "trainable"])
def test_max_pooling_becomes_what_spikes_can_do(normed, pooling):
    twin = prepare(normed, data(normed), recipe="cq", pooling=pooling)
    kinds = [type(layer) for layer in twin.layers]
    assert layers.MaxPooling2D not in kinds
    assert (TrainablePooling2D if pooling == "trainable" else layers.AveragePooling2D) in kinds


def test_a_prepared_net_is_prepared_again():
    model = NETS["vgg"]()
    x = data(model)
    first = prepare(model, x, recipe="cq", encoding="spikes")
    again = prepare(finished(first), x, recipe="qcfs")
    assert {type(layer.activation) for layer in staged(again).values()} == {QCFSActivation}
    assert not [layer for layer in all_layers(again) if isinstance(layer, InputQuantizer)]


def test_stages_and_time_steps_take_effect_after_a_prediction():
    model = NETS["vgg"]()
    x = data(model)
    twin = prepare(model, x, recipe="cq", timesteps=2)
    coarse = twin.predict(x, verbose=0)
    np.testing.assert_array_equal(set_timesteps(twin, 2).predict(x, verbose=0), coarse)
    fine = set_timesteps(twin, 4096).predict(x, verbose=0)
    clamped = set_stage(twin, "clamp").predict(x, verbose=0)
    # Only the input is still quantised, in 4096 levels.
    assert abs(fine - clamped).max() < 0.01 * abs(clamped).max() < abs(coarse - clamped).max()


def test_the_policy_reaches_all_but_quantisers_and_the_end(normed):
    twin = prepare(normed, data(normed), recipe="cq", policy="mixed_bfloat16")
    assert twin.get_layer("conv").compute_dtype == "bfloat16"
    assert twin.get_layer("out").compute_dtype == "float32"
    assert {layer.compute_dtype for layer in staged(twin).values()} == {"float32"}
    assert finished(twin).get_layer("conv").compute_dtype == "float32"


def test_activations_without_spikes_are_refused_all_at_once():
    x = inputs = keras.Input((4,))
    x = layers.Dense(4, activation="sigmoid", name="first")(x)
    x = layers.LeakyReLU(name="second")(layers.Dense(4)(x))
    model = keras.Model(inputs, layers.Dense(2)(x))
    with pytest.raises(UnsupportedLayerError, match="first.*\n.*second"):
        prepare(model)


def test_a_grouped_first_layer_takes_no_expanded_input():
    inputs = keras.Input((6, 6, 2))
    x = layers.DepthwiseConv2D(3, name="deep")(inputs)
    model = keras.Model(inputs, layers.Flatten()(layers.ReLU()(x)))
    with pytest.raises(UnsupportedLayerError, match="deep .DepthwiseConv2D.*'real'"):
        prepare(model, recipe="low_latency")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"recipe": "ecc"}, "recipe='ecc'"),
        ({"timesteps": 0}, "timesteps=0"),
        ({"pooling": "max"}, "pooling='max'"),
        ({"encoding": "expanded"}, "encoding='expanded'; allowed"),
        ({"encoding": "bits"}, "encoding='bits'"),
        ({"stage": "last"}, "no option 'stage'"),
    ],
)
def test_bad_options_are_refused(settings, words):
    with pytest.raises(OptionError, match=words):
        prepare(NETS["vgg"](), **settings)


@pytest.mark.parametrize("recipe, field", [("cq", "threshold"), ("cat", "theta0")])
def test_spikes_carry_inputs_of_any_range(recipe, field):
    """Of data up to 255 the largest value is the threshold; a range of [0, 1] is left as it is."""
    model = NETS["vgg"]()
    x = data(model)
    for scale, given, wanted in (
        (1, {}, 1.0),
        (255, {}, 255 * x.max()),
        (255, {"input_threshold": 200.0}, 200.0),
    ):
        twin = finished(prepare(model, x * scale, recipe, **given))
        found = getattr(twin.get_layer("image_encoding"), field)
        assert found == pytest.approx(wanted, rel=1e-6), (scale, given)
    if recipe == "cat":
        # One grid of thresholds, through that of the input.
        twin = finished(prepare(model, x * 255, recipe))
        scales = [layer.theta0 for layer in all_layers(twin) if isinstance(layer, TTFSActivation)]
        steps = 4 * np.log2(np.array(scales) / scales[0])
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-4)


def test_an_input_that_no_spikes_stand_for_is_refused():
    model = NETS["vgg"]()
    with pytest.raises(DataError, match="-0.4999 to .*allowed.*0 and above.*encoding='real'"):
        prepare(model, data(model) - 0.5)
    with pytest.raises(DataError, match="train the CNN on values from 0"):
        prepare(model, data(model) - 0.5, "cat")
    with pytest.raises(DataError, match="0 to 1; scale the data"):
        prepare(model, data(model) * 255, "low_latency")
    with pytest.raises(DataError, match="shape"):
        prepare(model, np.zeros((3, 4, 4, 2)))
