"""The form of a stored configuration, and one error for every form that no Keras writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spkeras.errors import (
    ModelFileError,
    SpkerasError,
    UnsafeFileError,
    UnsupportedLayerError,
    shown,
)
from spkeras.ops.types import Json

# Levels of lists and records in a configuration; a model inside a model takes four.
MOST_LEVELS = 100
FORM = "allowed: the form in which Keras saves a model; save the model again"

# What Keras says where it refuses a file because of what loading it could do.
KERAS_SAFETY = re.compile(
    r"safe_mode|safe mode|Not allowed|[Rr]efusing|for security|KerasSaveable|allow_pickle"
)


def refuse_for_safety(error: Exception, path: Path) -> None:
    """Raise if Keras refused a file because of what loading it could do.

    Raises:
        UnsafeFileError: with the words of Keras; no other reader tries the file.
    """
    if KERAS_SAFETY.search(str(error)):
        words = next(line for line in str(error).splitlines() if KERAS_SAFETY.search(line))
        raise UnsafeFileError(f"{path}: Keras refuses it for safety: {words}") from error


@contextmanager
def one_error(path: str | Path) -> Iterator[None]:
    """Turn whatever the contents of a file cause into one error that names the file.

    Args:
        path: The model file.

    Raises:
        ModelFileError: for every exception that is not one of this package.
    """
    try:
        yield
    except UnsupportedLayerError:
        raise
    except SpkerasError as error:
        if type(error) is not ModelFileError or str(path) in str(error):
            raise
        raise ModelFileError(f"{path}: {error}") from error
    except Exception as error:  # a file can make Keras and its backend fail in any way
        places = getattr(error, "__notes__", ["its configuration"])
        raise ModelFileError(
            f"{path}: {places[0]}: of a form that cannot be read "
            f"({type(error).__name__}: {shown(error)}); {FORM}"
        ) from error


@contextmanager
def inside(place: str) -> Iterator[None]:
    """Note the place in a file on an exception; the innermost place is reported."""
    try:
        yield
    except Exception as error:
        error.add_note(place)
        raise


def check_levels(stored: Json) -> None:
    """Refuse a configuration that is nested so deeply that functions on it would not return.

    Raises:
        ModelFileError: more than `MOST_LEVELS` levels.
    """
    level: list[Any] = [stored]
    for _ in range(MOST_LEVELS):
        level = [part for value in level for part in _parts(value)]
        if not level:
            return
    raise ModelFileError(f"The configuration has more than {MOST_LEVELS} levels; {FORM}.")


def _parts(value: Json) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []


def check_entry(entry: Json, place: str) -> None:
    """Refuse a record of a layer of another form.

    Args:
        entry: The record.
        place: Name of the layer, or its position.

    Raises:
        ModelFileError: names the part and its form.
    """
    if not isinstance(entry, dict):
        raise ModelFileError(f"{place}: is {_form(entry)} instead of a record; {FORM}.")
    forms: tuple[tuple[str, tuple[type, ...], str], ...] = (
        ("class_name", (str,), "a name"),
        ("config", (dict, list, type(None)), "a record"),
        ("name", (str, type(None)), "a name"),
        ("module", (str, type(None)), "a name"),
        ("registered_name", (str, type(None)), "a name"),
        ("inbound_nodes", (list, type(None)), "a list of calls"),
    )
    for key, kinds, words in forms:
        value = entry.get(key)
        if not isinstance(value, kinds):
            raise ModelFileError(
                f"{place}: its '{key}' is {_form(value)} instead of {words}; {FORM}."
            )


def _form(value: Json) -> str:
    """Return what a value of a configuration is, in words."""
    if value is None:
        return "missing"
    words = {dict: "a record", list: "a list", str: "text", bool: "true or false"}
    return words.get(type(value), "a number")


def check_version(stored: str, path: str | Path) -> None:
    """Refuse a statement of the Keras version that is none.

    Raises:
        ModelFileError: it is longer than any version.
    """
    if len(stored) > 50:
        raise ModelFileError(
            f"{path}: states the Keras version '{stored[:20]}...' of {len(stored)} characters; {FORM}"
        )
