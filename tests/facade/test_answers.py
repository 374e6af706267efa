"""Answers to single samples: predictions, confusion, changed decisions, further measures."""

import keras
import numpy as np
import pytest

import spkeras
from spkeras.errors import OptionError
from spkeras.metrics.answers import Answers, changed, confusion, top
from tests.facade import tiny


@pytest.fixture(scope="module")
def net():
    return tiny.net()


@pytest.fixture(scope="module")
def data(net):
    return tiny.labelled(net, 60, wrong=5)


@pytest.fixture(scope="module")
def snn(net, data):
    return spkeras.convert(net, data[0], timesteps=2)


@pytest.fixture(scope="module", params=["dense", "events"])
def result(request, snn, data):
    return spkeras.evaluate(snn, *data, predictions=True, batch_size=16, engine=request.param)


def test_predictions_are_those_of_the_model_in_order(result, snn, net, data):
    x, y = data
    logits = snn.predict(x, verbose=0)
    np.testing.assert_array_equal(result.predictions, logits.argmax(1))
    (answers,) = result.answers
    np.testing.assert_allclose(answers.outputs, logits, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(answers.cnn_decisions, net.predict(x, verbose=0).argmax(1))
    np.testing.assert_array_equal(answers.targets, y)
    assert result.accuracy[-1] == (result.predictions == y).mean()


def test_confusion_counts_every_sample(result, data):
    matrix = result.confusion()
    assert matrix.sum() == 60 and matrix.trace() == round(60 * result.accuracy[-1])
    np.testing.assert_array_equal(matrix.sum(1), np.bincount(data[1], minlength=3))
    assert result.confusion(of_cnn=True).trace() == 48


def test_changed_samples_with_margins(result):
    found = result.changed()
    assert len(found) == round(60 * (1 - result.agreement[-1])) > 0
    for entry in found:
        cnn, snn = result.answers[0].cnn[entry.sample], result.answers[0].outputs[entry.sample]
        assert (entry.cnn, entry.snn) == (cnn.argmax(), snn.argmax())
        assert entry.cnn_margin == pytest.approx(cnn[entry.cnn] - cnn[entry.snn])
        assert entry.snn_margin == pytest.approx(snn[entry.snn] - snn[entry.cnn])
    margins = [entry.cnn_margin for entry in found]
    assert margins == sorted(margins, reverse=True)


def test_answers_are_kept_on_request_and_not_in_json(result, snn, data):
    assert "answers" not in result.to_dict()
    bare = spkeras.evaluate(snn, *data)
    assert bare.answers == ()
    for ask in (bare.confusion, bare.changed, bare.top, lambda: bare.predictions):
        with pytest.raises(OptionError, match="give predictions=True"):
            ask()


def test_without_labels_there_is_no_confusion(snn, data):
    kept = spkeras.evaluate(snn, data[0], predictions=True)
    assert len(kept.predictions) == 60
    with pytest.raises(OptionError, match="have no labels"):
        kept.confusion()


def by_hand(task="classification", **values):
    return Answers("out", task, **values)


OUTPUTS = np.array([[1, 5, 2], [3, 2, 1], [0, 0, np.nan]], np.float32)
CNN = np.array([[1, 4, 6], [3, 2, 1], [1, 2, 5]], np.float32)
KEPT = by_hand(
    outputs=OUTPUTS,
    cnn=CNN,
    decisions=np.array([1, 0, -1]),
    cnn_decisions=np.array([2, 0, 2]),
    targets=np.array([2, 0, 1]),
)


def test_figures_by_hand():
    assert confusion(KEPT).tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert confusion(KEPT, of_cnn=True).tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 1]]
    last, first = changed(KEPT)[1], changed(KEPT)[0]
    assert (first.sample, first.label, first.cnn, first.snn) == (0, 2, 2, 1)
    assert (first.cnn_margin, first.snn_margin) == (2.0, 3.0)
    # Without a decision there is no lead.
    assert (last.sample, last.snn, last.cnn_margin) == (2, -1, 0.0)
    assert top(KEPT, 2, of_cnn=True) == 1.0 and top(KEPT, 1, of_cnn=True) == pytest.approx(2 / 3)
    with pytest.raises(OptionError, match="more than 3 classes"):
        top(KEPT, 3)
    values = by_hand(
        "regression", outputs=OUTPUTS, cnn=CNN, decisions=None, cnn_decisions=None, targets=CNN
    )
    with pytest.raises(OptionError, match="is a regression"):
        changed(values)


def test_measures_beyond_accuracy(snn, net, data):
    x, y = data
    entropy = keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name="entropy")
    found = spkeras.evaluate(snn, x, y, metrics=["top2", "sparse_categorical_accuracy", entropy])
    assert found.answers == () and list(found.measures)[0] == "top2"
    exact = found.measures["sparse_categorical_accuracy"]
    assert exact["snn"] == pytest.approx(found.accuracy[-1])
    assert exact["cnn"] == pytest.approx(found.cnn_accuracy)
    probabilities = net.predict(x, verbose=0)[np.arange(60), y]
    assert found.measures["entropy"]["cnn"] == pytest.approx(-np.log(probabilities).mean(), 1e-4)
    assert found.measures["top2"]["snn"] >= found.accuracy[-1]
    assert found.to_dict()["measures"]["top2"] == dict(found.measures["top2"])
    with pytest.raises(OptionError, match="metrics: 'topmost'; allowed"):
        spkeras.evaluate(snn, x, y, metrics=["topmost"])
    with pytest.raises(OptionError, match="have no targets"):
        spkeras.evaluate(snn, x, metrics=["top2"])


def test_results_present_themselves(result, tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = result.to_dataframe()
    assert isinstance(frame, pandas.DataFrame) and list(frame.steps) == [1, 2]
    assert frame.accuracy.iloc[-1] == result.accuracy[-1]
    assert repr(result).startswith("<Evaluation of tiny_snn: 60 samples, accuracy ")
    assert "same decision as CNN" in str(result) and "<table>" in result._repr_html_()
    assert r"\toprule" in result.to_latex()
    result.plot(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size > 1000
