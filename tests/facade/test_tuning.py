"""`spkeras.tune`: within the bounds, cheaper than the default, confirmed on other samples."""

import json

import pytest

import spkeras
from spkeras.errors import DataError, OptionError
from spkeras.metrics.sweep import Baseline
from spkeras.metrics.tuning import Bounds, Tuned, drop_of, likely_drop
from spkeras.report.sweep import tuned_sentences
from tests.facade import tiny
from tests.facade.test_sweep import by_hand, point

pytest.importorskip("optuna", reason="Optuna is not installed")


@pytest.fixture(scope="module")
def net():
    return tiny.net()


@pytest.fixture(scope="module")
def data(net):
    return tiny.labelled(net, 240)


@pytest.fixture(scope="module")
def found(net, data, tmp_path_factory):
    x, y = data
    path = tmp_path_factory.mktemp("tune") / "points"
    return spkeras.tune(
        net,
        (x[:160], y[:160]),
        confirmation=(x[160:], y[160:]),
        max_drop=10,
        trials=8,
        checkpoint=path,
    )


def test_the_network_is_the_cheapest_within_the_bounds(found):
    within = [
        p for p in found.tried.points if likely_drop(p, found.tried.cnn, found.tried.samples) <= 10
    ]
    assert found.point.energy == min(p.energy for p in within)
    assert found.default.energy in [p.energy for p in found.tried.points]
    assert (
        found.cheaper == pytest.approx(found.default.energy / found.point.energy)
        and found.cheaper > 2
    )
    kinds = {p.network.split()[0] for p in found.tried.points}
    assert kinds == {"ecc", "sigma_delta"}


def test_other_samples_confirm_it(found, data):
    x, y = data
    alone = spkeras.evaluate(found.network, x[160:], y[160:])
    assert found.confirmed.accuracy == alone.accuracy[-1]
    assert found.confirmed.energy == pytest.approx(alone.energy().snn.total)
    assert found.drop == pytest.approx(100 * (1 - alone.accuracy[-1]))
    assert found.kept == (found.drop <= 10)
    assert found.tried.samples + found.tried.calibration == 160
    record = found.to_dict()
    assert json.loads(json.dumps(record, allow_nan=False)) == record and record["schema"] == 1
    assert "On samples that took no part: accuracy" in str(found) and "<Tuned tiny: " in repr(found)


def test_a_stopped_search_goes_on(net, data, tmp_path):
    x, y = data
    runs = []

    def counted(*args, **kwargs):
        runs.append(1)
        if len(runs) == 4:
            raise KeyboardInterrupt
        return spkeras.evaluate(*args, **kwargs)

    def go():
        return spkeras.tune(
            net, (x, y), max_drop=20, trials=4, checkpoint=tmp_path / "p", evaluator=counted
        )

    with pytest.raises(KeyboardInterrupt):
        go()
    first = go()
    # Three points are known; the others and the confirmation run.
    assert len(runs) == 4 + len(first.tried.points) - 3 + 1
    again = go()
    assert len(runs) == 4 + len(first.tried.points) - 3 + 2
    assert again.point == first.point and first.tried.points == again.tried.points


def test_bounds_that_no_network_keeps(net, data):
    with pytest.raises(
        OptionError, match="none of 5 networks keeps max_drop=20, max_energy=1e-09; the nearest"
    ):
        spkeras.tune(net, data, max_drop=20, max_energy=1e-9, trials=4)
    found = spkeras.tune(net, data, max_drop=60, max_latency=3, trials=5, spikes=["signed"])
    assert found.point.latency <= 3 and found.point.recipe["neuron"] == "signed"


def test_options_are_checked_before_the_work(net, data):
    for options, message in (
        ({"max_drop": -1}, "max_drop=-1"),
        ({"max_energy": 0}, "max_energy=0"),
        ({"max_latency": float("nan")}, "max_latency=nan"),
        ({"spikes": ["square"]}, "allowed: some of"),
        ({"spikes": "binary"}, "allowed: some of"),
        ({"trials": 0}, "trials=0"),
    ):
        with pytest.raises(OptionError, match=message):
            spkeras.tune(net, data, **options)
    with pytest.raises(DataError, match="give hundreds"):
        spkeras.tune(net, (data[0][:5], data[1][:5]))


def test_drops_by_hand():
    cnn = Baseline(accuracy=0.9, low=0.8, high=1.0, error=None, macs=1, energy=1.0, arithmetic=1.0)
    one = point("ecc", 0.88, 2.0, agreement=0.96)
    assert drop_of(one, cnn) == pytest.approx(2.0)
    # 4 % of the decisions changed, a loss of 2 %: a variance of 0.04 - 0.0004 a sample.
    assert likely_drop(one, cnn, 400) == pytest.approx(2 + 164.5 * (0.0396 / 400) ** 0.5)
    bounds = Bounds(max_drop=1.5, max_energy=1.0, max_latency=8)
    assert bounds.excess(one, 2.0) == pytest.approx(0.5 + 1.0)
    assert Bounds(max_drop=2).excess(one, 2.0) == 0


def test_a_cheaper_network_that_may_lose_too_much_is_named():
    cheap = point("graded", 0.899, 1.0, agreement=0.95)
    taken = point("ecc", 0.9, 2.0, agreement=1.0)
    record = {"network": None, "confirmed": taken, "default": None, "cnn": by_hand(taken).cnn}

    def sentences(drop, *points):
        tried = by_hand(*points, samples=400)
        found = Tuned(point=taken, bounds=Bounds(max_drop=drop), tried=tried, **record)
        return [text for text in tuned_sentences(found) if "Not taken" in text]

    (text,) = sentences(0.5, cheap, taken)
    # 0.1 points, and 1.645 times the spread of 5 % that changed: 1.94.
    assert text.startswith("Not taken, though for 1.00 uJ: graded, T = 4.")
    assert "up to 1.94 points" in text
    assert not sentences(0.05, cheap, taken) and not sentences(0.5, taken)
