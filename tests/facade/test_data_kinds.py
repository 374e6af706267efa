"""Data as users hold them, in every call: the result is that of arrays."""

import keras
import numpy as np
import pytest

import spkeras
from spkeras.errors import DataError
from spkeras.facade.shards import EvaluationPlan
from spkeras.training.labelled import split
from tests import networks

STEPS, SIZE = 8, 10
CNN = networks.chain()
X = networks.samples(CNN, 43)
Y = np.arange(43) % 5


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 7

    def __getitem__(self, index):
        rows = slice(7 * index, 7 * index + 7)
        return X[rows], Y[rows]


def generator(size=7):
    for at in range(0, len(X), size):
        yield X[at : at + size], Y[at : at + size]


def dataset():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("tf.data needs TensorFlow")
    import tensorflow

    return tensorflow.data.Dataset.from_tensor_slices((X, Y))


STREAMS = {
    "PyDataset": Batches,
    "generator": generator,
    "tf.data": lambda: dataset().batch(9),
    "tf.data of samples": dataset,
}


@pytest.fixture(scope="module")
def snn():
    return spkeras.convert(CNN, X, timesteps=STEPS)


def same_weights(one, other):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def figures(result):
    """Everything of an evaluation but its duration and the CNN's name."""
    record = result.to_dict()
    record.pop("seconds")
    return record


@pytest.mark.parametrize("kind", STREAMS)
def test_evaluations_equal_those_of_arrays(snn, kind):
    options = {"insist": True, "batch_size": SIZE, "early_exit": 1.0}
    of_arrays = figures(spkeras.evaluate(snn, X, Y, **options))
    of_stream = figures(spkeras.evaluate(snn, STREAMS[kind](), **options))
    # Sums of squares are added up in the order of the batches, whose sizes differ.
    for record in (of_arrays, of_stream):
        for score in record["scores"]:
            score["deviation"] = np.round(np.array(score["deviation"], float), 9).tolist()
            score["cnn_spread"] = round(score["cnn_spread"], 9)
    np.testing.assert_equal(of_stream, of_arrays)


@pytest.mark.parametrize("engine", ["dense", "events"])
def test_evaluations_read_batch_by_batch(snn, engine):
    if engine == "events":
        pytest.importorskip("numba", reason="events need numba")
    read, done = [], []

    def batches():
        for at in range(0, 1200, 10):
            read.append(at)
            yield X[:10], Y[:10]

    def follow(finished, total):
        done.append((finished, len(read)))

    result = spkeras.evaluate(
        snn, batches(), insist=True, batch_size=SIZE, engine=engine, progress=follow
    )
    assert result.samples == 1200 and len(read) == 120
    # 500 samples are checked first; after that only one batch is read ahead.
    late = [(finished / STEPS, held) for finished, held in done if finished > 500 * STEPS]
    assert late and all(10 * held <= finished + 3 * SIZE for finished, held in late)


def test_faults_late_in_a_stream(snn):
    def batches(last):
        yield from ((X, Y) for _ in range(12))
        yield last

    for last, message in [
        ((100 * X, Y), "was calibrated on"),
        ((X, Y + 1), "received 1 to 5"),
        (X, "targets|labels"),
        ((X[:, 1:], Y), "received shape"),
        ((X, np.eye(5)[Y] / 2), "allowed: one kind"),
    ]:
        with pytest.raises(DataError, match=message):
            spkeras.evaluate(snn, batches(last), insist=True, batch_size=43)
    one_hot = spkeras.evaluate(snn, batches((X, np.eye(5)[Y])), insist=True, batch_size=43)
    assert one_hot.samples == 13 * 43


@pytest.mark.parametrize("shape", ["numbers", "column", "floats", "one-hot", "list"])
def test_forms_of_labels(snn, shape):
    forms = {
        "numbers": Y,
        "column": Y[:, None],
        "floats": Y.astype(float),
        "one-hot": np.eye(5)[Y],
        "list": Y.tolist(),
    }
    options = {"insist": True, "batch_size": SIZE}
    known = spkeras.evaluate(snn, X, Y, **options).accuracy
    np.testing.assert_array_equal(spkeras.evaluate(snn, X, forms[shape], **options).accuracy, known)
    np.testing.assert_array_equal(spkeras.evaluate(snn, (X, forms[shape])).accuracy, known)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (Y + 0.5, "received one number of float64 a sample"),
        (np.array(list("abcde") * 9)[:43], "received text.*np.unique"),
        (Y[:7], "7 for 43 samples"),
        (Y - 1, "received -1 to 3"),
        (np.where(Y == 1, np.nan, Y), "NaN or infinity"),
    ],
)
def test_labels_refused(snn, labels, message):
    for data in ((X, labels), ((X, labels), None)):
        with pytest.raises(DataError, match=message):
            spkeras.evaluate(snn, *data, insist=True)


