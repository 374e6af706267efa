"""Messages on stderr; tables and JSON on stdout."""

import json
import shutil
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from spkeras.report import Table

# Fixed width where stdout is not a terminal.
_PIPE = 160


def note(text: str) -> None:
    """Print a note on stderr."""
    click.secho(f"note: {text}", err=True, fg="cyan")


def warn(text: str) -> None:
    """Print a warning on stderr."""
    click.secho(f"warning: {text}", err=True, fg="yellow")


def show(tables: Iterable["Table"]) -> None:
    """Print tables on stdout, as wide as the terminal."""
    from spkeras.report import to_text

    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else _PIPE
    click.echo(to_text(tables, width, terminal, sys.stdout.encoding or "utf-8"))


def show_json(record: dict[str, Any]) -> None:
    """Print a record of plain values on stdout."""
    click.echo(json.dumps(record, indent=2, allow_nan=False))
