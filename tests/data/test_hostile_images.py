"""Folders of images with what is none: bombs, pipes, loops, folders without permission."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from spkeras.data import read_data
from spkeras.errors import DataError


@pytest.fixture()
def folder(tmp_path):
    """A folder with one image in each of two classes."""
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.zeros((4, 4, 3), "uint8")).save(tmp_path / name / "a.png")
    return tmp_path


def read(folder):
    return read_data(str(folder), part="test", image_size=(4, 4))


def part(kind, content):
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def bomb(width, height):
    """A PNG of that size in a few bytes."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = part(b"IHDR", head) + part(b"IDAT", zlib.compress(b"\0")) + part(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize("size", [(10_000, 10_000), (100_000, 100_000)])
def test_bombs(folder, size):
    (folder / "cat" / "b.png").write_bytes(bomb(*size))
    with pytest.raises(DataError, match="b.png: cannot be read as an image .Image size .* exceeds"):
        read(folder)


def test_pipes(folder):
    os.mkfifo(folder / "cat" / "b.png")
    with pytest.raises(DataError, match="b.png: is no file that can be read"):
        read(folder)


def test_loops_and_links(folder):
    (folder / "cat" / "below").symlink_to(folder)
    assert read(folder).samples == 2
    (folder / "cat" / "c.png").symlink_to(folder / "cat" / "a.png")
    assert read(folder).samples == 3
    (folder / "cat" / "b.png").symlink_to("b.png")
    with pytest.raises(DataError, match="b.png: is no file that can be read"):
        read(folder)


def test_folders_without_permission(folder, monkeypatch):
    """A class that cannot be read is no empty class. Root reads all: the system call is replaced."""
    (folder / "cat" / "deep").mkdir()
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match="deep: cannot be read .Permission denied"):
        read(folder)


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff\xe0", b"BM"]
)
def test_damaged(folder, content):
    (folder / "dog" / "b.gif").write_bytes(content)
    with pytest.raises(DataError, match="b.gif: cannot be read as an image"):
        read(folder)
