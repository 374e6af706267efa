"""Arrays of .npz files that lie about their size, hold objects, or name other places."""

import io
import zipfile

import numpy as np
import pytest

from spkeras.data import read_data
from spkeras.errors import DataError, ModelFileError, SpkerasError, UnsafeFileError
from spkeras.files import limits
from spkeras.files.arrays import Arrays, write_arrays
from spkeras.hardware import log_ttfs

X = np.arange(12.0).reshape(3, 4)


def header(text, version=b"\x01\x00"):
    """The start of an .npy file with any header."""
    content = text.encode() + b"\n"
    return b"\x93NUMPY" + version + len(content).to_bytes(2, "little") + content


def stated(shape, descr="'<f8'"):
    return header(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}")


def member(path, content, name="x_test.npy", compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr(name, content)
    return path


def both(path):
    """The errors of both readers for one file."""
    found = []
    for read, kind in (
        (lambda: read_data(str(path), part="test"), DataError),
        (lambda: log_ttfs.load_program(path), ModelFileError),
    ):
        with pytest.raises(kind) as caught:
            read()
        assert str(path) in str(caught.value) and len(str(caught.value)) < 600
        found.append(str(caught.value))
    return found


@pytest.mark.parametrize(
    "shape", ["(10**12,)", "(1 << 50, 4)", "(1099511627776,)", "(4, 4294967296, 4294967296)"]
)
def test_shapes_of_terabytes(tmp_path, shape):
    path = member(tmp_path / "x.npz", stated(shape) + bytes(64))
    for message in both(path):
        assert "'x_test' states shape" in message or "unreadable header" in message


@pytest.mark.parametrize(
    "content",
    [
        stated("(-1,)"),
        stated("(2,)") + bytes(7),
        stated("(2,)", "'|O'") + bytes(16),
        stated("(2,)", "'|V0'"),
        stated("(2,)", "'<M8[s]'") + bytes(16),
        stated("(2,)", "[('a', '<f8')]") + bytes(16),
        stated("(2,)", "('<f8', (10**9,))") + bytes(16),
        stated("(2.5,)"),
        header("{'descr': "),
        header("__import__('os')"),
        header("(" * 200),
        header("{}"),
        b"\x93NUMPY\x09\x00",
        b"\x93NUMPY",
        b"",
        b"text",
    ],
)
def test_headers_of_wrong_form(tmp_path, content):
    for message in both(member(tmp_path / "x.npz", content)):
        assert "'x_test'" in message


def test_members_that_unpack_to_far_more(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "LEAST", 1 << 20)
    content = stated(f"({1 << 18},)") + bytes(8 << 18)
    path = member(tmp_path / "x.npz", content, compression=zipfile.ZIP_DEFLATED)
    for message in both(path):
        assert "'x_test.npy' needs 2.1e+06 bytes" in message


@pytest.mark.parametrize("name", ["../x_test.npy", "/x_test.npy", "a/../../x.npy"])
def test_names_outside(tmp_path, name):
    for message in both(member(tmp_path / "x.npz", stated("(0,)"), name)):
        assert f"'{name}' points outside" in message


def test_one_error_for_both_families(tmp_path):
    path = member(tmp_path / "x.npz", stated("(0,)"), "../x_test.npy")
    with pytest.raises(UnsafeFileError):
        read_data(str(path), part="test")
    assert issubclass(UnsafeFileError, ModelFileError) and issubclass(UnsafeFileError, DataError)
    assert issubclass(UnsafeFileError, SpkerasError)


def test_arrays_are_those_of_numpy(tmp_path):
    path = tmp_path / "x.npz"
    given = {
        "a/b": np.asfortranarray(X),
        "scalar": np.float32(2),
        "none": np.zeros((0, 3), "uint8"),
        "big": np.arange(6, dtype=">i8").reshape(2, 3),
        "words": np.array(["a", "bc"]),
        "complex": np.array([1j]),
        "bool": np.array([True, False]),
    }
    np.savez_compressed(path, **given)
    with Arrays(path) as found, np.load(path) as truth:
        assert list(found) == truth.files
        for name in given:
            assert found[name].dtype == truth[name].dtype
            np.testing.assert_array_equal(found[name], truth[name])
            assert found[name].flags.writeable
    buffer = io.BytesIO()
    np.save(buffer, X)
    (tmp_path / "y.npz").write_bytes(buffer.getvalue())
    with pytest.raises(DataError, match="is a single array"):
        read_data(str(tmp_path / "y.npz"), part="test")


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_of_any_name_are_written(tmp_path, compressed):
    """NumPy's writer takes some names for its own arguments; which ones depends on its version."""
    names = ["file", "allow_pickle", "args", "a/b", "x"]
    given = {name: np.arange(place + 2, dtype=np.float32) for place, name in enumerate(names)}
    given["text"] = np.str_("of a checkpoint")
    write_arrays(tmp_path / "a.npz", given, compressed=compressed)
    with Arrays(tmp_path / "a.npz") as read, np.load(tmp_path / "a.npz") as known:
        assert set(read) == set(given) == set(known.files)
        for name, array in given.items():
            np.testing.assert_array_equal(read[name], array)
            np.testing.assert_array_equal(known[name], array)
    with pytest.raises(ValueError, match="Object arrays"):
        write_arrays(tmp_path / "b.npz", {"x": np.array([{}])})
