"""Activations and max pooling become neurons; what cannot is refused, all at once."""

import keras
import pytest
from keras import layers

from spkeras.errors import UnsupportedLayerError
from spkeras.frontend.walk import read_graph
from spkeras.passes.neurons import place_neurons
from spkeras.passes.readout import attach_readouts
from spkeras.recipes import Conversion
from tests import networks


def placed(model, neuron="binary", **options):
    graph = attach_readouts(read_graph(model))
    before = networks.fingerprint(graph)
    changed = place_neurons(graph, Conversion(neuron=neuron, **options))
    assert networks.fingerprint(graph) == before
    inside = [n for n in changed.nodes if n.op in ("activation", "max_pool", "global_max_pool")]
    assert all(_behind_readout(changed, node) for node in inside)
    return changed


def _behind_readout(graph, node):
    return any(graph[n].op == "readout" or _behind_readout(graph, graph[n]) for n in node.inputs)


def net(*parts, shape=(6, 6, 2)):
    return keras.Sequential(
        [keras.Input(shape), *parts, layers.Flatten(), layers.Dense(2, name="end")]
    )


def kinds(graph):
    return {node.name: node["model"] for node in graph.of("neuron")}


@pytest.mark.parametrize("model", ["binary", "signed", "burst", "signed_burst"])
def test_every_activation_becomes_a_neuron_with_these_options(model):
    graph = placed(networks.residual(), model, initial_potential=0.25, max_spikes_per_step=3)
    assert list(kinds(graph).values()) == [model] * 5
    for node in graph.of("neuron"):
        assert (node["initial_potential"], node["reset"]) == (0.25, "subtract")
        assert node["max_spikes_per_step"] == (3 if "burst" in model else 1)
        assert node.arrays["threshold"].tolist() == 1.0
    assert not graph.notes


def test_depth_is_the_longest_way_from_the_input():
    graph = placed(networks.residual())
    assert {node.name: node["depth"] for node in graph.of("neuron")} == {
        "stem": 0,
        "a1": 1,
        "a_out": 2,
        "b1": 3,
        "b_out": 4,
    }
    assert [node["depth"] for node in graph.of("readout")] == [5]
    graph = placed(networks.several())
    assert [node["depth"] for node in graph.of("readout")] == [1, 2]


def test_a_relu_beside_a_max_pooling_takes_it_in_either_way_round():
    graph = placed(networks.pools())
    pools = {node.name: node["pool"] for node in graph.of("neuron")}
    window = {"pool_size": (2, 2), "strides": (2, 2), "padding": "valid"}
    whole = {"keepdims": False}
    assert pools == {"after": window, "relu2": window, "conv3": None, "alone": whole, "top": whole}
    assert graph["after"].shape == (4, 4, 3) and graph["relu2"].shape == (2, 2, 4)
    assert graph["after"]["function"] == graph["relu2"]["function"] == "relu"
    assert graph["after"].inputs == ("conv1",) and graph["relu2"].inputs == ("conv2",)


def test_a_max_pooling_on_its_own_counts():
    """`top` reads spikes, which only rise; `alone` reads a convolution, which may fall."""
    graph = placed(networks.pools())
    assert graph["top"]["function"] == graph["alone"]["function"] == "linear"
    assert kinds(graph) == {
        "after": "binary",
        "relu2": "binary",
        "conv3": "binary",
        "alone": "signed",
        "top": "binary",
    }
    assert [note.split(":")[0] for note in graph.notes] == ["alone"]


def test_an_activation_that_others_read_is_not_merged():
    x = keras.Input((4, 4, 2))
    y = layers.ReLU(name="relu")(layers.Conv2D(2, 3, padding="same")(x))
    z = layers.Flatten()(layers.MaxPooling2D(2, name="pool")(y))
    model = keras.Model(x, layers.Dense(2)(layers.Concatenate()([z, layers.Flatten()(y)])))
    graph = placed(model)
    assert {n.name: n["pool"] is None for n in graph.of("neuron")} == {"relu": True, "pool": False}


