"""Zip archives: names, links and sizes of their members, checked before one is read."""

import lzma
import re
import stat
import struct
import zipfile
import zlib

from spkeras.errors import UnsafeFileError
from spkeras.files.limits import Allowance

# Exceptions that zipfile raises for a damaged archive.
DAMAGE = (
    *(OSError, ValueError, EOFError, KeyError, RuntimeError, AttributeError, OverflowError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
)


def check_members(archive: zipfile.ZipFile, place: str, size: int) -> None:
    """Refuse members that would be written outside a folder, links, and too much data.

    Args:
        archive: The archive; no member is read.
        place: The file, as messages name it.
        size: Size of the file in bytes.

    Raises:
        UnsafeFileError: names the first such member.
    """
    allowance = Allowance(place, size)
    for info in archive.infolist():
        steps = re.split(r"[/\\]", info.filename)
        if ".." in steps or not steps[0] or ":" in steps[0]:
            raise UnsafeFileError(
                f"{place}: its member {info.filename!r} points outside the archive; allowed: "
                "names inside it; get the file from a source that you trust"
            )
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UnsafeFileError(
                f"{place}: its member {info.filename!r} is a link or a device; allowed: files; "
                "get the file from a source that you trust"
            )
        allowance.take(info.filename, info.file_size)
