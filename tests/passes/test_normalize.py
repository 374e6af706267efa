"""Other units, the same network: rates and outputs are those of the CNN before."""

import keras
import numpy as np
import pytest
from keras import layers

from spkeras.frontend.walk import read_graph
from spkeras.passes.neurons import place_neurons
from spkeras.passes.normalize import normalize
from spkeras.passes.pipeline import prepare
from spkeras.snn.model import build
from tests import networks, oracle, oracle_layers

NETS = ("chain", "residual", "pools", "depthwise", "concat", "several")


def prepared(model, **options):
    chosen = networks.recipe_of(**options).conversion(64)
    return place_neurons(prepare(read_graph(model), chosen), chosen)


def random_scales(graph, per_channel, seed=0):
    """Any positive numbers: the pass must hold for all of them."""
    rng = np.random.default_rng(seed)
    scales = {node.name: np.float32(rng.uniform(0.3, 3)) for node in graph.of("input")}
    for node in graph.of("neuron"):
        shape = (node.shape[-1],) if per_channel else ()
        scales[node.name] = rng.uniform(0.3, 3, shape).astype("float32")
    return scales


def check(model, per_channel=True, xs=None, scales=None, **options):
    """Rates and outputs before and after, in float64; returns the normalised graph."""
    graph = prepared(model, **options)
    scales = scales or random_scales(graph, per_channel)
    before = networks.fingerprint(graph)
    changed = normalize(graph, scales)
    assert networks.fingerprint(graph) == before
    xs = oracle_layers.samples(model, 3) if xs is None else xs
    activations, answers = oracle.ann(graph, xs)
    rates, outputs = oracle.ann(changed, xs)
    assert list(rates) == list(activations)
    for name, activation in activations.items():
        assert activation.any(), f"{name} is silent and proves nothing"
        np.testing.assert_allclose(rates[name] * scales[name], activation, rtol=2e-5, atol=2e-5)
    for one, other in zip(outputs, answers, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5 * np.abs(other).max())
    return changed


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("net", NETS)
def test_rates_and_outputs_are_kept(net, per_channel):
    check(getattr(networks, net)(), per_channel)


@pytest.mark.parametrize("neuron", ["signed", "burst", "signed_burst"])
@pytest.mark.parametrize("net", ["depthwise", "pools", "residual"])
def test_other_neurons_too(net, neuron):
    check(getattr(networks, net)(), neuron=neuron)


@pytest.mark.parametrize("net", NETS)
def test_the_analogue_network_is_the_cnn(net):
    """The whole way, in float32: what the normalised weights compute is what Keras computes."""
    model = oracle_layers.randomize(getattr(networks, net)(), 3)
    graph = prepared(model)
    xs = oracle_layers.samples(model, 3)
    if net == "chain":
        model.get_layer("dense").activation = keras.activations.linear
    _, outputs = oracle.ann(normalize(graph, random_scales(graph, True)), xs)
    wanted = model(xs if len(xs) > 1 else xs[0])
    for ours, theirs in zip(outputs, networks.as_list(wanted), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * np.abs(theirs).max())


@pytest.mark.parametrize("per_channel", [True, False])
def test_the_threshold_of_a_chain_is_one(per_channel):
    """The weights take the unit, whether it is one number or one for each channel."""
    graph = prepared(networks.chain())
    changed = normalize(graph, random_scales(graph, per_channel))
    for node in changed.of("neuron"):
        np.testing.assert_allclose(node.arrays["threshold"], 1, rtol=1e-6)


@pytest.mark.parametrize("scales", [[1.0, 2.0], [1.0, 1.0], [3.0, 3.0]])
def test_a_read_out_of_spikes_is_in_units_of_the_cnn(scales):
    x = keras.Input((3,), name="x")
    model = keras.Model(x, layers.Dense(2, activation="relu", name="d")(x))
    graph = prepared(model, readout="spikes")
    (neuron,) = graph.of("neuron")
    given = {"x": np.float32(1), neuron.name: np.float32(scales)}
    (readout,) = normalize(graph, given).of("readout")
    assert readout.inputs == (neuron.name,)
    found = readout.array("scale")
    assert (found is None) == (scales == [1.0, 1.0])
    if found is not None:
        np.testing.assert_array_equal(np.broadcast_to(found, 2), np.float32(scales))


