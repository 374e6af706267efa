"""`spkeras.sweep`: each network as `convert` and `evaluate` would give it, on other samples."""

import json

import pytest

import spkeras
from spkeras.errors import DataError, OptionError
from spkeras.metrics.sweep import Baseline, SweepPoint
from spkeras.report.objects import Sweep
from spkeras.report.sweep import sweep_sentences, sweep_table
from tests.facade import tiny


@pytest.fixture(scope="module")
def net():
    return tiny.net()


@pytest.fixture(scope="module")
def data(net):
    return tiny.labelled(net, 60, wrong=5)


@pytest.fixture(scope="module")
def result(net, data):
    x, y = data
    return spkeras.sweep(
        net,
        (x[20:], y[20:]),
        ["ecc", {"recipe": "sigma_delta", "levels": 8}],
        timesteps=[2, 6],
        calibration=x[:20],
    )


def test_every_point_is_a_conversion_for_its_own_steps(net, data, result):
    x, y = data
    assert [(p.network, p.timesteps) for p in result.points] == [
        ("ecc", 2),
        ("ecc", 6),
        ("sigma_delta levels=8", 2),
        ("sigma_delta levels=8", 6),
    ]
    for point in result.points:
        snn = spkeras.convert(net, x[:20], point.recipe, timesteps=point.timesteps)
        alone = spkeras.evaluate(snn, x[20:], y[20:])
        assert point.accuracy == alone.accuracy[-1]
        assert point.agreement == alone.agreement[-1]
        assert point.spikes == pytest.approx(alone.activity.spikes)
        assert point.energy == pytest.approx(alone.energy().snn.total)
        assert point.operations == pytest.approx(
            alone.activity.additions + alone.activity.macs + alone.activity.membrane_updates
        )
        assert point.low < point.accuracy < point.high
        assert (point.latency, point.pipelined_latency) == (point.timesteps, point.timesteps + 1)
    assert result.cnn.accuracy == pytest.approx(0.8) and result.cnn.macs == alone.activity.cnn_macs
    assert (result.samples, result.calibration, result.measure) == (40, 20, "accuracy")


def test_one_calibration_serves_all_points(net, data, monkeypatch):
    from spkeras.facade import calibrated

    passes = []

    def counted(*args, **kwargs):
        passes.append(1)
        return original(*args, **kwargs)

    original = calibrated.calibrate
    monkeypatch.setattr(calibrated, "calibrate", counted)
    found = spkeras.sweep(net, data, timesteps=[2, 3])
    assert len(found.points) == 6 and len(passes) == 1


def test_samples_that_calibrate_are_not_scored(net, data):
    x, y = data
    found = spkeras.sweep(net, data, ["ecc"], timesteps=[4])
    assert (found.samples, found.calibration) == (45, 15)
    # 48 of all 60 labels are the CNN's decisions.
    assert found.cnn.accuracy != pytest.approx(0.8)
    with pytest.raises(DataError, match="one sample cannot calibrate"):
        spkeras.sweep(net, (x[:1], y[:1]), ["ecc"], timesteps=[4])
    with pytest.raises(DataError, match="59"):
        spkeras.sweep(net, (x, y[:-1]), ["ecc"], timesteps=[4])


def test_without_labels_decisions_are_compared(net, data):
    found = spkeras.sweep(net, data[0], ["ecc"], timesteps=[2, 8])
    assert found.measure == "agreement" and found.points[0].accuracy is None
    assert "same decision as the CNN" in sweep_table(found).header


def test_a_stopped_sweep_goes_on(net, data, tmp_path, result):
    x, y = data
    path = tmp_path / "points.jsonl"
    runs = []

    def stopping(*args, **kwargs):
        runs.append(1)
        if len(runs) == 3:
            raise KeyboardInterrupt
        return spkeras.evaluate(*args, **kwargs)

    def go(evaluator, **changed):
        return spkeras.sweep(
            net,
            (x[20:], y[20:]),
            ["ecc", {"recipe": "sigma_delta", "levels": 8}],
            **{"timesteps": [2, 6], "calibration": x[:20], **changed},
            checkpoint=path,
            evaluator=evaluator,
        )

    with pytest.raises(KeyboardInterrupt):
        go(stopping)
    assert len(path.read_text().splitlines()) == 1 + 2
    # The interruption may have cut the last line.
    with open(path, "a") as file:
        file.write('{"key": {"rec')
    found = go(stopping)
    assert len(runs) == 5
    whole, again = result.to_dict(), found.to_dict()
    for record in (whole, again):
        for point in record["points"]:
            point.pop("seconds")
    assert again == whole
    go(stopping)
    assert len(runs) == 5
    with pytest.raises(OptionError, match="points of another sweep"):
        go(stopping, calibration=x[:19])
    path.write_text("none")
    with pytest.raises(OptionError, match="is no checkpoint"):
        go(stopping)


def test_what_cannot_be_built_is_told_with_its_reason(net, data):
    simulation = spkeras.Simulation(stagger=3)
    found = spkeras.sweep(net, data, ["ecc"], timesteps=[2, 8], simulation=simulation)
    assert [point.timesteps for point in found.points] == [8]
    (refused,) = found.refused
    assert refused.timesteps == 2 and "receives no spike" in refused.reason
    assert "Refused: ecc, T = 2: stagger=3" in sweep_sentences(found)[-1]
    with pytest.raises(OptionError, match="no network could be built; ecc: stagger=3"):
        spkeras.sweep(net, data, ["ecc"], timesteps=[2], simulation=simulation)


