"""The folder from which a stopped training continues."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spkeras.cli import options
from spkeras.cli.files import write_whole
from spkeras.cli.messages import keep, note
from spkeras.errors import OptionError


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


def checkpoint_folder(
    output: Path, model: Path, data: options.DataChoice, chosen: Mapping[str, Any], start_over: bool
) -> Path:
    """Return the folder of checkpoints of a command.

    Raises:
        OptionError: the folder has the checkpoints of another command.
    """
    folder = folder_of(output)
    command = {
        "model": hashlib.sha256(model.read_bytes()).hexdigest(),
        "data": data.words(),
        "samples": data.samples,
        **options.given(**chosen),
    }
    words = json.dumps(command, sort_keys=True, default=list)
    label = folder / "command.json"
    if start_over and folder.is_dir() and label.is_file():
        shutil.rmtree(folder)
    if label.is_file() and label.read_text() != words:
        raise OptionError(
            f"{folder}: is the checkpoint of another command; repeat that command, or give another "
            "--output or --start-over"
        )
    if label.is_file():
        note(f"{folder}: continuing after the last epoch of this checkpoint")
    folder.mkdir(exist_ok=True)
    write_whole(label, lambda path: path.write_text(words))
    keep(folder)
    return folder
