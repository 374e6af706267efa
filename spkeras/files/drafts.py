"""Files written whole: a draft beside the file, which then takes its place."""

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX, _SUFFIX = ".spkeras-", ".draft"
# Seconds after which no run can still write a draft.
_OLD = 24 * 3600


@contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """Yield the path of a draft, which takes the place of `path` when the block ends.

    The draft lies in a new folder beside `path`, which only this user can enter: no other program
    can guess its name or put a link there. A file that is replaced passes its mode on.

    Args:
        path: Of the file or folder; a link there is replaced, not followed.

    Raises:
        OSError: the draft or the file cannot be written; nothing is left, and `path` is as before.
    """
    folder = _new(path.parent)
    try:
        # Keras and NumPy recognize lower-case suffixes only.
        draft = folder / f"draft{path.suffix.lower()}"
        yield draft
        if draft.is_file():
            _keep_mode(path, draft)
            _flush(draft)
        os.replace(draft, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _new(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=_PREFIX, suffix=_SUFFIX, dir=folder))


def try_draft(folder: Path) -> None:
    """Raise an OSError where no draft can be made."""
    os.rmdir(_new(folder))


def _keep_mode(path: Path, draft: Path) -> None:
    """Give a draft the mode of the file that it replaces."""
    try:
        before = os.lstat(path)
    except OSError:
        return
    if stat.S_ISREG(before.st_mode):
        os.chmod(draft, stat.S_IMODE(before.st_mode))


def _flush(draft: Path) -> None:
    """Wait until the disk holds a file: some disks report only now that they are full."""
    with draft.open("rb") as file:
        os.fsync(file.fileno())


def is_draft(path: Path) -> bool:
    """Return whether a path has the name of a draft."""
    return path.name.startswith(_PREFIX) and path.name.endswith(_SUFFIX)


def old_drafts(folder: Path) -> list[Path]:
    """Return the drafts in a folder that a run left more than a day ago."""
    before = time.time() - _OLD
    found = folder.glob(f"{_PREFIX}*{_SUFFIX}")
    return sorted(path for path in found if os.lstat(path).st_mtime < before)
