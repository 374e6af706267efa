"""What a network was trained with, read from its activations."""

import keras
from keras import layers

from spkeras.errors import OptionError
from spkeras.frontend.walk import read_graph
from spkeras.layers import ClampQuantize
from spkeras.passes.as_published import check_trained

COUNTED = {"encoding": "spikes", "pooling_neurons": True, "shift": 0.0}


def quantized(shift=0.0):
    return ClampQuantize(4, shift=shift)


def net(
    *,
    encoded=True,
    pooled=(True,),
    shift=0.0,
    other_shift=0.0,
    pool=layers.AveragePooling2D,
    scales=1
):
    """A net with quantising activations at the input and after poolings, or without."""
    image = keras.Input((8, 8, 2))
    x = image
    if scales > 1:
        x = layers.Concatenate()([quantized(shift)(image) for _ in range(scales)])
    elif encoded:
        x = quantized(shift)(image)
    x = quantized(other_shift)(layers.Conv2D(3, 1)(x))
    for neurons in pooled:
        x = pool(2)(x)
        x = quantized(shift)(x) if neurons else x
        x = quantized(shift)(layers.Conv2D(3, 1)(x))
    return read_graph(keras.Model(image, layers.Dense(2)(layers.Flatten()(x))))


def differences(graph, training=COUNTED):
    try:
        check_trained(graph, "cq", training)
    except OptionError as error:
        assert "published=True with recipe='cq'" in str(error)
        return str(error).split("trained with ")[1].split(". Train it")[0].split("; ")
    return []


def test_a_net_as_published_passes():
    assert differences(net()) == []
    assert differences(net(pooled=(True, True))) == []
    assert differences(net(pooled=())) == []
    real = {"encoding": "real", "pooling_neurons": False, "shift": 0.5}
    assert differences(net(encoded=False, pooled=(False,), shift=0.5), real) == []
    assert differences(net(scales=2), {**COUNTED, "encoding": "expanded"}) == []


def test_each_difference_is_named():
    assert differences(net(encoded=False)) == ["encoding='real', published 'spikes'"]
    assert differences(net(scales=2)) == ["encoding='expanded', published 'spikes'"]
    for pooled in ((False,), (True, False), (False, True)):
        assert differences(net(pooled=pooled)) == ["pooling_neurons=False, published True"]
    assert differences(net(shift=0.5)) == ["shift=0.5, published 0.0"]
    assert differences(net(other_shift=0.25)) == ["shift=0.25, published 0.0"]
    assert differences(net(encoded=False, pooled=(False,), shift=0.5)) == [
        "encoding='real', published 'spikes'",
        "pooling_neurons=False, published True",
        "shift=0.5, published 0.0",
    ]
    real = {"encoding": "real", "pooling_neurons": False, "shift": 0.5}
    assert differences(net(shift=0.5, pooled=(False,)), real) == [
        "encoding='spikes', published 'real'"
    ]


def test_a_maximum_is_no_published_pooling_where_poolings_have_neurons():
    graph = net(pool=layers.MaxPooling2D)
    assert differences(graph) == ["pooling='maximum', published 'average'"]
    assert differences(graph, {**COUNTED, "pooling_neurons": False}) == []


def test_the_tolerance_of_a_level_is_no_shift():
    assert differences(net(shift=2.0**-9, other_shift=2.0**-9)) == []
    assert differences(net(shift=2.0**-7)) == ["shift=0.01, published 0.0"]


def test_an_input_that_is_read_with_and_without_neurons_is_real():
    image = keras.Input((4,))
    x = layers.Concatenate()([layers.Dense(2)(quantized()(image)), layers.Dense(2)(image)])
    graph = read_graph(keras.Model(image, layers.Dense(2)(quantized()(x))))
    assert differences(graph) == ["encoding='real', published 'spikes'"]


def test_a_pooling_that_is_read_with_and_without_neurons_has_none():
    image = keras.Input((4, 4, 2))
    pooled = layers.AveragePooling2D(2)(quantized()(image))
    x = layers.Concatenate()([quantized()(pooled), layers.Conv2D(2, 1)(pooled)])
    graph = read_graph(keras.Model(image, layers.Dense(2)(layers.Flatten()(quantized()(x)))))
    assert differences(graph) == ["pooling_neurons=False, published True"]


def test_a_net_without_quantising_activations_is_left_alone():
    plain = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="relu")])
    assert differences(read_graph(plain)) == []
