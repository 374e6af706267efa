"""Read and write the files of commands: CNNs, spiking networks, results."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spkeras.cli.messages import note
from spkeras.cli.quiet import load_keras
from spkeras.errors import OptionError, UnsupportedLayerError
from spkeras.files.drafts import draft_of, old_drafts, try_draft

if TYPE_CHECKING:
    import keras

    from spkeras.keras_files import LoadedModel

# Parameters of commands that name what is written.
OUTPUTS = frozenset({"output", "plot", "report", "csv", "latex"})


@dataclass(frozen=True, kw_only=True)
class CnnReader:
    """How the files of CNNs are read.

    Attributes:
        architecture: File or function of the architecture, for files of weights only.
        input_shape: Shape of each input, for models that leave sizes open.
        replace: Replacement per layer name, for layers that are code.
    """

    architecture: str | None = None
    input_shape: tuple[tuple[int, ...], ...] = ()
    replace: Mapping[str, str] = field(default_factory=dict)

    def read(self, path: Path, spike_code: str = "delta") -> "LoadedModel":
        """Return the CNN in a file of any Keras version.

        Args:
            path: The file.
            spike_code: Code of the network to be made; decides which problems are listed.

        Raises:
            OptionError: the file holds a spiking network.
        """
        loaded = self.examine(path)
        if loaded.problems:
            from spkeras.facade.loading import problems_of

            raise UnsupportedLayerError(problems_of(loaded, spike_code))
        return loaded

    def examine(self, path: Path) -> "LoadedModel":
        """Return the CNN in a file, or as much of it as can be read.

        Raises:
            OptionError: the file holds a spiking network.
        """
        load_keras()
        from spkeras.keras_files import read_partly

        loaded = read_partly(path, **vars(self))
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
        click.BadParameter: another suffix than those allowed, in upper or lower case.
        OptionError: the folder does not exist or is read-only, or the file exists.
    """
    if path.suffix.lower() not in suffixes:
        raise click.BadParameter(
            f"{path}: suffix {path.suffix!r}; allowed: {', '.join(suffixes)}",
            param_hint=f"'{option}'",
        )
    if not path.parent.is_dir():
        raise OptionError(f"{path}: the folder {path.parent} does not exist; create it first")
    # Path.exists raises an error for a name that is too long.
    if os.path.isdir(path):
        raise OptionError(f"{path}: is a folder; choose another {option}")
    if os.path.exists(path) and not force:
        raise OptionError(f"{path}: exists; give --force to replace it")
    _refuse_inputs(path, option)
    try:
        if not os.path.exists(path):
            _lookup(path)
        try_draft(path.parent)
    except OSError as error:
        raise OptionError(
            f"{path}: cannot be written ({error.strerror}); choose another {option}"
        ) from error
    for left in old_drafts(path.parent):
        note(f"{left}: left by a run that was killed more than a day ago; delete it")


def _lookup(path: Path) -> None:
    """Raise an OSError for a name that the disk does not take."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        pass


def _refuse_inputs(path: Path, option: str) -> None:
    """Refuse an output that the command also reads, with --force, too."""
    context = click.get_current_context(silent=True)
    for name, value in ({} if context is None else context.params).items():
        if name in OUTPUTS:
            continue
        for given in _paths(value):
            if os.path.exists(path) and os.path.exists(given) and os.path.samefile(path, given):
                raise OptionError(
                    f"{path}: is an input of this command, which would be lost; choose another "
                    f"{option}"
                )


def _paths(value: object) -> list[str | Path]:
    """Return the paths that the value of a parameter names."""
    found = [value, getattr(value, "spec", None), getattr(value, "architecture", None)]
    return [path for path in found if isinstance(path, str | Path) and "\0" not in str(path)]


def check_installed(module: str, option: str) -> None:
    """Refuse an option that needs a package which is not installed, before any work.

    Raises:
        OptionError: it is not.
    """
    if find_spec(module) is None:
        raise OptionError(f"{option}: needs {module}; run `pip install {module}`")


def check_output_folder(path: Path, option: str) -> None:
    """Refuse an output folder that cannot be made, before any work.

    Raises:
        OptionError: it exists and is not empty, or it cannot be written.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise OptionError(f"{path}: exists and is not empty; choose a new folder as {option}")
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise OptionError(f"{path}: {parent} cannot be written; choose another {option}")


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file completely, or not at all.

    Args:
        path: Of the file.
        write: Receives a path with the same suffix, in lower case, and writes the file there.

    Raises:
        OptionError: the file cannot be written.
    """
    try:
        with draft_of(path) as draft:
            write(draft)
    except OSError as error:
        raise OptionError(f"{path}: cannot be written ({error})") from error
