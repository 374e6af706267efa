"""Weights of samples in `spkeras.evaluate`: a sample of weight n counts as n equal samples do."""

import numpy as np
import pytest

import spkeras
from spkeras.errors import DataError, OptionError
from tests.facade import tiny

WEIGHTS = np.array([2, 0, 1, 3, 1, 0, 1, 2, 1, 1, 0, 4] * 2, float)
TIMES = WEIGHTS.astype(int)


@pytest.fixture(scope="module")
def net():
    return tiny.net()


@pytest.fixture(scope="module")
def data(net):
    return tiny.labelled(net, 24, wrong=5)


@pytest.fixture(scope="module")
def snn(net, data):
    return spkeras.convert(net, data[0], timesteps=5)


def of_scores(result):
    (score,) = result.scores
    return {
        name: getattr(score, name)
        for name in ("accuracy", "cnn_accuracy", "agreement", "error", "deviation", "cnn_spread")
        if getattr(score, name) is not None
    }


@pytest.mark.parametrize("engine", ["dense", "events"])
@pytest.mark.parametrize("kind", ["classes", "values", "none"])
def test_a_weight_counts_as_that_many_samples(snn, data, kind, engine):
    x, y = data
    targets = {"classes": y, "values": np.eye(3)[y] * 0.7 + 0.1, "none": None}[kind]
    options = {"batch_size": 7, "engine": engine, "insist": True}
    found = spkeras.evaluate(snn, x, targets, sample_weight=WEIGHTS, **options)
    again = None if targets is None else np.repeat(targets, TIMES, axis=0)
    known = spkeras.evaluate(snn, np.repeat(x, TIMES, axis=0), again, **options)
    plain = spkeras.evaluate(snn, x, targets, **options)
    for name, expected in of_scores(known).items():
        np.testing.assert_allclose(of_scores(found)[name], expected, rtol=1e-6, err_msg=name)
    assert not np.allclose(of_scores(found)["deviation"], of_scores(plain)["deviation"], rtol=1e-6)
    # What the network does is that of all samples.
    assert found.activity.spikes == plain.activity.spikes and found.samples == 24
    assert found.interval() == (None, None) and found.scores[0].weighted
    together = spkeras.evaluate(snn, (x, targets, WEIGHTS), **options)
    assert of_scores(together).keys() == of_scores(found).keys()
    np.testing.assert_array_equal(together.scores[0].deviation, found.scores[0].deviation)


def test_measures_are_weighted_and_confusion_is_not(snn, data):
    x, y = data
    names = ("top2", "sparse_categorical_accuracy")
    options = {"metrics": names, "predictions": True, "insist": True}
    found = spkeras.evaluate(snn, x, y, sample_weight=WEIGHTS, batch_size=7, **options)
    known = spkeras.evaluate(snn, np.repeat(x, TIMES, axis=0), np.repeat(y, TIMES), **options)
    for name in names:
        assert found.measures[name] == pytest.approx(known.measures[name])
    assert found.confusion().sum() == 24


def test_a_sweep_weighs_its_samples(net, data):
    x, y = data
    found = spkeras.sweep(
        net, (x, y, WEIGHTS), ["ecc"], timesteps=[5], calibration=x, insist=True
    ).points[0]
    snn = spkeras.convert(net, x, timesteps=5)
    known = spkeras.evaluate(snn, np.repeat(x, TIMES, axis=0), np.repeat(y, TIMES), insist=True)
    assert found.accuracy == pytest.approx(known.accuracy[-1]) and found.low is None


def test_weights_that_are_refused(snn, data):
    x, y = data
    for weights, message in (
        (WEIGHTS[:-1], "received 23 numbers for 24 samples"),
        (-WEIGHTS, "received -2; allowed: one finite number"),
        (np.full(24, np.nan), "received nan"),
        (np.zeros(24), "weights of all samples are 0"),
    ):
        with pytest.raises(DataError, match=message):
            spkeras.evaluate(snn, x, y, sample_weight=weights, insist=True)
    with pytest.raises(OptionError, match="early_exit with weights"):
        spkeras.evaluate(snn, x, y, sample_weight=WEIGHTS, early_exit=0.5)
    with pytest.raises(OptionError, match="sample_weight with samples as tuple"):
        spkeras.evaluate(snn, (x, y), sample_weight=WEIGHTS)

    def batches():
        yield x[:12], y[:12], WEIGHTS[:12]
        yield x[12:], y[12:]

    with pytest.raises(DataError, match="received weights in some batches"):
        spkeras.evaluate(snn, batches(), insist=True)