def test_options_are_checked_before_the_work(net, data):
    for options, message in (
        ({"recipes": ["exx"]}, "recipe='exx'"),
        ({"timesteps": []}, "no recipe or no T"),
        ({"timesteps": [0]}, "timesteps=0"),
        ({"costs": "free"}, "cost table 'free'"),
        ({"numbers": "int3"}, "numbers='int3'"),
        ({"simulation": spkeras.Simulation(timesteps=3)}, r"allowed: timesteps=\[...\]"),
    ):
        with pytest.raises(OptionError, match=message):
            spkeras.sweep(net, data, **options)


def point(network, accuracy, energy, latency=4, **changed):
    names = "error deviation spikes spikes_per_neuron operations additions macs membrane_updates"
    none = dict.fromkeys(names.split(), 0.0)
    record = {
        **none,
        "network": network,
        "recipe": {"recipe": "ecc"},
        "timesteps": 4,
        "latency": latency,
        "pipelined_latency": 5,
        "accuracy": accuracy,
        "low": accuracy - 0.1,
        "high": accuracy + 0.05,
        "agreement": accuracy,
        "energy": energy,
        "arithmetic": energy / 4,
        "engine": "dense",
        "seconds": 1.0,
    }
    return SweepPoint(**{**record, **changed})


def by_hand(*points, **changed):
    cnn = Baseline(accuracy=0.9, low=0.8, high=0.95, error=None, macs=100, energy=8, arithmetic=4)
    record = {
        "model": "net_a",
        "samples": 50,
        "calibration": 10,
        "measure": "accuracy",
        "costs": "horowitz-45nm",
        "node": "45 nm",
        "numbers": "float32",
        "cnn": cnn,
        "points": points,
    }
    return Sweep(**{**record, **changed})


def test_the_front_has_no_dominated_network():
    points = (
        point("dear", 0.9, 5.0, latency=1),
        point("equal but dearer", 0.8, 3.0),
        point("cheap", 0.5, 1.0, latency=9),
        point("middle", 0.8, 2.0),
        point("worse and dearer", 0.4, 4.0),
        point("as cheap, worse", 0.45, 1.0),
    )
    found = by_hand(*points)
    assert [p.network for p in found.pareto().points] == ["cheap", "middle", "dear"]
    assert [p.network for p in found.pareto("latency").points] == ["dear"]
    record = found.to_dict()
    assert [p["pareto"] for p in record["points"]] == [True, False, True, True, False, False]
    assert json.loads(json.dumps(record, allow_nan=False)) == record and record["schema"] == 1
    assert record["points"][0]["memory"] == pytest.approx(3.75)
    with pytest.raises(OptionError, match="cost='price'; allowed: 'energy'"):
        found.pareto("price")


def test_the_recommended_network_is_within_half_a_point():
    cheap, near, best = point("c", 0.8, 1.0), point("n", 0.896, 2.0), point("b", 0.9, 3.0)
    assert by_hand(cheap, near, best).recommended() is near
    assert by_hand(cheap).recommended() is cheap


def test_the_recommended_regression_is_the_cheapest_near_the_least_error():
    points = [point("c", 0, 1.0, deviation=0.106), point("n", 0, 2.0, deviation=0.104)]
    points.append(point("b", 0, 3.0, deviation=0.1))
    assert by_hand(*points, measure="deviation").recommended().network == "n"
    assert by_hand(points[0], points[2], measure="deviation").recommended().network == "b"


def test_tables_files_and_frames():
    found = by_hand(point("ecc_a & b", 0.8, 2.0), point("ecc", 0.4, 3.0, latency=8))
    table = sweep_table(found)
    assert table.header[:3] == ("network", "T", "latency")
    assert table.rows[0][-1] == "*" and table.rows[1][-1] == "" and table.footer[0] == "CNN"
    assert "latency" not in sweep_table(by_hand(point("ecc", 0.4, 3.0))).header
    assert "horowitz-45nm" in table.title and "horowitz-45nm" in str(found)
    lines = found.to_csv().splitlines()
    assert len(lines) == 3 and lines[0].startswith("network,timesteps,latency")
    assert lines[1].startswith("ecc_a & b,4,4,5,0.8,")
    latex = found.to_latex()
    assert r"ecc\_a \& b & 4 & 4 & 80.00 \%" in latex and latex.count(r"\\") == 4
    assert repr(found) == "<Sweep of net_a: 2 networks, 50 samples>"
    assert "<td" in found._repr_html_() and "ecc_a &amp; b" in found._repr_html_()


def test_the_plot_shows_the_region_near_the_cnn(tmp_path):
    points = (point("ecc", 0.88, 2.0), point("ecc", 0.4, 1.0, latency=2), point("graded", 0.9, 4.0))
    figure = by_hand(*points).plot(tmp_path / "sweep.svg")
    assert (tmp_path / "sweep.svg").stat().st_size > 1000
    over_time, over_energy = figure.axes
    assert over_time.get_ylim()[0] > 70 and "1 far below left out" in figure.get_suptitle()
    words = [text.get_text() for text in over_energy.texts]
    assert {"CNN", "ecc", "graded"} <= set(words) and "horowitz-45nm" in over_energy.get_xlabel()


def test_a_data_frame(result):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = result.to_dataframe()
    assert isinstance(frame, pandas.DataFrame) and list(frame.timesteps) == [2, 6, 2, 6]