@pytest.mark.parametrize("kind", STREAMS)
def test_conversions_equal_those_of_arrays(snn, kind):
    assert same_weights(spkeras.convert(CNN, STREAMS[kind](), timesteps=STEPS), snn)


@pytest.mark.parametrize(
    "options", [{"recipe": "auto"}, {"recipe": "ttfs"}, {"correction": "light"}]
)
def test_recipes_that_read_samples_again(options):
    x = np.abs(X) / 2
    own = {"timesteps": 4, **options}
    if options.get("recipe") == "ttfs":
        own["kernel"] = "exponential"
    of_arrays = spkeras.convert(CNN, x, **own)
    of_stream = spkeras.convert(CNN, (x[at : at + 7] for at in range(0, 43, 7)), **own)
    assert same_weights(of_stream, of_arrays)


def test_verification(snn):
    known = spkeras.verify(CNN, snn, X, batch_size=SIZE)
    found = spkeras.verify(CNN, snn, Batches(), batch_size=SIZE)
    assert found.samples == 43 and found.decisions == known.decisions
    for one, other in zip(found.neurons, known.neurons, strict=True):
        assert one.error == pytest.approx(other.error) and one.silent == other.silent


def test_thresholds_and_corrections(snn):
    known = spkeras.train_thresholds(snn, X[:40], batch_size=10)
    found = spkeras.train_thresholds(snn, (X[at : at + 8] for at in range(0, 40, 8)), batch_size=10)
    assert same_weights(found, known)
    assert same_weights(
        spkeras.correct(snn, Batches(), "both", batch_size=43),
        spkeras.correct(snn, (X, Y), "both", batch_size=43),
    )


def test_training():
    twins = [spkeras.prepare(CNN, data, "qcfs", timesteps=4) for data in (X, generator())]
    assert same_weights(*twins)
    options = {"quantize": 1, "batch_size": 20, "insist": True}
    trained = [
        spkeras.finetune(twin, data, **options)[0]
        for twin, data in zip(twins, ((X, Y), generator()), strict=True)
    ]
    assert same_weights(*trained)
    with pytest.raises(DataError, match="without labels .ndarray.; allowed for training: .x, y."):
        spkeras.finetune(twins[0], X, **options)
    with pytest.raises(DataError, match="received 1 to 5, the network has 5 classes"):
        spkeras.finetune(twins[0], (X, Y + 1), **options)


def test_weights_of_samples_in_training():
    """Samples of weight 0 have no influence."""
    weights = (Y < 2).astype(float)
    options = {"quantize": 1, "batch_size": 43, "insist": True, "rate": 1e-2}
    wrong = np.where(Y < 2, Y, (Y + 1) % 5)
    trained = []
    for labels, own in ((Y, (weights,)), (wrong, (weights,)), (wrong, ())):
        twin = spkeras.prepare(CNN, X, "qcfs", timesteps=4)
        trained.append(spkeras.finetune(twin, (X, labels, *own), **options)[0])
    assert same_weights(*trained[:2]) and not same_weights(*trained[1:])


def test_plans_know_their_last_batch(snn):
    plan = EvaluationPlan(snn.name, snn.layers[-1], generator(), batch_size=20)
    numbers = [plan.batches for _ in plan.shards()]
    assert numbers == [None, None, 3]


def test_a_sequential_model_is_trained_without_a_twin():
    batch, held = split(CNN, (X, Y), 3)
    assert isinstance(CNN, keras.Sequential) and len(batch) == 40 and len(held[1]) == 3
    with pytest.raises(DataError, match="targets of dense: 7 for 43 samples"):
        split(CNN, (X, Y[:7]))
