"""Tables as text for a terminal or a pipe."""

import io
from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from spkeras.errors import plain
from spkeras.report.tables import Table


def to_text(
    tables: Iterable[Table], width: int = 160, colour: bool = False, encoding: str = "utf-8"
) -> str:
    """Return all tables as text, one below the other.

    Args:
        tables: Tables of text.
        width: Largest number of characters in a line.
        colour: Whether to mark titles and sums for a terminal.
        encoding: Encoding of the output; lines are drawn with characters that it has.
    """
    stream = io.TextIOWrapper(io.BytesIO(), encoding, errors="replace", newline="\n")
    console = Console(file=stream, width=width, force_terminal=colour, highlight=False)
    for table in tables:
        # rich would fold its own title to the width of the table.
        console.print(Text(plain(table.title), style="bold"))
        console.print(_rich(table))
    stream.seek(0)
    lines = (line.rstrip() for line in stream.read().splitlines())
    return "\n".join(lines).strip("\n")


def _rich(table: Table) -> RichTable:
    rich = RichTable(box=box.SIMPLE_HEAD, show_footer=False, pad_edge=False)
    for index, name in enumerate(table.header):
        words = index in table.words
        rich.add_column(name, justify="left" if words else "right", overflow="fold")
    # As Text: a layer's name may look like markup of rich.
    for row in table.rows:
        rich.add_row(*(Text(plain(cell)) for cell in row))
    if table.footer:
        rich.add_section()
        rich.add_row(*(Text(plain(cell)) for cell in table.footer), style="bold")
    return rich
