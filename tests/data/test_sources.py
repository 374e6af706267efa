"""Data as users hold them: what is found in it, how it is cut, what is refused."""

import numpy as np
import pytest

from spkeras.data import Data, open_data
from spkeras.data.layout import Layout
from spkeras.errors import DataError

RNG = np.random.default_rng(0)
X = RNG.random((23, 4, 3, 2)).astype("float32")
V = RNG.random((23, 5)).astype("float32")
Y, Z = np.arange(23) % 4, np.arange(23) % 2
W = np.linspace(0, 1, 23)
ONE = Layout({"image": (4, 3, 2)}, ("out",), ("float32",))
TWO = Layout({"image": (4, 3, 2), "vector": (5,)}, ("near", "far"), ("float32",) * 2)
TIME = Layout({"image": (4, 3, 2)}, ("out",), ("float32",), frames=True)


class Map:
    """Single samples by index, as a torch Dataset: only its length ends it."""

    def __init__(self, *arrays):
        self.arrays = arrays

    def __len__(self):
        return len(self.arrays[0])

    def __getitem__(self, index):
        own = tuple(array[index % len(array)] for array in self.arrays)
        return own if len(own) > 1 else own[0]


class Tensor:
    """As a tensor of torch with a gradient, on another device."""

    def __init__(self, value, ready=False):
        self.value, self.shape, self.ready = value, value.shape, ready

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("detach it first")

    def detach(self):
        return self

    def cpu(self):
        return Tensor(self.value, True)

    def numpy(self):
        assert self.ready
        return self.value


class Table:
    """As a table or a series of pandas."""

    def __init__(self, values):
        self.values, self.shape = values, values.shape

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("a series of a nullable type has an array of objects")

    def to_numpy(self):
        return self.values