def test_two_poolings_in_a_row():
    graph = placed(
        net(
            layers.Conv2D(2, 1),
            layers.ReLU(name="relu"),
            layers.MaxPooling2D(2, name="p1"),
            layers.MaxPooling2D(3, name="p2"),
        )
    )
    assert [(n.name, n["function"]) for n in graph.of("neuron")] == [
        ("p1", "relu"),
        ("p2", "linear"),
    ]
    assert graph["p2"].inputs == ("p1",)


@pytest.mark.parametrize(
    ("layer", "wanted"),
    [
        (layers.ReLU(), "binary"),
        (layers.ReLU(6.0), "binary"),
        (layers.Activation("relu6"), "binary"),
        (layers.ReLU(negative_slope=0.1), "signed"),
        (layers.ReLU(threshold=0.1), "signed"),
        (layers.LeakyReLU(0.1), "signed"),
        (layers.PReLU(), "signed"),
        (layers.ELU(), "signed"),
        (layers.Activation("sigmoid"), "signed"),
        (layers.Activation("silu"), "signed"),
    ],
)
def test_functions_whose_count_may_fall_take_signed_spikes(layer, wanted):
    model = net(layers.Conv2D(2, 3), layer)
    graph = placed(model)
    assert list(kinds(graph).values()) == [wanted]
    assert len(graph.notes) == (wanted == "signed")
    assert list(kinds(placed(model, "burst")).values()) == [
        "burst" if wanted == "binary" else "signed_burst"
    ]
    assert list(kinds(placed(model, "signed_burst")).values()) == ["signed_burst"]


def test_relu6_is_a_relu_with_a_bound():
    (node,) = placed(net(layers.Conv2D(2, 3), layers.Activation("relu6"))).of("neuron")
    assert (node["function"], node["max_value"]) == ("relu", 6.0)


def test_a_max_pooling_behind_signed_spikes_is_signed():
    graph = placed(
        net(
            layers.Conv2D(2, 1),
            layers.LeakyReLU(0.1, name="leaky"),
            layers.Dropout(0.1),
            layers.MaxPooling2D(2, name="p1"),
            layers.AveragePooling2D(1),
            layers.MaxPooling2D(2, name="p2"),
        )
    )
    assert set(kinds(graph).values()) == {"signed"}


def test_a_max_pooling_of_the_input_is_signed():
    graph = placed(net(layers.MaxPooling2D(2, name="pool")))
    assert kinds(graph) == {"pool": "signed"}


def test_refusals_come_all_at_once_with_names_and_advice():
    x = keras.Input((4,))
    y = layers.Dense(4, activation="relu", name="fine")(x)
    a = layers.Multiply(name="product")([y, layers.Dense(4, name="gate")(y)])
    b = layers.Maximum(name="larger")([y, a])
    c = layers.Softmax(name="attention")(b)
    model = keras.Model(x, layers.Dense(2)(c))
    with pytest.raises(UnsupportedLayerError) as caught:
        placed(model)
    problems = caught.value.problems
    assert [problem.split(":")[0] for problem in problems] == ["product", "larger", "attention"]
    assert "3 layers cannot be converted" in str(caught.value)
    assert all("replace it" in problem for problem in problems)


def test_behind_a_read_out_nothing_is_refused():
    graph = placed(net(layers.Conv2D(2, 3, activation="relu")))
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(4), layers.Softmax(), layers.Activation("tanh")]
    )
    assert len(graph.of("neuron")) == 1
    assert not placed(model).of("neuron")


