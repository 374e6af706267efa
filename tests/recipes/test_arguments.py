"""Arguments of the public functions: one clear error for each wrong type or value."""

import math

import numpy as np
import pytest

import spkeras
from spkeras.errors import OptionError
from tests.networks import residual, samples

COUNTS = [0, -1, 2.5, True, "x", None, math.nan, [1]]
MODELS = [3, "x", None, [], {}]


@pytest.fixture(scope="module")
def nets():
    cnn = residual()
    x = samples(cnn, 20)
    return cnn, spkeras.convert(cnn, x, timesteps=4, insist=True), x


@pytest.mark.parametrize("value", COUNTS)
def test_batch_sizes(nets, value):
    cnn, snn, x = nets
    for call in (
        lambda: spkeras.convert(cnn, x, batch_size=value),
        lambda: spkeras.evaluate(snn, x, batch_size=value),
        lambda: spkeras.verify(cnn, snn, x, batch_size=value),
        lambda: spkeras.train_thresholds(snn, x, batch_size=value),
    ):
        with pytest.raises(OptionError, match="batch_size=.*; allowed: whole numbers from 1"):
            call()


@pytest.mark.parametrize("value", MODELS)
def test_models(nets, value):
    cnn, snn, x = nets
    calls = {
        "snn": [
            lambda: spkeras.evaluate(value, x),
            lambda: spkeras.verify(cnn, value, x),
            lambda: spkeras.configure(value, timesteps=3),
            lambda: spkeras.train_thresholds(value, x),
            lambda: spkeras.correct(value, x),
            lambda: spkeras.Stream(value),
        ],
        "cnn": [lambda: spkeras.verify(value, snn, x)],
        "twin": [lambda: spkeras.finetune(value, (x, np.zeros(20)))],
    }
    if value is not None:
        calls["cnn"].append(lambda: spkeras.evaluate(snn, x, cnn=value))
    for name, tries in calls.items():
        for call in tries:
            with pytest.raises(OptionError, match=f"^{name}=.*; allowed: a Keras model"):
                call()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, value) for name in ("any_range", "insist") for value in (1, "yes", None)],
        *[("progress", value) for value in (3, "x", [])],
        *[("early_exit", value) for value in ("x", [], True, math.nan)],
    ],
)
def test_others(nets, name, value):
    _, snn, x = nets
    with pytest.raises(OptionError, match=f"^{name}=.*; allowed: "):
        spkeras.evaluate(snn, x, **{name: value})


@pytest.mark.parametrize("value", [3, "x", [], {}, 0])
def test_simulations(nets, value):
    cnn, _, x = nets
    with pytest.raises(OptionError, match="simulation=.*; allowed: a spkeras.Simulation"):
        spkeras.convert(cnn, x, simulation=value)


def test_whole_numbers_of_numpy_are_whole_numbers(nets):
    _, snn, x = nets
    assert spkeras.evaluate(snn, x, batch_size=np.int64(5)).samples == 20
