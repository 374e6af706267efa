"""Targets by their names."""

from importlib.resources import as_file, files
from pathlib import Path

from spkeras.errors import OptionError
from spkeras.targets.file import read_target
from spkeras.targets.record import Target


def _packaged() -> dict[str, Target]:
    with as_file(files("spkeras.targets") / "tables") as folder:
        found = [read_target(path) for path in sorted(folder.glob("*.toml"))]
    return {known.name: known for known in found}


TARGETS: dict[str, Target] = _packaged()


def register_target(target: Target) -> None:
    """Add a target, which `convert` and `inspect` then know by its name.

    Raises:
        OptionError: the name is taken.
    """
    if target.name in TARGETS:
        raise OptionError(
            f"target {target.name!r}: is registered; allowed: a name beside {', '.join(TARGETS)}"
        )
    TARGETS[target.name] = target


def target(given: str | Path | Target) -> Target:
    """Return a target.

    Args:
        given: A target; a key of `TARGETS`; or the path of a .toml file.

    Raises:
        OptionError: the name is unknown, or the file does not describe a target.
    """
    if isinstance(given, Target):
        return given
    if str(given) in TARGETS:
        return TARGETS[str(given)]
    if Path(given).suffix.lower() == ".toml":
        return read_target(Path(given))
    raise OptionError(f"target={str(given)!r}; allowed: {', '.join(TARGETS)}, or a .toml file")
