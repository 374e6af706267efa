"""How much memory the contents of a file may take."""

from pathlib import Path

from spkeras.errors import UnsafeFileError

# Contents may take this many bytes, or this multiple of the file's size, whichever is more.
LEAST, MULTIPLE = 1 << 30, 100


def stored_size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder.

    Args:
        path: The file or folder.
    """
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


class Allowance:
    """Bytes that the contents of one file may still take.

    Args:
        place: The file, as messages name it.
        size: Its size in bytes.
    """

    def __init__(self, place: str, size: int) -> None:
        self.place, self.size = place, size
        self.limit = max(LEAST, MULTIPLE * size)
        self.taken, self._last = 0, ("", 0)

    def take(self, part: str, size: int) -> None:
        """Count the bytes of one part before it is read.

        Raises:
            UnsafeFileError: all parts so far take more than the limit.
        """
        self.taken += size
        self._last = part, size
        if self.taken > self.limit:
            raise self.refusal()

    def refusal(self) -> UnsafeFileError:
        """Return the error that names the part that was too much."""
        part, size = self._last
        return UnsafeFileError(
            f"{self.place}: '{part}' needs {size:.3g} bytes, {self.taken:.3g} with what comes "
            f"before it, from a file of {self.size:.3g} bytes; allowed: {LEAST:.3g} bytes, or "
            f"{MULTIPLE} times the size of the file. Store it without compression if it is meant."
        )