def test_the_chain_by_its_formula():
    """W' = W lambda_before / lambda, b' = b / lambda, V = 1; the read-out is in CNN units."""
    model = networks.chain()
    graph = prepared(model)
    scales = random_scales(graph, True)
    changed = normalize(graph, scales)
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    name = model.inputs[0].name if model.inputs[0].name in scales else graph.of("input")[0].name
    first, second = scales["relu1"], scales["conv2"]
    for node, before, own in (
        ("conv1", scales[name], first),
        ("conv2:linear", first[:, None], second),
    ):
        kernel, bias = oracle.normalise(*weights[node.split(":")[0]], before, own)
        np.testing.assert_allclose(changed[node].arrays["kernel"], kernel, rtol=1e-6)
        np.testing.assert_allclose(changed[node].arrays["bias"], bias, rtol=1e-6)
    for node in changed.of("neuron"):
        assert node.arrays["threshold"].shape == () and node.arrays["threshold"] == 1
    (readout,) = changed.of("readout")
    assert "scale" not in readout.arrays
    spread = np.tile(second, 4)[:, None]
    np.testing.assert_allclose(
        changed[readout.inputs[0]].arrays["kernel"], weights["dense"][0] * spread, rtol=1e-6
    )
    assert changed.of("input")[0].arrays["scale"] == scales[name]
    assert not changed.of("scale")


def test_a_common_factor_of_weights_and_thresholds_changes_no_spike():
    """Wu et al.'s amplification kappa: with kappa on a current and on its threshold nothing
    is seen of it, so it is left out."""
    model = networks.chain()
    graph = networks.spiking(model)
    x = networks.samples(model)
    plain = oracle.clock_driven(graph, [x], 8)
    changed = {}
    for node in graph.of("neuron"):
        synapse = graph[node.inputs[0]]
        arrays = {name: array * np.float32(100) for name, array in synapse.arrays.items()}
        changed[synapse.name] = synapse.with_arrays(**arrays)
        changed[node.name] = node.with_arrays(threshold=node.arrays["threshold"] * 100)
    amplified = graph.updated(changed)
    loud = oracle.clock_driven(amplified, [x], 8)
    for name, train in plain.spikes.items():
        np.testing.assert_array_equal(loud.spikes[name], train)
    np.testing.assert_array_equal(
        build(amplified, timesteps=8, stagger=0)(x), build(graph, timesteps=8, stagger=0)(x)
    )


def test_an_identity_shortcut_per_channel_needs_no_synapse_of_its_own():
    """The sum takes the unit of its spikes, and the threshold tells the difference."""
    graph = check(networks.residual())
    assert not graph.of("scale")
    assert graph["a_out"].arrays["threshold"].shape == (4,)
    assert graph["b_out"].arrays["threshold"].shape == ()


def test_shortcuts_of_different_scales_get_a_weight_where_they_are_not_joined():
    x = keras.Input((4, 4, 2))
    a = layers.Conv2D(3, 1, activation="relu", name="a")(x)
    b = layers.Conv2D(3, 1, activation="relu", name="b")(x)
    y = layers.ReLU(name="sum")(layers.Add()([a, b]))
    model = networks.dyadic(keras.Model(x, layers.Dense(2)(y)))
    assert len(check(model).of("scale")) == 1
    shared = {**random_scales(prepared(model), True), "b": np.float32([1, 2, 3])}
    shared["a"] = shared["b"]
    assert not check(model, scales=shared).of("scale")


def test_sums_of_sums():
    x = keras.Input((4, 4, 2))
    y = layers.Conv2D(3, 1, activation="relu", name="a")(x)
    for step in range(3):
        z = layers.Conv2D(3, 3, padding="same", activation="relu", name=f"in{step}")(y)
        z = layers.Conv2D(3, 1, name=f"out{step}")(z)
        y = layers.Add(name=f"add{step}")([y, z])
    y = layers.ReLU(name="last")(y)
    check(networks.dyadic(keras.Model(x, layers.Dense(2)(y))))


def test_a_sum_that_goes_straight_to_the_answer():
    x = keras.Input((4,))
    a = layers.Dense(3, activation="relu", name="a")(x)
    b = layers.Dense(3, activation="relu", name="b")(x)
    model = networks.dyadic(keras.Model(x, layers.Add()([a, b])))
    graph = check(model)
    assert graph.of("readout")[0].arrays["scale"].shape == (3,)