class Loader:
    """Lists of tensors in batches, as a torch DataLoader: it can be read again."""

    def __init__(self, *arrays, size=5):
        self.arrays, self.size, self.yielded = arrays, size, 0

    def __len__(self):
        return -(-len(self.arrays[0]) // self.size)

    def __iter__(self):
        for at in range(0, len(self.arrays[0]), self.size):
            self.yielded += 1
            yield [Tensor(array[at : at + self.size]) for array in self.arrays]


def chunks(*arrays, size=6):
    """A generator of tuples of batches."""
    for at in range(0, len(arrays[0]), size):
        yield tuple(array[at : at + size] for array in arrays)


def read(layout, data, y=None, size=7):
    """Samples, labels and weights of all batches, each as one list of arrays."""
    found = list(open_data(layout, data, y).batches(size))
    assert all(len(batch) <= size for batch in found)
    x = [np.concatenate(parts) for parts in zip(*(batch.x for batch in found), strict=True)]
    y = [batch.y for batch in found]
    labels = None if y[0] is None else [np.concatenate(parts) for parts in zip(*y, strict=True)]
    weights = [batch.weights for batch in found]
    return x, labels, None if weights[0] is None else np.concatenate(weights)


KINDS = {
    "array": (lambda: X, None, None),
    "nested lists": (lambda: X.tolist(), None, None),
    "list of samples": (lambda: list(X), None, None),
    "list of one array": (lambda: [X], None, None),
    "tuple of one array": (lambda: (X,), None, None),
    "pair": (lambda: (X, Y), Y, None),
    "pair in a list": (lambda: [X, Y], Y, None),
    "pair of lists": (lambda: (list(X), list(Y)), Y, None),
    "with weights": (lambda: (X, Y, W), Y, W),
    "mapping": (lambda: {"image": X}, None, None),
    "mappings": (lambda: ({"image": X}, {"out": Y}), Y, None),
    "tensor and series": (lambda: (Tensor(X), Table(Y)), Y, None),
    "record": (lambda: Data((X,), Y, "own"), Y, None),
    "samples by index": (lambda: Map(X, Y), Y, None),
    "inputs by index": (lambda: Map(X), None, None),
    "loader": (lambda: Loader(X, Y), Y, None),
    "loader with weights": (lambda: Loader(X, Y, W), Y, W),
    "generator": (lambda: chunks(X, Y, W), Y, W),
    "generator of inputs": (lambda: (batch for (batch,) in chunks(X)), None, None),
    "pairs": (lambda: zip(X, Y, strict=True), Y, None),
    "samples": (lambda: iter(X), None, None),
    "generator of mappings": (lambda: ({"image": a} for (a,) in chunks(X)), None, None),
}


@pytest.mark.parametrize("kind", KINDS)
def test_one_input(kind):
    make, labels, weights = KINDS[kind]
    x, y, w = read(ONE, make())
    np.testing.assert_array_equal(x, [X])
    assert (y is None) == (labels is None) and (w is None) == (weights is None)
    if labels is not None:
        np.testing.assert_array_equal(y, [labels])
    if weights is not None:
        np.testing.assert_array_equal(w, weights)


@pytest.mark.parametrize(
    ("data", "labelled"),
    [
        ([X, V], False),
        ((X, V), False),
        ({"vector": V, "image": X}, False),
        (((X, V), (Y, Z)), True),
        (({"vector": V, "image": X}, {"far": Z, "near": Y}), True),
        ([[X, V], [Y, Z]], True),
        ((((a, b), (c, d)) for a, b, c, d in chunks(X, V, Y, Z)), True),
        ((((a, b), (c, d)) for a, b, c, d in zip(X, V, Y, Z, strict=True)), True),
        (({"image": a, "vector": b} for a, b in zip(X, V, strict=True)), False),
    ],
)
def test_two_inputs_and_outputs(data, labelled):
    (x, v), y, _ = read(TWO, data)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(v, V)
    assert (y is not None) == labelled
    if labelled:
        np.testing.assert_array_equal(y, [Y, Z])


def test_labels_of_one_of_two_outputs():
    (found,) = open_data(TWO, ({"image": X, "vector": V}, {"far": Z})).batches(50)
    assert found.y[0] is None
    np.testing.assert_array_equal(found.y[1], Z)


def test_samples_of_few_lists_are_no_labels():
    """Two samples in a list are two samples; two arrays of the samples' shape are (x, y)."""
    assert read(ONE, [X[0], X[1]])[0][0].shape == (2, 4, 3, 2)
    assert read(ONE, (X[0], X[1], X[2]))[0][0].shape == (3, 4, 3, 2)
    same = read(ONE, (X, X))
    np.testing.assert_array_equal(same[1], [X])
    pairs = read(ONE, zip(X, X, strict=True))
    np.testing.assert_array_equal(pairs[1], [X])
    np.testing.assert_array_equal(read(ONE, Loader(X, X))[1], [X])
    with pytest.raises(DataError, match=r"received shape \(2, 23, 4, 3, 2\)"):
        open_data(ONE, [X, X])


def test_a_stream_is_read_batch_by_batch():
    loader = Loader(X, Y)
    source = open_data(ONE, loader)
    assert loader.yielded == 0
    batches = source.batches(4)
    assert len(next(batches)) == 4 and loader.yielded == 1
    assert len(next(batches)) == 4 and loader.yielded == 2
    assert source.expected == 25 and source.samples is None
    loader.yielded = 0
    assert len(source.head(7)) == 10 and loader.yielded == 2
    assert sum(map(len, source.batches(4))) == 23


def test_what_was_looked_at_is_not_lost():
    source = open_data(ONE, chunks(X, Y))
    for _ in range(2):
        np.testing.assert_array_equal(source.head(8).x[0], X[:12])
    np.testing.assert_array_equal(np.concatenate([b.x[0] for b in source.batches(9)]), X)
    with pytest.raises(DataError, match="generator yields no sample, or was read before"):
        next(source.batches(9))


def test_a_stream_that_is_read_once_is_kept_where_it_is_read_again():
    source = open_data(ONE, chunks(X, Y))
    source.head(1)
    kept = source.again()
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate([b.x[0] for b in kept.batches(9)]), X)
    loader = open_data(ONE, Loader(X))
    assert loader.again() is loader


def test_samples_drawn_from_a_stream():
    """Each sample at most once, with its label, from all parts of the stream."""
    many = np.arange(3000.0).reshape(3000, 1)
    layout = Layout({"in": (1,)}, ("out",), ("float32",))
    drawn = open_data(layout, chunks(many, many[:, 0])).some(600)
    values = drawn.x[0][:, 0]
    np.testing.assert_array_equal(values, drawn.y[0])
    assert len(np.unique(values)) == 600 and (np.diff(values) > 0).all()
    assert abs(np.histogram(values, 3, (0, 3000))[0] - 200).max() < 50
    assert len(open_data(layout, chunks(many[:5])).some(9)) == 5


