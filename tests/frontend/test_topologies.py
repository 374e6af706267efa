"""The common families of CNNs in miniature: read, folded, converted and run."""

import keras
import numpy as np
import pytest
from keras import layers as L

import spkeras

pytestmark = pytest.mark.slow

SAMPLES = 6
SIZE = (8, 8, 3)


def conv(x, filters, kernel=3, strides=1, **options):
    return L.Conv2D(filters, kernel, strides, padding="same", use_bias=False, **options)(x)


def bn_relu(x, bound=None):
    return L.ReLU(bound)(L.BatchNormalization()(x))


def classifier(inputs, x):
    x = L.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, L.Dense(4, activation="softmax")(x))


def vgg():
    x = inputs = keras.Input(SIZE)
    for filters in (4, 6):
        x = bn_relu(conv(bn_relu(conv(x, filters)), filters))
        x = L.MaxPooling2D(2)(x)
    x = L.Dropout(0.5)(L.Dense(8, activation="relu")(L.Flatten()(x)))
    return keras.Model(inputs, L.Dense(4, activation="softmax")(x))


def resnet_v1_basic():
    inputs = keras.Input(SIZE)
    x = bn_relu(conv(inputs, 4))
    for filters, strides in ((4, 1), (6, 2)):
        y = bn_relu(conv(x, filters, strides=strides))
        y = L.BatchNormalization()(conv(y, filters))
        if strides > 1:
            x = L.BatchNormalization()(conv(x, filters, 1, strides))
        x = L.ReLU()(L.Add()([x, y]))
    return classifier(inputs, x)


def resnet_v1_bottleneck():
    inputs = keras.Input(SIZE)
    x = L.MaxPooling2D(3, 2, padding="same")(bn_relu(conv(inputs, 4)))
    for block in range(2):
        y = bn_relu(conv(bn_relu(conv(x, 3, 1)), 3))
        y = L.BatchNormalization()(conv(y, 8, 1))
        if block == 0:
            x = L.BatchNormalization()(conv(x, 8, 1))
        x = L.Activation("relu")(L.Add()([x, y]))
    return classifier(inputs, x)


def resnet_v2():
    inputs = keras.Input(SIZE)
    x = conv(inputs, 6)
    for strides in (1, 2):
        before = bn_relu(x)
        y = bn_relu(conv(before, 6, strides=strides))
        short = conv(before, 6, 1) if strides == 1 else L.MaxPooling2D(1, strides=2)(x)
        x = L.Add()([short, conv(y, 6)])
    return classifier(inputs, bn_relu(x))


def added_activations():
    """ReLU before the addition, as in the original SpKeras's examples."""
    inputs = keras.Input(SIZE)
    x = bn_relu(conv(inputs, 4))
    for _ in range(2):
        x = L.Add()([x, bn_relu(conv(x, 4))])
    return classifier(inputs, x)


def linear_addition():
    """Sums of convolutions that nothing rectifies."""
    inputs = keras.Input(SIZE)
    x = L.Add()([conv(inputs, 4, 1), conv(inputs, 4)])
    y = L.Add()([x, conv(bn_relu(x), 4)])
    return classifier(inputs, L.Subtract()([y, conv(y, 4, 1)]))


def mobilenet_v1():
    inputs = keras.Input(SIZE)
    x = bn_relu(conv(inputs, 4, strides=2), 6.0)
    for filters, strides in ((6, 1), (8, 2)):
        if strides == 2:
            x = L.ZeroPadding2D(((0, 1), (0, 1)))(x)
        padding = "same" if strides == 1 else "valid"
        x = L.DepthwiseConv2D(3, strides, padding=padding, use_bias=False)(x)
        x = bn_relu(conv(bn_relu(x, 6.0), filters, 1), 6.0)
    return classifier(inputs, x)


def mobilenet_v2():
    inputs = keras.Input(SIZE)
    x = L.BatchNormalization()(conv(inputs, 4))
    for filters, strides in ((4, 1), (5, 2)):
        y = bn_relu(conv(x, 12, 1), 6.0)
        y = L.DepthwiseConv2D(3, strides, padding="same", use_bias=False)(y)
        y = L.BatchNormalization()(conv(bn_relu(y, 6.0), filters, 1))
        x = L.Add()([x, y]) if filters == 4 else y
    return classifier(inputs, bn_relu(conv(x, 8, 1), 6.0))


def densenet():
    inputs = keras.Input(SIZE)
    x = conv(inputs, 4)
    for _ in range(2):
        y = conv(bn_relu(conv(bn_relu(x), 6, 1)), 3)
        x = L.Concatenate()([x, y])
    x = L.AveragePooling2D(2)(conv(bn_relu(x), 5, 1))
    x = L.Concatenate()([x, conv(bn_relu(x), 3)])
    return classifier(inputs, bn_relu(x))


def inception():
    inputs = keras.Input(SIZE)
    x = bn_relu(conv(inputs, 4))
    branches = [
        bn_relu(conv(x, 2, 1)),
        bn_relu(conv(bn_relu(conv(bn_relu(conv(x, 3, 1)), 3, (1, 3))), 3, (3, 1))),
        bn_relu(conv(L.AveragePooling2D(3, 1, padding="same")(x), 2, 1)),
        L.MaxPooling2D(3, 1, padding="same")(x),
    ]
    return classifier(inputs, bn_relu(conv(L.Concatenate()(branches), 6)))