def test_differences():
    x = keras.Input((4,))
    a = layers.Dense(3, activation="relu", name="a")(x)
    b = layers.Dense(3, activation="relu", name="b")(x)
    y = layers.ReLU(name="r")(layers.Subtract()([a, b]))
    check(networks.dyadic(keras.Model(x, layers.Dense(2)(y))), xs=[networks_samples(4)])


def networks_samples(width):
    return np.random.default_rng(2).normal(size=(8, width))


def test_shortcut_of_the_input_itself():
    x = keras.Input((4, 4, 3))
    y = layers.Conv2D(3, 3, padding="same", name="c")(x)
    y = layers.ReLU(name="r")(layers.Add()([x, y]))
    check(networks.dyadic(keras.Model(x, layers.Dense(2)(y))))


def test_a_map_of_one_channel_added_to_one_of_many():
    """A broadcast addition: the narrow branch cannot take the units of the wide one."""
    x = keras.Input((4, 4, 2))
    y = layers.Conv2D(3, 1, activation="relu", name="wide")(x)
    z = layers.Conv2D(1, 1, name="narrow")(x)
    y = layers.ReLU(name="r")(layers.Add()([y, z]))
    model = networks.dyadic(keras.Model(x, layers.Dense(2)(y)))
    graph = check(model)
    build(graph, timesteps=2)
    z = layers.Conv2D(1, 1, activation="relu", name="narrow")(x)
    y = layers.Conv2D(3, 1, activation="relu", name="wide2")(x)
    y = layers.ReLU(name="r2")(layers.Add()([z, y]))
    model = networks.dyadic(keras.Model(x, layers.Dense(2)(y)))
    graph = check(model)
    build(graph, timesteps=2)(np.ones((1, 4, 4, 2), "float32"))


@pytest.mark.parametrize(
    "shaping",
    [
        [layers.Flatten()],
        [layers.Reshape((8, 6)), layers.Flatten()],
        [layers.Permute((2, 1, 3)), layers.Flatten()],
        [layers.Permute((3, 1, 2)), layers.Conv2D(2, 1, activation="relu"), layers.Flatten()],
        [layers.Reshape((48, 1)), layers.Conv1D(2, 3, activation="relu"), layers.Flatten()],
        [layers.Reshape((4, 12)), layers.GlobalAveragePooling1D()],
        [layers.Reshape((4, 4, 3)), layers.GlobalMaxPooling2D()],
        [layers.Reshape((6, 8)), layers.ReLU()],
        [layers.Reshape((6, 8)), layers.Conv1D(3, 2), layers.ReLU(), layers.Flatten()],
        [layers.Flatten(), layers.Reshape((4, 4, 3)), layers.AveragePooling2D(2)],
        [layers.Permute((2, 3, 1)), layers.AveragePooling2D(2), layers.Conv2D(2, 1)],
        [layers.GlobalAveragePooling2D()],
        [layers.GlobalAveragePooling2D(keepdims=True), layers.Conv2D(3, 1, activation="relu")],
        [layers.ZeroPadding2D(1), layers.Cropping2D(((0, 1), (1, 0))), layers.UpSampling2D(2)],
        [layers.Rescaling(0.5, 0.25), layers.ReLU(), layers.Rescaling([1.0, 2.0, 3.0])],
        [layers.BatchNormalization(), layers.Conv2D(2, 3, padding="same", activation="relu")],
    ],
    ids=lambda parts: "-".join(part.name for part in parts),
)
def test_units_per_channel_through_shapes(shaping):
    model = keras.Sequential(
        [keras.Input((4, 4, 2)), layers.Conv2D(3, 1, activation="relu"), *shaping, layers.Dense(3)]
    )
    check(networks.dyadic(model))


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_concatenation_along_any_axis(axis):
    x = keras.Input((4, 4, 2))
    a = layers.Conv2D(3, 1, activation="relu", name="a")(x)
    b = layers.Conv2D(3, 1, activation="relu", name="b")(x)
    y = layers.Concatenate(axis)([a, b])
    z = layers.Conv2D(2, 3, padding="same", activation="relu", name="c")(y)
    y = layers.Concatenate(axis=-1)([y, z])
    check(networks.dyadic(keras.Model(x, layers.Dense(2)(layers.MaxPooling2D(2)(y)))))