def test_frames_in_time():
    frames = RNG.random((6, 5, 4, 3, 2)).astype("float32")
    assert read(TIME, frames)[0][0].shape == (6, 5, 4, 3, 2)
    pairs = read(TIME, zip(frames, range(6), strict=True))
    np.testing.assert_array_equal(pairs[0][0], frames)
    assert read(TIME, (X, Y))[0][0].shape == X.shape
    batches = read(TIME, chunks(X, Y))
    assert batches[0][0].shape == X.shape
    assert read(TIME, (batch for (batch,) in chunks(X)))[0][0].shape == X.shape
    with pytest.raises(DataError, match=r"evaluate: give their mean, x.mean\(axis=1\)"):
        open_data(ONE, frames)
    with pytest.raises(DataError, match="one shape in all batches"):
        read(TIME, iter([(frames[0], 1), (frames[1, :3], 2)]))


class Endless(Map):
    num_batches = None


class Unknown(Map):
    @property
    def num_batches(self):
        raise NotImplementedError("as a PyDataset without __len__")


class Iterable(Loader):
    def __len__(self):
        raise TypeError("as a DataLoader of an IterableDataset")


def test_streams_that_do_not_know_their_length():
    np.testing.assert_array_equal(read(ONE, Iterable(X, Y))[0], [X])
    assert open_data(ONE, Iterable(X, Y)).expected == 0


REFUSED = {
    "None": (None, "received None; allowed: an array"),
    "number": (7, "received int; allowed"),
    "function": (chunks, "received function; call it"),
    "no sample": (X[:0], "at least 1"),
    "empty list": ([], "allowed: .samples, 4, 3, 2"),
    "empty generator": (iter(()), "tuple_iterator yields no sample"),
    "other shape": (X[:, :2], r"received shape \(23, 2, 3, 2\), allowed: \(samples, 4, 3, 2\)"),
    "channels first": (X.transpose(0, 3, 1, 2), r"x.transpose\(0, 2, 3, 1\)"),
    "one sample": (X[0], r"x\[None\]"),
    "shapes differ": ([X[0], X[1, :2]], "samples of one shape; stack"),
    "other names": ({"img": X}, r"\['img'\]; allowed: the names of each input, \['image'\]"),
    "text": (np.array(["a", "b"]), "received text"),
    "text in a table": (Table(np.array(["a", 1.0], dtype=object)), "received text"),
    "complex": (X.astype(complex), "complex128; allowed: numbers"),
    "NaN": (np.where(X > 0.5, np.nan, X), "NaN or infinity"),
    "numbers": (iter([1, 2]), "received one value"),
    "other shape later": (iter([X[:2], X[:2, :2]]), "received shape"),
    "nothing later": (iter([X[:2], None]), "received None"),
    "labels of text": ((X, np.array(["cat"] * 23)), "targets of out: received text.*np.unique"),
    "few labels": ((X, Y[:5]), "targets of out: 5 for 23 samples"),
    "labels later": (iter([X[:2], (X[:2], Y[:2])]), "labels in some batches"),
    "few weights": ((X, Y, W[:2]), "2 numbers for 23 samples"),
    "weights below 0": ((X, Y, -W), "from 0"),
    "no end": (Endless(X), "has no end; give it a length"),
    "no length": (Unknown(X), "has no end; give it a length"),
    "no file": ("nothing.npz", "no such file"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused(kind):
    data, message = REFUSED[kind]
    with pytest.raises(DataError, match=message):
        # Smaller than the streams' own batches, larger than all of them.
        list(open_data(ONE, data).batches(1000))


def test_labels_twice():
    with pytest.raises(DataError, match="labels in the data .tuple. and as y"):
        open_data(ONE, (X, Y), Y)
    with pytest.raises(DataError, match="Loader and y; allowed: a stream that yields"):
        open_data(ONE, Loader(X), Y)


def test_labels_that_are_not_wanted_are_not_looked_at():
    layout = Layout({"image": (4, 3, 2)}, ("out",), ("float32",), labels=False)
    assert read(layout, (X, np.array(["cat"] * 23)))[1] is None


def test_numbers_of_inputs():
    with pytest.raises(DataError, match="received 1 inputs, the network has 2"):
        open_data(TWO, X)
    with pytest.raises(DataError, match="received 3 inputs"):
        open_data(TWO, [X, V, Y])


def test_shapes_of_named_data_are_fitted(tmp_path):
    np.savez(tmp_path / "flat.npz", x_train=X.reshape(23, -1), y_train=Y)
    layout = Layout({"vector": (24,)}, ("out",), ("float32",))
    np.savez(tmp_path / "images.npz", x_train=X, y_train=Y)
    x, y, _ = read(layout, tmp_path / "images.npz")
    np.testing.assert_array_equal(x[0], X.reshape(23, -1))
    np.testing.assert_array_equal(y, [Y])
    with pytest.raises(DataError, match="received samples of shape"):
        open_data(ONE, str(tmp_path / "flat.npz"))
