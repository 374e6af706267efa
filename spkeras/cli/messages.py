"""Messages on stderr; tables and JSON on stdout."""

import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spkeras.errors import plain

if TYPE_CHECKING:
    from spkeras.report import Table

# Fixed width where stdout is not a terminal.
_PIPE = 180


# Key under which a command notes what it keeps where it is interrupted.
_KEPT = "spkeras.kept"


def say(text: str = "", err: bool = False) -> None:
    """Print text on stdout, or stderr, without the control characters of names in files."""
    click.echo(plain(text), err=err)


def note(text: str) -> None:
    """Print a note on stderr."""
    click.secho(f"note: {plain(text)}", err=True, fg="cyan")


def warn(text: str) -> None:
    """Print a warning on stderr."""
    click.secho(f"warning: {plain(text)}", err=True, fg="yellow")


def keep(path: Path) -> None:
    """Note the checkpoint of a command, for the message after Ctrl-C."""
    click.get_current_context().meta[_KEPT] = path


def interrupted(context: click.Context) -> None:
    """Print what an interrupted command kept."""
    path = context.meta.get(_KEPT)
    if path is not None and path.exists():
        say(f"Interrupted. {path}: kept; repeat the command to continue from there.", err=True)
    else:
        say("Interrupted. No output was written.", err=True)


def show(tables: Iterable["Table"]) -> None:
    """Print tables on stdout, as wide as the terminal."""
    from spkeras.report import to_text

    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else _PIPE
    click.echo(to_text(tables, width, terminal, sys.stdout.encoding or "utf-8"))


def show_json(record: dict[str, Any]) -> None:
    """Print a record of plain values on stdout."""
    click.echo(json.dumps(record, indent=2, allow_nan=False))
