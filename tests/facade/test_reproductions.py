"""`spkeras reproduce`: each row is a conversion and an evaluation on other samples."""

import json

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.errors import OptionError
from spkeras.facade.reproductions import reproduce
from spkeras.recipes.claims import CLAIMS, claims_of
from spkeras.report.reproduction import reproduction_page
from tests.cli.conftest import run  # noqa: F401


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny CNN under the name of a stored one, and images that it mostly decides."""
    path = tmp_path_factory.mktemp("reproduce")
    keras.utils.set_random_seed(3)
    cnn = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(4, 5, strides=4, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    cnn.save(path / "cifar10_vgg16.keras")
    pixels = np.random.default_rng(2).integers(0, 256, (90, 32, 32, 3), dtype=np.uint8)
    labels = cnn.predict(pixels / 255.0, verbose=0).argmax(-1)
    labels[::9] = (labels[::9] + 1) % 10
    np.savez(
        path / "cifar10.npz",
        x_train=pixels[:40],
        y_train=labels[:40, None],
        x_test=pixels[40:],
        y_test=labels[40:, None],
    )
    return path


def by_hand(folder, claim):
    net = spkeras.load_model(folder / "cifar10_vgg16.keras")
    with np.load(folder / "cifar10.npz") as file:
        train, test, y = file["x_train"], file["x_test"], file["y_test"].reshape(-1)
    options = {"published": True} if claim.as_published else {}
    snn = spkeras.convert(
        net, train.astype("float32") / 255, "ecc", timesteps=claim.timesteps, **options
    )
    return spkeras.evaluate(snn, test.astype("float32") / 255, y, insist=True)


def test_rows_are_conversions_of_the_stored_networks(run, folder, tmp_path):  # noqa: F811
    page = tmp_path / "ecc.md"
    given = ("reproduce", "ecc", "--models", folder, "--data", folder)
    result = run(*given, "--markdown", page, "--json")
    assert result.exit_code == 0, result.stderr
    rows = json.loads(result.stdout)["rows"]
    assert [(r["timesteps"], r["as_published"]) for r in rows] == [
        (256, True),
        (256, False),
        (64, True),
        (64, False),
    ]
    for claim, row in zip(claims_of("ecc"), rows, strict=True):
        known = by_hand(folder, claim)
        assert row["samples"] == 50
        assert row["accuracy"] == pytest.approx(100 * known.accuracy[-1])
        assert row["cnn"] == row["trained"] == pytest.approx(100 * known.cnn_accuracy)
        assert row["loss"] == pytest.approx(row["cnn"] - row["accuracy"], abs=1e-9)
        assert row["low"] < row["accuracy"] < row["high"] and row["difference"] is None
    text = page.read_text()
    assert text.count("\n| `cifar10_vgg16` |") == 4 and f"| {rows[1]['accuracy']:.2f} |" in text
    assert "near zero loss at T = 256" in text and "as published" in text
    again = run(*given, "--markdown", page)
    assert again.exit_code in (1, 2) and "--force" in again.stderr
    assert run(*given, "--markdown", tmp_path / "a.txt").exit_code in (1, 2)
    plain = run(*given, "--seed", 1, "--calibration", 30)
    assert plain.exit_code == 0 and "cifar10_vgg16" in plain.stdout


def test_networks_that_are_not_there_are_listed(folder):
    def read(name, part):
        raise AssertionError("no data are needed")

    (folder / "cifar10_vgg_star.keras").write_bytes(b"")
    with pytest.raises(OptionError, match="has none of .*cifar10_vgg_star_t64.keras"):
        next(reproduce("cq+", folder, read))
    (folder / "cifar10_vgg_star_t600.keras").write_bytes(b"")
    (folder / "cifar10_vgg_star.keras").unlink()
    rows = list(reproduce("cq+", folder, read))
    assert len(rows) == len(claims_of("cq+")) and all(row.accuracy is None for row in rows)
    (folder / "cifar10_vgg_star_t600.keras").unlink()
    assert "python models/finetune.py cifar10_vgg_star_t600 --data cifar10.npz" in (
        reproduction_page(rows)
    )
    with pytest.raises(
        OptionError, match="paper='cq'; allowed: 'ecc', 'cq.', 'low_latency', 'cat'"
    ):
        reproduce("cq", folder, read)


def test_differences_to_what_is_published():
    claim = next(claim for claim in CLAIMS if claim.published == 93.71)
    row = spkeras.metrics.reproduction.Reproduced(
        claim=claim, samples=100, cnn=94.0, trained=93.0, accuracy=92.71
    )
    assert row.difference == pytest.approx(-1) and row.loss == pytest.approx(1.29)
    assert "| 93.71 | 94.00 | 93.00 | 92.71 |  | 1.29 | -1.00 |" in reproduction_page([row])
