"""Data that cannot be right stop a conversion or an evaluation, with the cause and the way out."""

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.cli.trained import lost
from spkeras.errors import DataError, OptionError
from spkeras.metrics.chance import near_chance
from spkeras.training import FinetunePlan, finetune, prepare
from tests import networks

pytestmark = pytest.mark.slow


def images(count=300, classes=5, seed=0):
    """Pixels of 0..255 whose class is the brightest of five bars, and the labels."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(count) % classes)
    x = rng.integers(0, 120, (count, 5, 5, 1)).astype("float32")
    x[np.arange(count), :, y] += 130
    return x, y


def classifier(*first, factor=1.0):
    """A CNN that finds the brightest bar, for pixels that `first` and `factor` bring to 0..1."""
    net = keras.Sequential(
        [
            keras.Input((5, 5, 1)),
            *first,
            layers.Conv2D(1, (5, 1)),
            layers.Flatten(),
            layers.ReLU(),
            layers.Dense(5),
            layers.Softmax(),
        ]
    )
    kinds = (layers.Conv2D, layers.Dense)
    conv, dense = [layer for layer in net.layers if isinstance(layer, kinds)]
    conv.set_weights([np.full((5, 1, 1, 1), factor / 5, "float32"), np.full(1, -0.3, "float32")])
    dense.set_weights([np.eye(5, dtype="float32") * 20, np.zeros(5, "float32")])
    return net


def normalized():
    layer = layers.Normalization(axis=None)
    layer.adapt(images()[0])
    return layer


@pytest.mark.parametrize(
    ("first", "scale"),
    [
        ([layers.Rescaling(1 / 255)], 255),
        ([layers.Rescaling(1 / 127.5, offset=-1)], 255),
        ([layers.Rescaling(1 / 255), layers.Normalization(mean=0.4, variance=0.06)], 255),
        ([layers.Normalization(mean=100.0, variance=3000.0)], 255),
        ([layers.Rescaling(2.0, offset=-1)], 1 / 255),
        ([layers.Normalization(mean=0.4, variance=0.06)], 1 / 255),
    ],
)
@pytest.mark.parametrize("recipe", ["ecc", "auto"])
def test_range_that_the_models_own_scaling_makes_absurd(first, scale, recipe):
    x = images(60)[0] / (255 if scale < 1 else 1)
    cnn = classifier(*[layer.from_config(layer.get_config()) for layer in first])
    assert spkeras.convert(cnn, x, recipe=recipe, timesteps=4)
    with pytest.raises(DataError, match="standard deviation") as error:
        spkeras.convert(cnn, x / scale, recipe=recipe, timesteps=4)
    text = str(error.value)
    assert "insist=True" in text and repr(cnn.layers[0].name) in text
    assert ("leave --scale" in text) == (scale == 255)
    assert spkeras.convert(cnn, x / scale, recipe=recipe, timesteps=4, insist=True)


def test_a_model_that_multiplies_its_inputs_is_left_alone():
    x = images(60)[0] / 255
    assert spkeras.convert(classifier(layers.Rescaling(255.0), factor=1 / 255), x)
    assert spkeras.convert(classifier(normalized()), 255 * x)
    with pytest.raises(DataError, match="standard deviation"):
        spkeras.convert(classifier(normalized()), x)


@pytest.mark.parametrize("recipe", ["ecc", "sigma_delta", "auto"])
def test_constant_calibration_data(recipe):
    cnn, x = networks.chain(), networks.samples(networks.chain(), 8)
    for data, words in (
        (np.zeros_like(x), "all values of all 8 samples are 0"),
        (np.full_like(x[:1], 0.5), "all values of all 1 samples are 0.5"),
        (np.repeat(x[:1], 8, axis=0), "all 8 samples are the same"),
    ):
        with pytest.raises(DataError, match=words):
            spkeras.convert(cnn, data, recipe=recipe, timesteps=2)
    same = np.repeat(x[:1], 8, axis=0)
    assert spkeras.convert(cnn, same, recipe=recipe, timesteps=2, insist=True)
    assert spkeras.convert(cnn, x[:1], recipe=recipe, timesteps=2)


def test_one_of_two_inputs_may_be_constant():
    one, other = keras.Input((3,)), keras.Input((3,))
    total = layers.ReLU()(layers.Add()([one, other]))
    cnn = networks.dyadic(keras.Model([one, other], layers.Dense(2)(total)))
    x = networks.samples(cnn, 8)
    assert spkeras.convert(cnn, [x[0], np.zeros_like(x[1])])


def test_a_stagger_at_or_past_the_end_before_any_sample_runs():
    cnn, x = networks.chain(), networks.samples(networks.chain(), 8)
    seen = []
    with pytest.raises(OptionError, match="stagger=4 with timesteps=8.*up to 3.9375"):
        spkeras.convert(
            cnn,
            x,
            timesteps=8,
            simulation=spkeras.Simulation(stagger=4),
            progress=lambda *done: seen.append(done),
        )
    assert not seen
    snn = spkeras.convert(cnn, x, timesteps=8, simulation=spkeras.Simulation(stagger=3.9375))
    assert spkeras.evaluate(snn, x).first_step == 8
    for settings in ({"timesteps": 7}, {"stagger": 9}):
        with pytest.raises(OptionError, match="receives no spike"):
            spkeras.evaluate(snn, x, **settings)


def test_evaluation_near_chance_names_the_cause():
    x, y = images()
    cnn = classifier()
    snn = spkeras.convert(cnn, x / 255)
    assert spkeras.evaluate(snn, x / 255, y).cnn_accuracy > 0.99
    snn = spkeras.convert(cnn, x / 255 / 255)
    with pytest.raises(DataError, match="20.0% would be chance") as error:
        spkeras.evaluate(snn, x / 255 / 255, y)
    text = str(error.value)
    assert "multiplied by 255" in text and "insist" in text
    found = spkeras.evaluate(snn, x / 255 / 255, y, insist=True)
    assert found.cnn_accuracy < 0.3


def test_labels_of_another_order():
    x, y = images()
    snn = spkeras.convert(classifier(), x / 255)
    with pytest.raises(DataError, match="labels in another order"):
        spkeras.evaluate(snn, x / 255, (y + 1) % 5)
    with pytest.raises(DataError, match="labels in another order"):
        spkeras.evaluate(snn, x / 255, np.random.default_rng(1).permutation(y))
    # Without labels, with few, or with those of one class there is nothing to say.
    spkeras.evaluate(snn, x / 255)
    spkeras.evaluate(snn, x[:10] / 255, (y[:10] + 1) % 5)
    spkeras.evaluate(snn, x / 255, np.zeros(300, int))


def test_finetuning_a_cnn_near_chance():
    x, y = images()
    cnn = classifier()
    twin = prepare(cnn, x / 255 / 255, timesteps=8, encoding="real")
    plan = FinetunePlan(clamp=0, quantize=1)
    with pytest.raises(DataError, match="multiplied by 255"):
        finetune(twin, (x / 255 / 255, y), plan, teacher=cnn)
    finetune(twin, (x / 255 / 255, y), teacher=cnn, clamp=0, quantize=1, insist=True)
    finetune(twin, (x / 255 / 255, y), teacher=cnn, relu=1, clamp=0, quantize=0)


def binomial(count, right, classes, seed=0):
    """Balanced labels and decisions of which so many are right, the others spread evenly."""
    labels = np.arange(count) % classes
    decisions = labels.copy()
    wrong = np.random.default_rng(seed).permutation(count)[right:]
    decisions[wrong] = (labels[wrong] + 1 + np.arange(len(wrong)) % (classes - 1)) % classes
    return decisions, labels


@pytest.mark.parametrize(
    ("count", "right", "classes", "near"),
    [
        # Binomial(1000, 0.1) reaches 130 with 0.13 %, 131 with 0.097 % (sums of exact terms).
        (1000, 130, 10, True),
        (1000, 131, 10, False),
        (1000, 100, 10, True),
        (1000, 20, 10, True),
        (500, 300, 2, False),
        (500, 250, 2, True),
        (1000, 30, 100, False),
        (1000, 10, 100, True),
        # Too few to tell.
        (20, 2, 10, False),
        (40, 20, 2, False),
        (1, 0, 10, False),
    ],
)
def test_what_is_near_chance(count, right, classes, near):
    assert near_chance(*binomial(count, right, classes)) == near


def test_chance_of_labels_that_are_not_balanced():
    rng = np.random.default_rng(3)
    labels = (rng.random(1000) < 0.1).astype(int)
    # Always the most frequent class: right in 90 %, and near chance.
    assert near_chance(np.zeros(1000, int), labels)
    assert near_chance((rng.random(1000) < 0.1).astype(int), labels)
    # Half of the rare class found: 95 %, and far from chance.
    assert not near_chance(labels * (np.arange(1000) % 2), labels)
    assert not near_chance(labels, labels)


def test_points_that_training_lost():
    assert lost("accuracy", 0.99, 0.985, 1000) == []
    assert lost("accuracy", 0.9, 0.86, 100) == []  # Not more than chance explains.
    (text,) = lost("accuracy", 0.9, 0.7, 1000)
    assert "20.0 points" in text and "90.00%" in text and "70.00%" in text
    assert lost("accuracy", 0.9, 0.95, 1000) == []
    assert lost("error", 0.1, 0.105, 100) == [] and lost("error", 0.1, 0.2, 100)
    assert lost("error", 0.1, float("nan"), 100)
