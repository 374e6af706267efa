"""HDF5 files whose damaged sizes would keep the library for ever."""

import io
import struct

import h5py
import numpy as np
import pytest

from spkeras.errors import ModelFileError
from spkeras.files.hdf5 import check_heaps, opened
from spkeras.keras_files.container import open_model


def _file(earliest="earliest", userblock=0, count=3):
    """A file with texts of variable length, which HDF5 keeps in a global heap."""
    stream = io.BytesIO()
    with h5py.File(stream, "w", libver=earliest, userblock_size=userblock) as file:
        for index in range(count):
            file.attrs[f"name{index}"] = "x" * (17 * index + 1)
        file["numbers"] = np.arange(6.0)
    return stream.getvalue()


def _with_object(content, number, size):
    """Changes the first object of the first heap."""
    place = content.index(b"GCOL") + 16
    changed = bytearray(content)
    changed[place : place + 2] = struct.pack("<H", number)
    changed[place + 8 : place + 16] = struct.pack("<Q", size)
    return bytes(changed)


@pytest.mark.parametrize("count", [1, 3, 400])
@pytest.mark.parametrize("userblock", [0, 512, 2048])
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_files_as_h5py_writes_them_pass(libver, userblock, count):
    content = _file(libver, userblock, count)
    assert b"GCOL" in content
    with opened(io.BytesIO(content), "here") as file:
        assert file.attrs["name0"] == "x"
        assert len(file.attrs) == count


@pytest.mark.parametrize("userblock", [0, 512])
@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize(
    ("number", "size"),
    [(0, 0), (1, 2**64 - 16), (1, 2**64 - 24), (7, 2**63), (1, 2**40), (0, 2**64 - 1)],
)
def test_sizes_that_lead_nowhere_are_refused(libver, userblock, number, size):
    with pytest.raises(ValueError, match=r"an object of \d+ bytes in the heap at byte \d+"):
        check_heaps(io.BytesIO(_with_object(_file(libver, userblock), number, size)))


def test_a_false_superblock_hides_nothing():
    content = bytearray(_with_object(_file(userblock=512), 0, 0))
    content[100:120] = b"\x89HDF\r\n\x1a\n" + bytes(12)
    with pytest.raises(ValueError, match="an object of 0 bytes"):
        check_heaps(io.BytesIO(content))


def test_a_damaged_model_is_one_message(tmp_path):
    path = tmp_path / "model.h5"
    path.write_bytes(_with_object(_file(), 0, 0))
    with pytest.raises(ModelFileError, match=r"model\.h5: is damaged or cut off .*in the heap"):
        open_model(path)


def test_numbers_that_look_like_a_heap_are_numbers():
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["numbers"] = np.frombuffer(b"GCOL" + bytes(range(4, 60)), "u1")
    check_heaps(stream)