@pytest.mark.parametrize(
    "activation",
    [
        layers.LeakyReLU(0.25),
        layers.PReLU(shared_axes=[1, 2]),
        layers.PReLU(),
        layers.ReLU(max_value=1.0, negative_slope=0.1),
        layers.ReLU(threshold=0.25),
        layers.Activation("tanh"),
        layers.Activation("softplus"),
        layers.Activation("relu6"),
    ],
    ids=lambda layer: layer.name,
)
def test_other_functions_see_the_cnns_own_unit(activation):
    """A function that is not homogeneous gets its current in the CNN's unit."""
    model = keras.Sequential(
        [
            keras.Input((4, 4, 2)),
            layers.Conv2D(3, 1),
            layers.ReLU(),
            layers.Conv2D(3, 3),
            activation,
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    check(networks.dyadic(model))


def test_a_bound_below_the_scale_stays_the_bound_of_the_rate():
    """ReLU6 with a scale of 4: the neuron sends at most one spike a step, its meaning goes
    on to 6."""
    model = networks.depthwise()
    graph = prepared(model)
    scales = {**random_scales(graph, True), "six1": np.float32([4, 2, 0.5])}
    changed = check(model, scales=scales)
    np.testing.assert_allclose(changed["six1"].arrays["ceiling"], [1.5, 3, 12], rtol=1e-6)
    assert changed["six1"]["max_value"] is None


def test_batch_norm_and_everything_at_once():
    """Conv, batch norm, addition, concatenation: against Keras, from random weights."""
    x = keras.Input((6, 6, 2))
    y = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(x)))
    z = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(y)))
    z = layers.BatchNormalization()(layers.Conv2D(4, 1)(z))
    y = layers.ReLU()(layers.BatchNormalization()(layers.Add()([y, z])))
    y = layers.Concatenate()([y, layers.AveragePooling2D(3, 1, padding="same")(z)])
    y = layers.GlobalAveragePooling2D()(y)
    model = oracle_layers.randomize(keras.Model(x, layers.Dense(3)(y)))
    xs = oracle_layers.samples(model, 4)
    _, outputs = oracle.ann(check(model, xs=xs), xs)
    np.testing.assert_allclose(outputs[0], model(xs[0]), rtol=1e-4, atol=1e-4)


def two_relus():
    x = keras.Input((3,), name="x")
    a = layers.Dense(2, activation="relu", name="a")(x)
    b = layers.Dense(2, activation="relu", name="b")(x)
    return oracle_layers.randomize(keras.Model(x, layers.Dense(2)(layers.Add()([a, b]))), 0)


def test_branches_whose_scales_agree_in_one_channel_only():
    model = two_relus()
    first, second = prepared(model).of("neuron")
    scales = {"x": np.float32(1), first.name: np.float32([1, 2]), second.name: np.float32([1, 3])}
    changed = check(model, scales=scales)
    assert len(changed.of("scale")) == 1
    equal = check(model, scales={**scales, second.name: np.float32([1, 2])})
    assert not equal.of("scale")


def test_a_pooled_branch_gives_the_unit_of_a_sum():
    """Spikes that only pass a pooling are added as they are; the weights take their unit."""
    x = keras.Input((4, 4, 2), name="x")
    a = layers.Conv2D(3, 1, activation="relu", name="a")(x)
    pooled, weighted = layers.AveragePooling2D(2)(a), layers.Conv2D(3, 2, strides=2)(a)
    inner = layers.Add()([layers.AveragePooling2D(2)(a), layers.AveragePooling2D(2)(a)])
    for branches in ([pooled, weighted], [weighted, pooled], [weighted, inner]):
        y = layers.ReLU(name="b")(layers.Add()(branches))
        model = keras.Model(x, layers.Dense(2)(layers.Flatten()(y)))
        for per_channel in (True, False):
            changed = check(oracle_layers.randomize(model, 2), per_channel)
            assert not changed.of("scale")


def test_a_unit_that_varies_over_positions_does_not_pass_a_pooling():
    x = keras.Input((5,), name="x")
    y = layers.Dense(8, activation="relu", name="a")(x)
    y = layers.AveragePooling1D(2)(layers.Reshape((4, 2))(y))
    model = keras.Model(x, layers.Dense(2)(layers.Flatten()(y)))
    check(oracle_layers.randomize(model, 1))


def test_all_that_follows_a_read_out_stays_as_it_is():
    x = keras.Input((3,), name="x")
    y = layers.Dense(4, activation="relu", name="a")(x)
    y = layers.Activation("tanh", name="b")(layers.Dense(4, name="end")(y))
    y = layers.Reshape((2, 2), name="c")(layers.Reshape((4, 1))(y))
    check(oracle_layers.randomize(keras.Model(x, y), 1))
