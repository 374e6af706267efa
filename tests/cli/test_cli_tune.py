"""`spkeras tune`: writes the network that it found, and says what confirms it."""

import json

import keras
import numpy as np
import pytest

pytest.importorskip("optuna", reason="Optuna is not installed")


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_it_writes_what_it_found(run, cnn, data, tmp_path):
    model = keras.models.load_model(cnn)
    arrays = np.load(data)
    x = np.concatenate([arrays["x_test"]] * 4) + np.arange(80)[:, None, None] / 1e4
    y = model.predict(x[..., None], verbose=0).argmax(1)
    np.savez(tmp_path / "d.npz", x_train=x[:60], y_train=y[:60], x_test=x[60:], y_test=y[60:])
    args = ("tune", cnn, "--data", "d.npz", "--max-drop", "30", "--trials", "4", "--insist")
    done = run(*args, "-o", "t.keras")
    assert done.exit_code == 0, done.output
    assert "On samples that took no part: accuracy" in done.stdout
    assert "The default of convert (ecc, T = 64) takes" in done.stdout
    last = done.stdout.splitlines()[-1]
    assert last.startswith("next: spkeras evaluate t.keras --data d.npz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.npz", "t.keras"]
    found = json.loads(run(*args, "-o", "j.keras", "--json", "--max-energy", "50mJ").stdout)
    assert found["bounds"]["max_energy"] == 50_000 and found["output"] == "j.keras"
    scored = json.loads(run("evaluate", "j.keras", "--data", "d.npz", "--json", "--insist").stdout)
    assert scored["energy"]["snn"]["total"] == pytest.approx(found["confirmed"]["energy"])


def test_refusals_come_before_the_work(run, cnn, data, tmp_path):
    for args, code, message in (
        (("--max-energy", "5 apples"), 2, "is not an energy such as 5uJ"),
        (("--max-energy", "-1uJ"), 2, "is not an energy"),
        (("--spikes", "square"), 2, "allowed: binary, signed, graded"),
        (("-o", "a.txt"), 2, "allowed: .keras"),
    ):
        done = run("tune", cnn, "--data", data, *args)
        assert done.exit_code == code and message in done.stderr, done.output
    assert not list(tmp_path.iterdir())
