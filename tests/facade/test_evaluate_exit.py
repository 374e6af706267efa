"""Early exit of whole networks: the same under both engines, and as good as it says."""

import json

import numpy as np
import pytest

import spkeras
from spkeras.errors import OptionError
from spkeras.metrics import EarlyExit
from spkeras.metrics.early_exit import lead
from spkeras.simulation import Simulator
from spkeras.snn.model import build, loop_of
from tests import networks
from tests.runs import run

pytest.importorskip("numba", reason="samples stop in earnest under the events engine, in numba")
STEPS, SAMPLES = 24, 23


@pytest.fixture(scope="module")
def case():
    """(network with exact sums, samples, labels, logits after each step (T, samples, 5))."""
    cnn = networks.chain()
    snn = build(networks.spiking(cnn), timesteps=STEPS, stagger=2)
    x = networks.samples(cnn, SAMPLES)
    logits: list[np.ndarray] = []
    simulation = Simulator(loop_of(snn), "dense")
    run(simulation, [x], SAMPLES, lambda rows, index, outputs: logits.append(outputs[0]))
    y = np.random.default_rng(4).integers(0, 5, SAMPLES)
    return snn, x, y, np.array(logits)


def exits(logits, start, margin, patience):
    """Step at which each sample stops, one sample and step after the other."""
    last = []
    for course in logits.swapaxes(0, 1):
        row, before, found = 0, None, STEPS
        for step, values in enumerate(course, 1):
            decision = values.argmax()
            ahead = lead(values[None], step - start)[0] >= margin
            row = (row + 1 if decision == before else 1) if ahead else 0
            before = decision
            if row >= patience:
                found = step
                break
        last.append(found)
    return np.array(last)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["dense", "events"])
@pytest.mark.parametrize(("margin", "patience"), [(2, 1), (5, 3)])
def test_the_table_tells_what_would_happen(case, engine, margin, patience):
    snn, x, y, logits = case
    found = spkeras.evaluate(
        snn, x, y, engine=engine, batch_size=10, early_exit=EarlyExit(margin, patience)
    )
    plain = spkeras.evaluate(snn, x, y, engine=engine, batch_size=10)
    np.testing.assert_array_equal(found.accuracy, plain.accuracy)
    step = exits(logits, 4, margin, patience)
    decision = logits[step - 1, range(SAMPLES)].argmax(1)
    row = found.early_exit.chosen
    assert 4 < step.min() < step.max() and row.steps == step.mean()
    assert row.accuracy == (decision == y).mean() and row.accuracy + row.cost == plain.accuracy[-1]
    assert row.changed == pytest.approx((decision != logits[-1].argmax(1)).mean())
    assert found.early_exit.within == pytest.approx(
        [(step <= t).mean() for t in range(1, STEPS)] + [1]
    )
    assert 0 < row.saved < 1
    assert row.spikes == pytest.approx((1 - row.saved) * plain.activity.spikes)


def test_engines_agree_on_every_row(case):
    snn, x, y, _ = case
    dense, events = (
        spkeras.evaluate(snn, x, y, engine=engine, early_exit=3).early_exit.rows
        for engine in ("dense", "events")
    )
    assert dense == events and len(dense) == 7


def test_samples_that_stop_in_earnest(case):
    snn, x, y, logits = case
    policy = EarlyExit(2, 2, stop=True)
    told = spkeras.evaluate(snn, x, y, early_exit=EarlyExit(2, 2), batch_size=10)
    found = spkeras.evaluate(snn, x, y, early_exit=policy, batch_size=10)
    row, wanted = found.early_exit.chosen, told.early_exit.chosen
    assert (row.steps, row.accuracy, row.exits) == (wanted.steps, wanted.accuracy, wanted.exits)
    assert (row.cost, row.changed, row.saved) == (None, None, None)
    # Whatever is counted is what was sent until the exit, by sample, by layer and by neuron.
    assert row.spikes == pytest.approx(wanted.spikes)
    assert row.spikes == pytest.approx(found.activity.spikes) and row.spikes < told.activity.spikes
    assert sum(steps[-1] for steps in found.layer_spikes.values()) == pytest.approx(row.spikes)
    # Those who have gone keep their answer.
    step = exits(logits, 4, 2, 2)
    at = np.minimum(np.arange(STEPS)[:, None], step - 1)
    answers = logits[at, np.arange(SAMPLES)].argmax(-1)
    assert np.isnan(found.accuracy[:4]).all()
    assert found.accuracy[4:].tolist() == (answers == y).mean(1)[4:].tolist()


def test_a_run_whose_samples_all_stop(case):
    snn, x, y, _ = case
    found = spkeras.evaluate(snn, x, y, early_exit=EarlyExit(1e-9, 1, stop=True))
    assert found.early_exit.chosen.steps < 8 and len(found.accuracy) == STEPS
    assert len(set(found.accuracy[8:])) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"early_exit": 0}, "margin=0; allowed: numbers above 0"),
        ({"early_exit": 1, "schedule": "layer_synchronous"}, "allowed: 'clock_driven'"),
        ({"early_exit": EarlyExit(1, stop=True), "engine": "dense"}, "allowed: events"),
        ({"batch_size": 0}, "batch_size=0; allowed: whole numbers from 1"),
    ],
)
def test_refused(case, options, words):
    snn, x, y, _ = case
    with pytest.raises(OptionError, match=words):
        spkeras.evaluate(snn, x, y, **options)
    assert (snn.layers[-1].schedule, snn.layers[-1].timesteps) == ("clock_driven", STEPS)


def test_command_line(case, tmp_path):
    from click.testing import CliRunner

    from spkeras.cli import main

    snn, x, y, _ = case
    snn.save(tmp_path / "snn.keras")
    np.savez(tmp_path / "d.npz", x=x, y=y)
    words = ["evaluate", str(tmp_path / "snn.keras"), "--data", str(tmp_path / "d.npz")]
    expected = spkeras.evaluate(snn, x, y, early_exit=EarlyExit(3, 4))
    wanted = expected.to_dict()["early_exit"]
    done = CliRunner().invoke(main, [*words, "--early-exit", "3", "--patience", "4", "--json"])
    assert json.loads(done.stdout)["early_exit"] == wanted
    shown = CliRunner().invoke(main, [*words, "--early-exit", "3", "--stop"])
    assert shown.exit_code == 0 and "samples stopped" in shown.stdout and "margin" in shown.stdout
    alone = CliRunner().invoke(main, [*words, "--stop"])
    assert alone.exit_code == 1 and "--early-exit MARGIN" in alone.stderr
