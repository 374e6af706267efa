"""Locks: one run at a time writes a checkpoint."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spkeras.errors import OptionError

try:
    import fcntl
except ImportError:  # Windows has no locks that a killed run releases
    fcntl = None  # type: ignore[assignment]


@contextmanager
def locked(path: str | Path | None) -> Iterator[None]:
    """Let no other run use a checkpoint while the block runs.

    The lock is a file `.NAME.lock` beside it. A run that is killed releases it; the file that such
    a run leaves is used again.

    Args:
        path: Of the checkpoint, a file or a folder, whether it exists or not; None locks nothing.

    Raises:
        OptionError: another run has the lock, or the folder cannot be written.
    """
    if path is None or fcntl is None:
        yield
        return
    path = Path(path).absolute()
    lock = path.with_name(f".{path.name}.lock")
    handle = _acquired(path, lock)
    try:
        yield
    finally:
        # Before the lock is released: the file of a later run stays.
        lock.unlink(missing_ok=True)
        os.close(handle)


def _acquired(path: Path, lock: Path) -> int:
    """Return the open file that holds the lock."""
    while True:
        try:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise OptionError(
                f"{path}: the checkpoint cannot be written there ({error.strerror}); choose "
                "another folder"
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise OptionError(
                f"{path}: is in use by another run; wait for its end, or name another output"
            ) from None
        except OSError:  # a file system without locks
            return handle
        if _is_same(handle, lock):
            return handle
        os.close(handle)  # the run before removed the file when it ended


def _is_same(handle: int, lock: Path) -> bool:
    """Return whether an open file is still the one at a path."""
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(lock))
    except FileNotFoundError:
        return False