def xception():
    inputs = keras.Input(SIZE)
    x = bn_relu(conv(inputs, 4))
    short = L.BatchNormalization()(conv(x, 6, 1, 2))
    y = L.SeparableConv2D(6, 3, padding="same", use_bias=False)(x)
    y = L.SeparableConv2D(6, 3, padding="same", use_bias=False)(bn_relu(y))
    y = L.MaxPooling2D(3, 2, padding="same")(L.BatchNormalization()(y))
    x = L.Activation("relu")(L.Add()([y, short]))
    return classifier(inputs, x)


def squeezenet():
    inputs = keras.Input(SIZE)
    x = L.Conv2D(4, 3, activation="relu")(inputs)
    squeezed = L.Conv2D(2, 1, activation="relu")(x)
    wide = L.Conv2D(4, 1, activation="relu")(squeezed)
    square = L.Conv2D(4, 3, padding="same", activation="relu")(squeezed)
    x = L.Conv2D(4, 1, activation="relu")(L.Concatenate()([wide, square]))
    return keras.Model(inputs, L.Softmax()(L.GlobalAveragePooling2D()(x)))


def u_net():
    inputs = keras.Input(SIZE)
    wide = bn_relu(conv(inputs, 4))
    middle = bn_relu(conv(L.MaxPooling2D(2)(wide), 6))
    deep = bn_relu(conv(L.MaxPooling2D(2)(middle), 6))
    x = L.Conv2DTranspose(4, 2, strides=2)(deep)
    x = bn_relu(conv(L.Concatenate()([x, middle]), 4))
    x = L.UpSampling2D(2, interpolation="bilinear")(x)
    x = bn_relu(conv(L.Concatenate()([x, wide]), 4))
    return keras.Model(inputs, L.Conv2D(1, 1, activation="sigmoid")(x))


def one_dimension():
    inputs = keras.Input((20, 2))
    x = L.BatchNormalization()(L.Conv1D(4, 5, padding="same")(inputs))
    x = L.MaxPooling1D(2)(L.Activation("relu")(x))
    x = L.Conv1D(6, 3, padding="causal", dilation_rate=2, activation="relu")(x)
    x = L.AveragePooling1D(2)(x)
    return keras.Model(inputs, L.Dense(3)(L.GlobalMaxPooling1D()(x)))


TOPOLOGIES = [
    vgg,
    resnet_v1_basic,
    resnet_v1_bottleneck,
    resnet_v2,
    added_activations,
    linear_addition,
    mobilenet_v1,
    mobilenet_v2,
    densenet,
    inception,
    xception,
    squeezenet,
    u_net,
    one_dimension,
]


def randomized(model, seed=0):
    """Weights of a size that keeps activations level, and batch norms that really normalize."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        kind = weight.path.rsplit("/", 1)[1]
        if "kernel" in kind:
            fan_in = max(np.prod(weight.shape[:-1]), 1)
            weight.assign(rng.normal(0, np.sqrt(2 / fan_in), weight.shape))
        else:
            low, high = {"gamma": (0.5, 1.5), "moving_variance": (0.5, 2)}.get(kind, (-0.3, 0.3))
            weight.assign(rng.uniform(low, high, weight.shape))
    return model


@pytest.fixture(scope="module", params=TOPOLOGIES, ids=lambda topology: topology.__name__)
def converted(request):
    """(CNN, its spiking network, the samples of its calibration): nothing of them is clipped."""
    cnn = randomized(request.param())
    x = np.random.default_rng(1).uniform(0, 1, (SAMPLES, *cnn.input_shape[1:])).astype("float32")
    yield cnn, spkeras.convert(cnn, x, timesteps=32, percentile=100), x
    keras.backend.clear_session()


def test_the_folded_graph_is_the_cnn(converted):
    cnn, snn, x = converted
    result = spkeras.verify(cnn, snn, x, schedule="layer_synchronous")
    assert result.faithful, [layer for layer in result.layers if layer.relative >= 1e-5]
    assert len(result.layers) >= 4
    assert result.output_error["clipped"] < 1e-5


def test_the_closed_form_approaches_the_cnn(converted):
    _, snn, x = converted
    result = spkeras.evaluate(snn, x, schedule="layer_synchronous", timesteps=1024)
    score, steps = result.scores[0], list(result.steps)
    coarse, middle, fine = (score.deviation[steps.index(window)] for window in (8, 64, 1024))
    assert fine < middle < coarse
    assert fine < coarse / 30 and fine < 0.01 * score.cnn_spread


def test_it_runs_step_by_step(converted):
    cnn, snn, x = converted
    result = spkeras.evaluate(snn, x, timesteps=128)
    score = result.scores[0]
    assert score.deviation[-1] < 0.05 * score.cnn_spread and result.activity.spikes > 0
    logits = snn.predict(x, verbose=0)
    assert logits.shape == (SAMPLES, *cnn.output_shape[1:]) and np.isfinite(logits).all()
