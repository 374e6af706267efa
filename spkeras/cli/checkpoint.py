"""Checkpoints from which stopped commands continue."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spkeras.cli.files import write_whole
from spkeras.cli.messages import keep, note
from spkeras.errors import OptionError
from spkeras.files.drafts import is_draft
from spkeras.files.locks import locked

_LABEL = "command.json"


def folder_of(output: Path) -> Path:
    """Return the path of the folder.

    Raises:
        OptionError: a file is there.
    """
    folder = output.with_name(f"{output.stem}.checkpoint")
    if folder.exists() and not folder.is_dir():
        raise OptionError(
            f"{folder}: is a file, and the checkpoints need a folder of this name; choose another "
            "--output"
        )
    return folder


def discard(path: Path, start_over: bool) -> None:
    """Remove a checkpoint with --start-over.

    Raises:
        OptionError: another run uses it, or it cannot be removed.
    """
    if not start_over:
        return
    with locked(path):
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise OptionError(f"{path}: cannot be removed ({error.strerror})") from error


def checkpoint_folder(output: Path, command: Mapping[str, Any], start_over: bool) -> Path:
    """Return the folder of checkpoints of a command.

    Args:
        output: What the command writes.
        command: Plain values that the result depends on.
        start_over: Whether to discard checkpoints.

    Raises:
        OptionError: the folder has the checkpoints of another command, or files of something else.
    """
    folder = folder_of(output)
    words = json.dumps(command, sort_keys=True, default=list)
    label = folder / _LABEL
    if label.is_file():
        discard(folder, start_over)
    if label.is_file() and _text(label) != words:
        raise OptionError(
            f"{folder}: is the checkpoint of another command, model or data; repeat that command, "
            "or give another --output or --start-over"
        )
    if label.is_file():
        note(f"{folder}: continuing after the last epoch of this checkpoint")
    elif folder.is_dir() and not all(map(is_draft, folder.iterdir())):
        raise OptionError(
            f"{folder}: has no {_LABEL} of a checkpoint, and is not empty; move it away, or choose "
            "another --output"
        )
    else:
        folder.mkdir(exist_ok=True)
        write_whole(label, lambda path: path.write_text(words))
    keep(folder)
    return folder


def _text(label: Path) -> str:
    """Return what a label says; "" for one that is damaged."""
    return label.read_bytes().decode(errors="replace")
