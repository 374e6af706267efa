"""Progress of calls from Python: a bar in a terminal, nothing in a file."""

import io
import logging
import sys

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.errors import OptionError
from spkeras.ops import bar
from tests import networks


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(scope="module")
def case():
    cnn = keras.Sequential([keras.Input((4,)), layers.Dense(6, "relu"), layers.Dense(5)])
    x = networks.samples(networks.dyadic(cnn), 20)
    return cnn, x, np.arange(20) % 5


def calls(cnn, x, y, **options):
    """Every call that takes a while."""
    snn = spkeras.convert(cnn, x, timesteps=4, correction="light", batch_size=5, **options)
    spkeras.evaluate(snn, x, y, insist=True, batch_size=5, **options)
    spkeras.verify(cnn, snn, x, batch_size=5, **options)
    spkeras.train_thresholds(snn, x, batch_size=5, **options)
    spkeras.correct(snn, x, "light", **options)
    twin = spkeras.prepare(cnn, x, "qcfs", timesteps=4, **options)
    spkeras.finetune(twin, (x, y), quantize=1, insist=True, **options)


@pytest.mark.parametrize(
    ("stream", "verbose", "shown"),
    [
        (io.StringIO, "auto", False),
        (Terminal, "auto", True),
        (Terminal, 0, False),
        (io.StringIO, 1, True),
    ],
)
def test_where_a_bar_is_shown(monkeypatch, stream, verbose, shown):
    out = stream()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(bar, "_SECONDS", 0.0)
    with bar.reported(None, verbose, "sample") as report:
        report(3, 20)
        report(20, 20)
    text = out.getvalue()
    assert ("20/20" in text) == shown and bool(text) == shown


def test_every_call_shows_one(case, monkeypatch):
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(bar, "_SECONDS", 0.0)
    calls(*case)
    text = out.getvalue()
    # convert, verify, thresholds, ranges of the twin: the samples; steps of samples; epochs.
    assert text.count("20/20") >= 4 and "80/80" in text and "Epoch 1/" in text


def test_sweeps_and_searches_show_one_bar(case, monkeypatch):
    pytest.importorskip("optuna")
    out, (cnn, x, y) = Terminal(), case
    monkeypatch.setattr(sys, "stdout", out)
    spkeras.sweep(cnn, (x, y), ["ecc"], timesteps=[2], insist=True, verbose=1)
    text = out.getvalue()
    # A quarter of 20 samples calibrates; no bar of a conversion or an evaluation.
    assert "30/30" in text and "20/20" not in text
    spkeras.tune(cnn, (x, y), trials=1, max_drop=100, insist=True, verbose=1)
    assert "1/1" in out.getvalue().removeprefix(text)


def test_a_callback_instead_of_a_bar(case, monkeypatch, capsys):
    done, (cnn, x, y) = [], case
    options = {"verbose": 1, "progress": lambda *args: done.append(args)}
    snn = spkeras.convert(cnn, x, timesteps=4, **options)
    spkeras.evaluate(snn, x, y, insist=True, **options)
    assert capsys.readouterr().out == "" and (20, 20) in done and (80, 80) in done


def test_a_bar_is_ended_by_an_error(monkeypatch):
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    with pytest.raises(RuntimeError), bar.reported(None, 1, "sample") as report:
        report(3, 0)
        raise RuntimeError
    assert "3" in out.getvalue() and out.getvalue().endswith("\n")


def test_short_work_shows_nothing(monkeypatch):
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    with bar.reported(None, "auto", "sample") as report:
        report(10, 10)
    assert not out.getvalue()


def test_other_values_are_refused(case):
    cnn, x, _ = case
    with pytest.raises(OptionError, match="verbose=2; allowed: .'auto', 0, 1."):
        spkeras.convert(cnn, x, verbose=2)


def test_notes_and_warnings_are_logged(case, caplog):
    cnn, x, y = case
    with caplog.at_level(logging.INFO, logger="spkeras"):
        snn = spkeras.convert(cnn, x, timesteps=4, correction="light")
        spkeras.evaluate(snn, x / 100, y, insist=True)
    found = {record.levelname: record.getMessage() for record in caplog.records}
    assert "light correction on 20 samples" in found["INFO"]
    assert "of the range of calibration" in found["WARNING"]
