"""Layers over sequences: TimeDistributed and recurrent layers compute what Keras computes."""

import keras
import numpy as np
import pytest
from keras import layers as L

from spkeras.errors import UnsupportedLayerError
from spkeras.frontend.verdict import inspect_layers
from spkeras.frontend.walk import read_graph
from spkeras.snn.ann import ann
from spkeras.snn.network import as_list
from tests.oracle_layers import difference, randomize, samples

TOLERANCE = 1e-5
CF = {"data_format": "channels_first"}


def chain(shape, *layers):
    x = inputs = keras.Input(shape)
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, list(x) if isinstance(x, tuple) else x)


def check(model):
    """The graph against the model, by the oracle in float64 and as a Keras model."""
    model = randomize(model)
    graph = read_graph(model)
    xs = samples(model)
    assert difference(graph, model, xs) < TOLERANCE
    found = as_list(ann(graph)(xs[0]))
    for ours, theirs in zip(found, as_list(model(xs[0], training=False)), strict=True):
        ours, theirs = keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs)
        assert np.abs(ours - theirs).max() <= TOLERANCE * np.abs(theirs).max()
    return graph


ROW, IMAGE, CUBE = (4, 7, 3), (3, 6, 5, 4), (3, 4, 5, 4, 2)
EACH = {
    "convolution": (IMAGE, lambda: L.Conv2D(5, 3, padding="same", strides=2)),
    "convolution in groups": (IMAGE, lambda: L.Conv2D(6, (2, 3), groups=2, activation="relu")),
    "dilated convolution": (IMAGE, lambda: L.Conv2D(5, 2, dilation_rate=2)),
    "causal convolution": (ROW, lambda: L.Conv1D(5, 3, padding="causal", dilation_rate=2)),
    "convolution of a cube": (CUBE, lambda: L.Conv3D(3, 2, padding="same")),
    "depthwise": (IMAGE, lambda: L.DepthwiseConv2D(3, depth_multiplier=2)),
    "depthwise row": (ROW, lambda: L.DepthwiseConv1D(3, strides=2)),
    "separable": (IMAGE, lambda: L.SeparableConv2D(5, 3, activation="tanh")),
    "transposed": (IMAGE, lambda: L.Conv2DTranspose(3, 3, strides=2, output_padding=1)),
    "dense": (IMAGE, lambda: L.Dense(3, activation="relu")),
    "max pooling": (IMAGE, lambda: L.MaxPooling2D(2, padding="same")),
    "max pooling of a cube": (CUBE, lambda: L.MaxPooling3D((2, 1, 2))),
    "average pooling": (CUBE, lambda: L.AveragePooling3D(2, padding="same")),
    "global maximum": (IMAGE, lambda: L.GlobalMaxPooling2D(keepdims=True)),
    "global average": (CUBE, lambda: L.GlobalAveragePooling3D()),
    "padding": (IMAGE, lambda: L.ZeroPadding2D(((1, 2), (0, 3)))),
    "cropping": (CUBE, lambda: L.Cropping3D(((1, 0), (0, 2), (1, 1)))),
    "upsampling": (IMAGE, lambda: L.UpSampling2D((2, 3), interpolation="bilinear")),
    "upsampling of a cube": (CUBE, lambda: L.UpSampling3D((1, 2, 1))),
    "resizing": (IMAGE, lambda: L.Resizing(4, 9)),
    "batch normalization": (IMAGE, lambda: L.BatchNormalization(axis=1)),
    "layer normalization": (IMAGE, lambda: L.LayerNormalization(axis=[1, 2])),
    "group normalization": (IMAGE, lambda: L.GroupNormalization(2)),
    "slopes": (IMAGE, lambda: L.PReLU(shared_axes=[1])),
    "softmax": (IMAGE, lambda: L.Softmax(axis=1)),
    "permute": (IMAGE, lambda: L.Permute((3, 1, 2))),
    "flatten": (IMAGE, lambda: L.Flatten(**CF)),
    "repeat": ((3, 4), lambda: L.RepeatVector(3)),
    "spectral": (IMAGE, lambda: L.SpectralNormalization(L.Conv2D(2, 3))),
    "channels first": ((3, 4, 6, 5), lambda: L.Conv2D(2, 3, **CF)),
    "twice": ((2, *IMAGE), lambda: L.TimeDistributed(L.Conv2D(2, 3, activation="relu"))),
    "recurrent": (ROW, lambda: L.Bidirectional(L.GRU(3, return_sequences=True))),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", EACH)
def test_layer_for_each_step(case):
    shape, layer = EACH[case]
    check(chain(shape, L.TimeDistributed(layer())))


def small():
    """A network with branches, an inner model and a layer that is called twice."""
    image = keras.Input((6, 5, 4))
    conv = L.Conv2D(4, 3, padding="same", activation="relu", name="conv")
    x = L.BatchNormalization(name="norm")(conv(conv(image)))
    pool = L.MaxPooling2D(2, name="pool")
    inner = keras.Sequential([keras.Input((6, 5, 4)), pool, L.Flatten(name="flat")], name="inner")
    joined = L.Concatenate(name="join")([inner(x), L.GlobalMaxPooling2D(name="max")(x)])
    return keras.Model(image, L.Dense(3, "softmax", name="out")(joined))


def attending():
    """A network of functions of several values."""
    words = keras.Input((5, 4))
    a, b = L.Dense(3)(words), L.Dense(3)(words)
    products = L.Dot(axes=(1, 1), normalize=True)([L.Dot(axes=(2, 2))([a, b]), a])
    scores = (
        L.Attention()([a, b]) * L.MultiHeadAttention(2, 3)(a, b) / L.Activation("exponential")(a)
    )
    return keras.Model(words, L.Concatenate(axis=1)([products, scores]))


@pytest.mark.parametrize("net", [small, attending])
def test_model_for_each_step(net):
    model = net()
    check(chain((3, *model.input_shape[1:]), L.TimeDistributed(model, name="each")))


def test_layers_inside_are_listed_with_their_path():
    found = inspect_layers(chain((3, 6, 5, 4), L.TimeDistributed(small(), name="each")))
    names = [layer.name for layer in found]
    own = {"conv", "conv@1", "norm", "inner/pool", "inner/flat", "max", "join", "out"}
    assert sorted(names[1:]) == sorted(f"each/{name}" for name in own)
    assert found[1].macs == 3 * (6 * 3 - 2) * (5 * 3 - 2) * 4 * 4


def test_problem_inside_has_its_path():
    inner = keras.Sequential([keras.Input((4, 4)), L.Masking(name="mask"), L.Dense(2)])
    with pytest.raises(UnsupportedLayerError, match=r"- each/mask \(Masking\): leaves out"):
        read_graph(chain((3, 4, 4), L.TimeDistributed(inner, name="each")))
    with pytest.raises(UnsupportedLayerError, match=r"- each \(Masking\): leaves out"):
        read_graph(chain((3, 4, 4), L.TimeDistributed(L.Masking(), name="each")))


CELLS = {
    "lstm": lambda **o: L.LSTM(3, **o),
    "relu lstm": lambda **o: L.LSTM(3, activation="relu", recurrent_activation="linear", **o),
    "gru": lambda **o: L.GRU(3, **o),
    "gru before": lambda **o: L.GRU(3, reset_after=False, activation="elu", **o),
    "gru without bias": lambda **o: L.GRU(3, use_bias=False, **o),
    "simple": lambda **o: L.SimpleRNN(3, use_bias=False, **o),
    "cell": lambda **o: L.RNN(L.LSTMCell(3, recurrent_activation="hard_sigmoid"), **o),
    "stacked": lambda **o: L.RNN([L.LSTMCell(3), L.GRUCell(2), L.SimpleRNNCell(4)], **o),
}


@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_layer(cell):
    check(chain((5, 4), CELLS[cell]()))
    check(chain((5, 4), CELLS[cell](return_sequences=True, go_backwards=True)))


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
def test_states(sequences, backwards):
    options = {"return_state": True, "return_sequences": sequences, "go_backwards": backwards}
    for layer in (L.LSTM(3, **options), L.GRU(3, **options)):
        check(chain((5, 4), layer))


def test_states_of_another_layer():
    inputs = keras.Input((5, 4))
    _, *states = L.LSTM(3, return_state=True)(inputs)
    x = L.LSTM(3, return_sequences=True)(L.Dense(2)(inputs), initial_state=states)
    check(keras.Model(inputs, L.GRU(3)(x, initial_state=states[0])))


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
def test_both_directions(mode):
    inner = L.LSTM(3, return_sequences=mode != "mul")
    check(chain((5, 4), L.Bidirectional(inner, merge_mode=mode)))


def test_both_directions_of_layers_that_differ():
    back = L.RNN([L.GRUCell(2), L.LSTMCell(3)], return_sequences=True, go_backwards=True)
    layer = L.Bidirectional(L.LSTM(3, return_sequences=True), backward_layer=back)
    check(chain((5, 4), layer))
    states = {"return_state": True, "return_sequences": True}
    check(chain((5, 4), L.Bidirectional(L.LSTM(3, **states))))


CONVOLUTIONAL = {
    "row": ((4, 7, 2), lambda: L.ConvLSTM1D(3, 3, dilation_rate=2, go_backwards=True)),
    "image": ((4, 6, 5, 2), lambda: L.ConvLSTM2D(2, (3, 2), padding="same", strides=(1, 2))),
    "channels first": (
        (3, 2, 6, 5),
        lambda: L.ConvLSTM2D(3, 2, return_sequences=True, return_state=True, **CF),
    ),
    "cube": ((2, 4, 3, 3, 2), lambda: L.ConvLSTM3D(2, 2, padding="same")),
    "both directions": ((3, 6, 2), lambda: L.Bidirectional(L.ConvLSTM1D(2, 2))),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CONVOLUTIONAL)
def test_convolutional_recurrent_layer(case):
    shape, layer = CONVOLUTIONAL[case]
    check(chain(shape, layer()))


class Own(keras.layers.Layer):
    """A cell of a user."""

    state_size = output_size = 4

    def call(self, x, states):
        return x, states


REFUSED = {
    "stateful": (lambda x: L.GRU(3, stateful=True, name="it")(x), "build it with stateful=False"),
    "mask": (lambda x: L.LSTM(3, name="it")(x, mask=x[..., 0] > 0), "sequences of one length"),
    "training": (lambda x: L.LSTM(3, name="it")(x, training=True), "without training=True"),
    "cell": (lambda x: L.RNN(Own(), name="it")(x), "a cell of the class Own"),
    "function": (lambda x: L.LSTM(3, activation=abs, name="it")(x), "keras.activations"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusal(case):
    layer, remedy = REFUSED[case]
    inputs = keras.Input((5, 4), batch_size=2 if case == "stateful" else None)
    with pytest.raises(UnsupportedLayerError) as caught:
        read_graph(keras.Model(inputs, layer(inputs)))
    assert any("it (" in text and remedy in text for text in caught.value.problems)


def test_masks_add_no_layers():
    """Keras adds operators for masks that the user never wrote."""
    inputs = keras.Input((5, 4))
    x = L.TimeDistributed(L.Dense(3), name="each")(L.Masking(name="masking")(inputs))
    x = L.BatchNormalization(name="norm")(L.GRU(3, return_sequences=True, name="gru")(x))
    model = keras.Model(inputs, L.GlobalAveragePooling1D(name="mean")(x))
    found = {layer.name: layer for layer in inspect_layers(model, "delta")}
    assert list(found)[1:] == ["masking", "each", "gru", "norm", "mean"]
    refused = [name for name, layer in found.items() if layer.verdict == "refused"]
    assert refused == ["masking", "gru", "mean"]
    assert "no mask_zero" in found["gru"].reason and "no mask_zero" in found["mean"].reason


def test_verdicts_of_a_recurrent_layer():
    inputs = keras.Input((5, 4))
    net = keras.Model(inputs, L.Dense(2)(L.GRU(3, name="gru")(L.Dense(4, "relu")(inputs))))
    found = {code: inspect_layers(net, code)[2] for code in ("rate", "delta", "differential")}
    assert found["delta"].verdict == found["differential"].verdict == "runs dense"
    assert "multiply-accumulates on accumulated values" in found["delta"].reason
    assert found["rate"].verdict == "refused" and "--recipe sigma_delta" in found["rate"].reason
    assert found["delta"].macs == 5 * (4 + 3) * 9
