"""The folder from which a stopped training goes on."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spkeras.cli.files import write_whole
from spkeras.cli.messages import note
from spkeras.errors import OptionError

# Left out of a checkpoint's label where unset, so that runs begun before these options go on.
_WEIGHTS = ("log", "log_rate", "weight_bits", "weight_steps", "float_weights")


def checkpoint_folder(
    output: Path, model: Path, data: Any, chosen: Mapping[str, Any], start_over: bool
) -> Path:
    """The folder of checkpoints; that of another command is refused, not gone on from."""
    import shutil

    folder = output.with_name(f"{output.stem}.checkpoint")
    told = {
        key: value
        for key, value in chosen.items()
        if key not in _WEIGHTS or not (value is None or value is False)
    }
    asked = {
        "model": hashlib.sha256(model.read_bytes()).hexdigest(),
        "data": data.words(),
        "samples": data.samples,
        **told,
    }
    words = json.dumps(asked, sort_keys=True, default=list)
    label = folder / "command.json"
    if start_over and folder.is_dir() and label.is_file():
        shutil.rmtree(folder)
    if label.is_file() and label.read_text() != words:
        raise OptionError(
            f"{folder}: is the checkpoint of another command; give that one again, another "
            "--output, or --start-over"
        )
    if label.is_file():
        note(f"{folder}: going on from the last epoch there")
    folder.mkdir(exist_ok=True)
    write_whole(label, lambda path: path.write_text(words))
    return folder
