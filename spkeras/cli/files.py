"""Read and write the files of commands: CNNs, spiking networks, results."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spkeras.cli.quiet import load_keras
from spkeras.errors import OptionError

if TYPE_CHECKING:
    import keras

    from spkeras.keras_files import LoadedModel


def read_cnn(
    path: Path, architecture: Path | None, replace: Iterable[tuple[str, str]]
) -> "LoadedModel":
    """Return the CNN in a file of any Keras version.

    Raises:
        OptionError: the file holds a spiking network.
    """
    load_keras()
    from spkeras.keras_files import read_model

    loaded = read_model(path, architecture=architecture, replace=dict(replace))
    if is_spiking(loaded.model):
        raise OptionError(
            f"{path}: is a spiking network; allowed: a CNN; "
            f"measure the network with `spkeras evaluate {path} --data DATA`"
        )
    return loaded


def read_snn(path: Path) -> "keras.Model":
    """Return the spiking network in a file that `spkeras convert` wrote.

    Raises:
        OptionError: the file holds another model.
    """
    load_keras()
    from spkeras.keras_files import read_model

    model = read_model(path).model
    if not is_spiking(model):
        raise OptionError(
            f"{path}: is a CNN; allowed: a spiking network; make one with "
            f"`spkeras convert {path} --data DATA`"
        )
    return model


def is_spiking(model: "keras.Model") -> bool:
    """Return whether a Keras model is a converted network."""
    from spkeras.snn.converted import ConvertedNetwork

    return any(isinstance(layer, ConvertedNetwork) for layer in model.layers)


def check_output(path: Path, suffixes: tuple[str, ...], option: str, force: bool) -> None:
    """Refuse an output file that cannot be written, before any work.

    Raises:
        click.BadParameter: another suffix than those allowed.
        OptionError: the folder does not exist or is read-only, or the file exists.
    """
    if path.suffix.lower() not in suffixes:
        raise click.BadParameter(
            f"{path}: suffix {path.suffix!r}; allowed: {', '.join(suffixes)}",
            param_hint=f"'{option}'",
        )
    if not path.parent.is_dir():
        raise OptionError(f"{path}: the folder {path.parent} does not exist; create it first")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise OptionError(f"{path}: cannot be written; choose another {option}")
    if path.exists() and not force:
        raise OptionError(f"{path}: exists; give --force to replace it")


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file completely, or not at all.

    Args:
        path: Of the file.
        write: Receives a path with the same suffix and writes the file there.

    Raises:
        OptionError: the file cannot be written.
    """
    draft = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        write(draft)
        os.replace(draft, path)
    except OSError as error:
        raise OptionError(f"{path}: cannot be written ({error})") from error
    finally:
        draft.unlink(missing_ok=True)
