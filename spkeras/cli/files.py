"""Files that commands read and write: CNNs, spiking networks, results."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spkeras.cli.quiet import load_keras
from spkeras.errors import OptionError

if TYPE_CHECKING:
    from spkeras.keras_files import LoadedModel


def read_cnn(path: Path, architecture: Path | None, replace: Any) -> "LoadedModel":
    """A CNN from a file of any Keras.

    Raises:
        OptionError: the file holds a spiking network.
    """
    load_keras()
    from spkeras.keras_files import read_model

    loaded = read_model(path, architecture=architecture, replace=dict(replace))
    if is_spiking(loaded.model):
        raise OptionError(
            f"{path}: is a spiking network already, a CNN is wanted here; "
            f"measure it with `spkeras evaluate {path} --data DATA`"
        )
    return loaded


def read_snn(path: Path) -> Any:
    """A spiking network that `spkeras convert` wrote.

    Raises:
        OptionError: the file holds another model.
    """
    load_keras()
    from spkeras.keras_files import read_model

    model = read_model(path).model
    if not is_spiking(model):
        raise OptionError(
            f"{path}: is a CNN, a spiking network is wanted here; make one with "
            f"`spkeras convert {path} --data DATA`"
        )
    return model


def is_spiking(model: Any) -> bool:
    """Whether a Keras model is a converted one."""
    return any(type(layer).__name__ == "SpikeLoop" for layer in model.layers)


def check_output(path: Path, suffixes: tuple[str, ...], option: str, force: bool) -> None:
    """Refuse, before any work, a file that cannot be written in the end.

    Raises:
        click.BadParameter: another suffix than those allowed.
        OptionError: the folder is missing or closed, or the file is there already.
    """
    if path.suffix.lower() not in suffixes:
        raise click.BadParameter(
            f"{path}: the suffix says the format; allowed: {', '.join(suffixes)}",
            param_hint=f"'{option}'",
        )
    if not path.parent.is_dir():
        raise OptionError(f"{path}: there is no folder {path.parent}; make it first")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise OptionError(f"{path}: cannot be written there; choose another {option}")
    if path.exists() and not force:
        raise OptionError(f"{path}: exists already; give --force to replace it")


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file so that it appears whole or not at all.

    Args:
        path: Where it shall stand.
        write: Writes it to the path it is given, which has the same suffix.

    Raises:
        OptionError: the disk or the folder does not take it.
    """
    draft = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        write(draft)
        os.replace(draft, path)
    except OSError as error:
        raise OptionError(f"{path}: cannot be written ({error})") from error
    finally:
        draft.unlink(missing_ok=True)
