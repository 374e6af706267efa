"""Written files in other simulators, as far as they are installed: equal counts on dyadic weights."""

import importlib.util
import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

import spkeras
from spkeras.cli import main
from spkeras.errors import OptionError
from spkeras.exchange.simulators import SIMULATORS
from tests.exchange.nets import images, mixed, pair, spiking, vector

pytest.importorskip("nir")
# Installed by .ci/run, where a simulator that is missing fails.
IN_CI = ("sinabs", "snntorch")


def require(name):
    if importlib.util.find_spec(name) is None or importlib.util.find_spec("torch") is None:
        refuse = (
            pytest.fail if os.environ.get("REQUIRE_BACKENDS") and name in IN_CI else pytest.skip
        )
        refuse(f"{name} is not installed")


@pytest.mark.slow
@pytest.mark.parametrize("name", SIMULATORS)
def test_a_simulator_sends_the_same_spikes(tmp_path, name):
    require(name)
    # SpikingJelly has one threshold a layer and no groups.
    cnn = vector() if name == "spikingjelly" else mixed()
    found = spkeras.export(
        spiking(cnn), tmp_path / "net.nir", pools="conv", data=images(cnn), check=[name]
    )
    (comparison,) = found.comparisons
    assert comparison.refused == "" and comparison.spikes > 0
    assert comparison.equal and comparison.decisions == 1 and comparison.samples == 4


@pytest.mark.slow
def test_several_inputs_in_a_simulator(tmp_path):
    require("snntorch")
    snn, path = spiking(pair()), tmp_path / "net.nir"
    for data in (None, images(pair())):
        found = spkeras.export(snn, path, pools="conv", data=data, check=["snntorch"])
        (comparison,) = found.comparisons
        assert comparison.equal and comparison.spikes > 0 and comparison.decisions == 1
    # The map's new channel serves the vector's layer, too.
    assert found.pulsed == ("image",) and found.to_dict()["channel"] is True


@pytest.mark.slow
def test_pools_that_a_simulator_drops_are_named(tmp_path):
    require("sinabs")
    cnn = mixed()
    found = spkeras.export(
        spiking(cnn), tmp_path / "net.nir", pools="average", data=images(cnn), check=["sinabs"]
    )
    assert "sinabs has no AvgPool2d and would leave it out" in found.comparisons[0].refused
    assert not found.comparisons[0].equal


def test_a_simulator_that_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(OptionError, match="simulator 'norse' needs torch; run `pip install torch`"):
        spkeras.export(spiking(vector()), tmp_path / "net.nir", check=["norse"])
    assert not list(tmp_path.iterdir())


def test_the_command_prints_what_was_written_and_left_out(tmp_path):
    cnn = vector()
    x = images(cnn, 40)
    np.savez(tmp_path / "data.npz", x=x, y=cnn.predict(x, verbose=0).argmax(axis=1))
    spkeras.convert(cnn, x, timesteps=12, stagger=2, insist=True, verbose=0).save(
        tmp_path / "snn.keras"
    )
    words = ["export", str(tmp_path / "snn.keras"), "-o", str(tmp_path / "net.nir")]
    refused = CliRunner().invoke(main, words)
    assert refused.exit_code == 1 and "stagger=2" in refused.stderr
    more = ["--allow-loss", "--data", str(tmp_path / "data.npz")]
    done = CliRunner().invoke(main, [*words, *more])
    assert done.exit_code == 0, done.stderr
    assert "left out: stagger=2" in done.stderr and "% without it" in done.stderr
    assert "one more channel" in done.stderr and "2 layers of 28 neurons" in done.stdout
    record = json.loads(CliRunner().invoke(main, [*words, *more, "--force", "--json"]).stdout)
    assert record["neurons"] == 28 and record["comparisons"] == []


def test_a_difference_is_stated(monkeypatch, tmp_path):
    """One spike more from another simulator."""
    counts = {}

    def elsewhere(name, path, given):
        from spkeras.facade.exporting import exchange_in
        from tests.stepping import every_step

        snn = spkeras.from_nir(path)
        x = np.moveaxis(given[0][:, 0, :-1], 1, -1)
        for part in exchange_in(path).of("neurons"):
            counts[f"node:{part.name}"] = every_step(snn, x)[part.name].sum(axis=0)
        first = next(iter(counts))
        counts[first][0, 0] += 1
        return {**counts, "output": np.zeros((len(x), 3))}

    monkeypatch.setattr("spkeras.exchange.check._elsewhere", elsewhere)
    monkeypatch.setattr("spkeras.facade.exporting.simulator", lambda name: SimpleNamespace())
    snn = spiking(vector())
    snn.save(tmp_path / "snn.keras")
    words = ["export", str(tmp_path / "snn.keras"), "-o", str(tmp_path / "net.nir")]
    done = CliRunner().invoke(main, [*words, "--check", "sinabs"])
    assert "sinabs: 4 samples" in done.stdout and "1 of 112 counts differ" in done.stdout
