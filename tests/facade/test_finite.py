"""NaN and infinity are refused wherever they come in, and never count as right."""

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.errors import DataError, OptionError, SpkerasError
from spkeras.metrics.early_exit import EarlyExit, Watch
from spkeras.metrics.score import Score
from spkeras.recipes import CAT, CQ, ECC, SigmaDelta, Simulation
from spkeras.training.augment import Augmentation
from spkeras.training.schedule import ChooseTimesteps
from tests import networks

BAD = pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])


def poisoned(model, name, bad):
    """The model with one value of one variable replaced."""
    variable = next(v for v in model.variables if v.path.endswith(name))
    values = np.array(variable)
    values.reshape(-1)[-1] = bad
    variable.assign(values)
    return model


@pytest.fixture
def cnn():
    return networks.chain()


@pytest.fixture
def x(cnn):
    return networks.samples(cnn, 8)


@BAD
@pytest.mark.parametrize("name", ["conv2/kernel", "dense/bias"])
def test_cnn_with_such_a_weight(cnn, x, bad, name, tmp_path):
    snn = spkeras.convert(cnn, x, timesteps=4)
    poisoned(cnn, name, bad)
    layer, array = name.split("/")
    for action in (
        lambda: spkeras.convert(cnn, x),
        lambda: spkeras.verify(cnn, snn, x),
        lambda: spkeras.load_model(tmp_path / "cnn.keras"),
        lambda: spkeras.load_model(tmp_path / "cnn.h5"),
    ):
        cnn.save(tmp_path / "cnn.keras")
        cnn.save(tmp_path / "cnn.h5")
        with pytest.raises(SpkerasError, match=rf"{layer}.*: 1 of \d+ values") as error:
            action()
        assert array in str(error.value) and "NaN or infinite" in str(error.value)


@pytest.mark.slow
@BAD
@pytest.mark.parametrize("what", ["kernel", "threshold"])
def test_snn_with_such_a_value(cnn, x, bad, what, tmp_path):
    snn = poisoned(spkeras.convert(cnn, x, timesteps=4), what, bad)
    for action in (
        lambda: spkeras.evaluate(snn, x),
        lambda: spkeras.verify(cnn, snn, x),
        lambda: spkeras.load_model(tmp_path / "snn.keras"),
    ):
        snn.save(tmp_path / "snn.keras")
        with pytest.raises(SpkerasError, match="NaN or infinite") as error:
            action()
        assert what in str(error.value)


def test_weights_that_only_folding_makes_infinite(x):
    net = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(2, 3, name="conv", use_bias=False),
            layers.BatchNormalization(name="norm", epsilon=0.0),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    net.get_layer("norm").moving_variance.assign([0.0, 1.0])
    with np.errstate(all="ignore"), pytest.raises(SpkerasError, match="norm.*NaN or infin|infin"):
        spkeras.convert(net, x)


@BAD
def test_data(cnn, x, bad):
    snn = spkeras.convert(cnn, x, timesteps=4)
    for kind in (np.float32, np.float64):
        broken = x.astype(kind)
        broken[5, 0, 0, 0] = bad
        for action in (
            lambda: spkeras.convert(cnn, broken),
            lambda: spkeras.evaluate(snn, broken),
            lambda: spkeras.verify(cnn, snn, broken),
        ):
            with pytest.raises(DataError, match="1 of 8 samples .first: sample 5"):
                action()
    with pytest.raises(DataError, match="targets.*1 of 8 samples"):
        spkeras.evaluate(snn, x, np.array([bad, *range(7)]))


def test_data_beyond_float32(cnn, x):
    broken = x.astype(np.float64)
    broken[2] = 1e300
    with pytest.raises(DataError, match="in float32. in 1 of 8"):
        spkeras.convert(cnn, broken)


@pytest.mark.parametrize(
    "make",
    [
        lambda bad: ECC(percentile=bad),
        lambda bad: ECC(initial_potential=bad),
        lambda bad: SigmaDelta(levels=bad),
        lambda bad: CAT(tau=bad),
        lambda bad: Simulation(timesteps=bad),
        lambda bad: CQ(input_threshold=bad),
        lambda bad: Augmentation(noise=bad),
        lambda bad: ChooseTimesteps(None, [0], [1], max_drop=bad),
        lambda bad: EarlyExit(bad),
    ],
)
@BAD
def test_options(make, bad):
    with pytest.raises(OptionError):
        make(bad)


@BAD
@pytest.mark.parametrize("setting", ["timesteps", "stagger"])
def test_settings(cnn, x, bad, setting):
    snn = spkeras.convert(cnn, x, timesteps=4)
    for action in (
        lambda: networks.convert(cnn, x, **{setting: bad}),
        lambda: spkeras.evaluate(snn, x, **{setting: bad}),
        lambda: spkeras.configure(snn, **{setting: bad}),
    ):
        with pytest.raises(OptionError, match=setting):
            action()


def score_of(cnn, outputs, targets, shape=(3,)):
    score = Score("out", shape, targets, 1)
    score.reference(np.asarray(cnn, "float32"))
    with np.errstate(invalid="ignore"):
        score.add(0, np.asarray(outputs, "float32"))
        return score.result()


def test_undefined_outputs_are_neither_equal_nor_right():
    lost = [[np.nan] * 3, [0, np.nan, 1], [3, 1, 2]]
    # argmax of NaN is its place: 0 and 1, which are the labels.
    found = score_of(lost, lost, np.array([0, 1, 0]))
    assert found.cnn_accuracy == 1 / 3 and found.accuracy.tolist() == [1 / 3]
    assert found.agreement.tolist() == [1 / 3]
    found = score_of([[np.nan], [1]], [[np.nan], [1]], np.array([0, 1]), (1,))
    assert found.cnn_accuracy == 0.5 and found.agreement.tolist() == [0.5]


def test_early_exit_of_undefined_outputs():
    score = Score("out", (3,), np.array([0, 1]), 3)
    score.reference(np.full((2, 3), np.nan, "float32"))
    watch = Watch(EarlyExit(1.0), score, 3, 0)
    watch.begin(2)
    for step in range(3):
        watch.add(step, np.full((2, 3), np.nan, "float32"), np.zeros(2))
    course = watch.course(watch.sums())
    assert (course.chosen.changed, course.chosen.accuracy) == (1, 0)


def test_a_run_whose_outputs_overflow_says_so(cnn, x):
    cnn.get_layer("dense").set_weights([np.full((12, 5), 3e38), np.zeros(5)])
    snn = spkeras.convert(cnn, x, timesteps=4)
    with np.errstate(all="ignore"):
        found = spkeras.evaluate(snn, x, np.zeros(8, int))
    assert any("NaN or infinity" in text for text in found.warnings)
    assert found.accuracy[-1] < 1 and found.agreement[-1] < 1