@pytest.mark.parametrize(
    "model, code, layer, plain",
    [
        ("binary", "rate", layers.ReLU(), True),
        ("binary", "rate", layers.ReLU(6.0), True),
        ("binary", "rate", layers.Activation("relu6"), True),
        ("signed", "rate", layers.ReLU(), False),
        ("burst", "rate", layers.ReLU(), False),
        ("binary", "differential", layers.ReLU(), False),
        ("signed", "differential", layers.ReLU(), False),
        ("binary", "rate", layers.ReLU(negative_slope=0.5), False),
        ("binary", "rate", layers.ReLU(threshold=0.5), False),
        ("binary", "rate", layers.Activation("tanh"), False),
        ("binary", "rate", layers.MaxPooling2D(2), False),
    ],
)
def test_a_plain_neuron_is_binary_counts_rectifies_and_pools_nothing(model, code, layer, plain):
    (node,) = placed(net(layers.Conv2D(2, 3), layer), model, spike_code=code).of("neuron")
    assert node.is_plain == plain
    pooled = net(layers.Conv2D(2, 3), layers.ReLU(), layers.MaxPooling2D(2))
    pooled = placed(pooled, model, spike_code=code)
    assert not any(node.is_plain for node in pooled.of("neuron"))


def test_reset_to_zero_is_refused_where_it_is_not_defined():
    model = net(
        layers.Conv2D(2, 3, name="c1"),
        layers.LeakyReLU(0.1, name="leaky"),
        layers.Conv2D(2, 1, activation="relu", name="c2"),
        layers.MaxPooling2D(2, name="pool"),
    )
    with pytest.raises(UnsupportedLayerError) as caught:
        placed(model, reset="zero")
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["leaky", "pool"]
    assert {n["reset"] for n in placed(networks.residual(), reset="zero").of("neuron")} == {"zero"}


def test_an_activation_keeps_its_own_alpha():
    """ELU's alpha and the share given in advance are different numbers of one node."""
    x = inputs = keras.Input((4, 4, 1))
    x = keras.layers.ELU(alpha=0.7)(keras.layers.Conv2D(2, 3)(x))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(x)))
    (node,) = placed(model, "signed", initial_potential=0.25).of("neuron")
    assert (node["alpha"], node["initial_potential"]) == (pytest.approx(0.7), 0.25)


RISING = ("relu6", "sigmoid", "tanh", "elu", "hard_sigmoid", "softplus")


@pytest.mark.parametrize("function", [*RISING, "relu", "leaky_relu", "silu", "gelu"])
@pytest.mark.parametrize("pool_first", [True, False])
def test_a_max_pooling_merges_with_functions_that_never_fall(function, pool_first):
    pair = [layers.Activation(function, name="act"), layers.MaxPooling2D(2, name="pool")]
    graph = placed(net(layers.Conv2D(2, 3), *(pair[::-1] if pool_first else pair)), "signed")
    merged = function not in ("silu", "gelu")
    assert len(graph.of("neuron")) == (1 if merged else 2)
    assert sum(node["pool"] is not None for node in graph.of("neuron")) == 1


@pytest.mark.parametrize("slope, merged", [(0.1, True), (0.0, True), (-0.1, False)])
def test_a_negative_slope_that_is_negative_falls(slope, merged):
    parts = [layers.Conv2D(2, 3), layers.ReLU(negative_slope=0.1), layers.MaxPooling2D(2)]
    graph = attach_readouts(read_graph(net(*parts)))
    (act,) = [node for node in graph.of("activation") if node["function"] == "relu"]
    graph = graph.updated({act.name: act.with_attributes(negative_slope=slope)})
    assert len(place_neurons(graph, Conversion(neuron="signed")).of("neuron")) == (
        1 if merged else 2
    )


def test_a_quantising_activation_merges_with_a_pooling():
    from spkeras.layers import ClampQuantize

    graph = placed(net(layers.Conv2D(2, 3), ClampQuantize(4), layers.MaxPooling2D(2)))
    (node,) = graph.of("neuron")
    assert node["function"] == "quantized_relu" and node["pool"] is not None
    assert node["model"] == "binary"


