"""Targets as TOML files."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from spkeras.errors import OptionError
from spkeras.targets.limits import LIMITS, Limit
from spkeras.targets.record import Target

_KEYS = ("name", "title", "open", "limits", "conversion")
_CONVERSION = ("recipe", "options", "simulation", "whole")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _all(check: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(map(check, value))


_TYPES: dict[str, tuple[Callable[[object], bool], str]] = {
    "most": (_is_whole, "a whole number"),
    "count": (_is_whole, "a whole number"),
    "choices": (_all(_is_whole), "a list of whole numbers"),
    "words": (_all(lambda word: isinstance(word, str)), "a list of texts"),
    "cores": (
        lambda value: _is_whole(value) or _all(_is_whole)(value),
        "a whole number, or a list with one for each core",
    ),
    "exists": (lambda value: isinstance(value, bool), "true or false"),
}


def read_target(path: Path) -> Target:
    """Return the target that a TOML file describes.

    Args:
        path: The file; docs/targets.md shows its form.

    Raises:
        OptionError: the file cannot be read, or an entry is not allowed.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OptionError(f"{path}: is not a TOML file of a target ({error})") from error
    _refuse_others(path, "", values, _KEYS)
    conversion = _table(path, "conversion", values.get("conversion", {}))
    _refuse_others(path, "conversion.", conversion, _CONVERSION)
    limits = _table(path, "limits", values.get("limits", {}))
    name = _text(path, "name", values.get("name"))
    return Target(
        name=name,
        title=_text(path, "title", values.get("title", name)),
        limits={kind: _limit(path, kind, given) for kind, given in limits.items()},
        open=tuple(_text(path, "open", text) for text in values.get("open", ())),
        recipe=_text(path, "conversion.recipe", conversion.get("recipe", "ecc")),
        options=_table(path, "conversion.options", conversion.get("options", {})),
        simulation=_table(path, "conversion.simulation", conversion.get("simulation", {})),
        whole=_table(path, "conversion.whole", conversion.get("whole", {})),
    )


def _limit(path: Path, name: str, given: object) -> Limit:
    if name not in LIMITS:
        raise OptionError(f"{path}: limits.{name}; allowed: {', '.join(LIMITS)}")
    table = _table(path, f"limits.{name}", given)
    _refuse_others(path, f"limits.{name}.", table, ("value", "source"))
    fits, allowed = _TYPES[LIMITS[name].type]
    if not fits(table.get("value")):
        raise OptionError(f"{path}: limits.{name}.value={table.get('value')!r}; allowed: {allowed}")
    return Limit(table["value"], _text(path, f"limits.{name}.source", table.get("source")))


def _table(path: Path, key: str, given: object) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise OptionError(f"{path}: {key}={given!r}; allowed: a table [{key}]")
    return given


def _text(path: Path, key: str, given: object) -> str:
    if not isinstance(given, str) or not given:
        raise OptionError(f"{path}: {key}={given!r}; give text")
    return given


def _refuse_others(
    path: Path, prefix: str, values: Mapping[str, Any], known: tuple[str, ...]
) -> None:
    for key in values:
        if key not in known:
            raise OptionError(
                f"{path}: {prefix}{key}; allowed: {', '.join(prefix + name for name in known)}"
            )
