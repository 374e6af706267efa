"""`--plugin`: code of the user that a command imports before it reads a model."""

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

from spkeras.cli.quiet import load_keras, quieten
from spkeras.errors import OptionError

FLAG = "--plugin"
HELP = (
    "Import this Python module or .py file first: its layer classes, its custom_objects, and what "
    "it registers (spkeras.register_layer and others) are then known; repeatable."
)
_loaded: set[str] = set()


def load(names: Sequence[str]) -> None:
    """Import plugins, and let model files name their layers and functions.

    Args:
        names: Names of modules, or paths of .py files.

    Raises:
        OptionError: one cannot be imported.
    """
    for name in names:
        if name not in _loaded:
            quieten()
            load_keras()
            _trust(_imported(name), name)
            _loaded.add(name)


def named(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the plugins among the arguments of a command line.

    They are imported before the command, whose choices contain what they register.
    """
    for place, argument in enumerate(arguments):
        if argument == "--":
            return
        flag, sign, value = argument.partition("=")
        if flag == FLAG and sign:
            yield value
        elif argument == FLAG and place + 1 < len(arguments):
            yield arguments[place + 1]


def _imported(name: str) -> ModuleType:
    """Import a module by its name, also from the working directory, or a file by its path."""
    try:
        if not name.endswith(".py"):
            if os.getcwd() not in sys.path:
                sys.path.insert(0, os.getcwd())
            return importlib.import_module(name)
        spec = importlib.util.spec_from_file_location(Path(name).stem, name)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module
    except Exception as error:  # code of the user may raise anything
        raise OptionError(
            f"{FLAG} {name}: cannot be imported ({type(error).__name__}: {error}); allowed: the "
            "name of a module, also of one in this folder, or the path of a .py file"
        ) from error


def _trust(module: ModuleType, name: str) -> None:
    """Let files name the layer classes that a module defines, and its `custom_objects`."""
    import keras

    from spkeras.keras_files.trust import trust_named

    classes = {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, keras.layers.Layer)
        and value.__module__ == module.__name__
    }
    try:
        trust_named({**classes, **getattr(module, "custom_objects", {})})
    except (OptionError, TypeError) as error:
        raise OptionError(f"{FLAG} {name}: {error}") from error