@pytest.mark.parametrize(
    "scale, offset, model",
    [
        ([1.0, 2.0], 0.0, "binary"),
        ([1.0, 2.0], [0.5, 0.0], "binary"),
        ([0.5, 0.25], 0.0, "binary"),
        ([0.0, 1.0], 0.0, "binary"),
        ([-1.0, -2.0], 0.0, "signed"),
        ([1.0, -2.0], 0.0, "signed"),
        ([1.0, 2.0], [0.5, -0.5], "signed"),
        ([-1.0, 2.0], [0.5, 0.5], "signed"),
    ],
)
def test_a_pooling_after_a_scale_is_signed_where_the_scale_can_turn_counts(scale, offset, model):
    parts = [
        layers.Conv2D(2, 1),
        layers.ReLU(),
        layers.Rescaling(scale, offset),
        layers.MaxPooling2D(2, name="pool"),
    ]
    assert kinds(placed(net(*parts)))["pool"] == model


def test_one_signed_branch_makes_a_sum_fall():
    x = keras.Input((4, 4, 2))
    y = layers.Conv2D(2, 1)(x)
    plain, leaky = layers.ReLU(name="plain")(y), layers.LeakyReLU(0.1, name="leaky")(y)
    for number, order in enumerate(([plain, leaky], [leaky, plain], [plain, plain])):
        z = layers.MaxPooling2D(2, name="pool")(layers.Add()(order))
        model = keras.Model(x, layers.Dense(2)(layers.Flatten()(z)))
        assert kinds(placed(model))["pool"] == ("signed" if number < 2 else "binary")


@pytest.mark.parametrize("model, own", [("binary", "signed"), ("burst", "signed_burst")])
def test_products_and_functions_of_several_values_are_signed(model, own):
    x = keras.Input((4,))
    y, z = layers.Dense(3, name="y")(x), layers.Dense(3, name="z")(x)
    product = layers.Multiply(name="product")([y, z])
    normal = layers.LayerNormalization(name="normal", center=False, scale=False)(product)
    net_of_values = keras.Model(x, layers.Dense(2)(normal))
    graph = placed(net_of_values, model, spike_code="differential")
    assert set(kinds(graph).values()) == {own} and len(graph.of("neuron")) == 2


@pytest.mark.parametrize(
    "between, model",
    [
        (layers.UpSampling2D(2), "binary"),
        (layers.UpSampling2D(2, interpolation="bilinear"), "binary"),
        (layers.UpSampling2D(2, interpolation="bicubic"), "signed"),
        (layers.Resizing(7, 9), "binary"),
        (layers.Resizing(7, 9, interpolation="bicubic"), "signed"),
        (layers.AveragePooling2D(2), "binary"),
        (layers.ZeroPadding2D(1), "binary"),
        (layers.Permute((2, 1, 3)), "binary"),
        (layers.Conv2D(2, 1), "signed"),
    ],
)
def test_what_stands_between_a_relu_and_a_pooling(between, model):
    parts = [layers.Conv2D(2, 1), layers.ReLU(), between, layers.MaxPooling2D(2, name="pool")]
    assert kinds(placed(net(*parts)))["pool"] == model


@pytest.mark.parametrize("alpha, shift, wanted", [(None, 0.25, 0.25), (0.75, 0.25, 0.75)])
def test_an_activation_brings_its_share_of_a_level(alpha, shift, wanted):
    from spkeras.layers import ClampQuantize

    parts = [layers.Dense(2), ClampQuantize(4, shift=shift), layers.Dense(2), layers.ReLU()]
    graph = placed(net(*parts, shape=(4,)), initial_potential=alpha)
    found = [node["initial_potential"] for node in graph.of("neuron")]
    # The layer adds a little to its share: what lies at a level reaches it in float32, too.
    assert found == pytest.approx([wanted, 0.5 if alpha is None else alpha], abs=2.0**-9)


def test_neurons_by_default():
    (node,) = placed(net(layers.Dense(2), layers.ReLU(), shape=(4,))).of("neuron")
    names = (
        "model",
        "spike_code",
        "reset",
        "initial_potential",
        "max_spikes_per_step",
        "levels",
        "mantissa_bits",
    )
    assert [node[name] for name in names] == ["binary", "rate", "subtract", 0.5, 1, 8, 0]
    bursts = placed(net(layers.Dense(2), layers.ReLU(), shape=(4,)), "burst").of("neuron")
    assert [node["max_spikes_per_step"] for node in bursts] == [1]
