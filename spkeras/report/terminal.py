"""Tables as text for a terminal or a pipe."""

import io
import textwrap
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from spkeras.errors import plain
from spkeras.report.tables import Table

# Characters between two columns, and at both ends of a line; most that a column of words asks for.
_GAP, _EDGES, _WORDS = 3, 2, 24


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
    for table in map(_plain, tables):
        # rich would fold its own title to the width of the table.
        console.print(Text(table.title, style="bold"))
        for columns in _blocks(table, width):
            console.print(_rich(table, columns, width))
    stream.seek(0)
    lines = (line.rstrip() for line in stream.read().splitlines())
    return "\n".join(lines).strip("\n")


def _plain(table: Table) -> Table:
    """Return a table whose texts cannot move a terminal's cursor or change its colours."""
    return replace(
        table,
        title=plain(table.title),
        header=tuple(map(plain, table.header)),
        rows=tuple(tuple(map(plain, row)) for row in table.rows),
        footer=tuple(map(plain, table.footer)),
    )


def _blocks(table: Table, width: int) -> list[list[int]]:
    """Return the columns that stand beside each other; a table that is too wide goes on below.

    Numbers are never broken. The first column stands in every block.
    """
    sizes = [_width(table, index) for index in range(len(table.header))]
    blocks, used = [[0]], _EDGES + sizes[0]
    for index, size in enumerate(sizes[1:], start=1):
        if used + _GAP + size > width and len(blocks[-1]) > 1:
            blocks.append([0])
            used = _EDGES + sizes[0]
        blocks[-1].append(index)
        used += _GAP + size
    return blocks


def _width(table: Table, index: int) -> int:
    """Return the characters that a column needs; words may be folded, headers at their spaces."""
    cells = [row[index] for row in (*table.rows, *filter(None, [table.footer]))]
    longest = max(map(len, cells), default=0)
    if index in table.words:
        longest = min(longest, _WORDS)
    return max(longest, *map(len, _words(table.header[index])))


def _words(header: str) -> list[str]:
    """Return the parts of a header that stay together: "/ CNN" is one."""
    return header.replace("/ ", "/\0").split(" ")


def _folded(header: str, width: int) -> str:
    """Return a header in lines of at most this width."""
    lines = textwrap.wrap(header.replace("/ ", "/\0"), width) if header else [""]
    return "\n".join(lines).replace("\0", " ")


def _fits(table: Table, columns: list[int], width: int) -> bool:
    """Return whether columns stand beside each other with whole headers."""
    sizes = (max(_width(table, index), len(table.header[index])) for index in columns)
    return _EDGES + sum(sizes) + _GAP * (len(columns) - 1) <= width


def _rich(table: Table, columns: list[int], width: int) -> RichTable:
    rich = RichTable(box=box.SIMPLE_HEAD, show_footer=False, pad_edge=False)
    whole = _fits(table, columns, width)
    for index in columns:
        words, name = index in table.words, table.header[index]
        if not words and not whole:
            name = _folded(name, _width(table, index))
        justify: Literal["left", "right"] = "left" if words else "right"
        rich.add_column(name, justify=justify, overflow="fold", no_wrap=not words)
    # As Text: a layer's name may look like markup of rich.
    for row in table.rows:
        rich.add_row(*(Text(row[index]) for index in columns))
    if table.footer:
        rich.add_section()
        rich.add_row(*(Text(table.footer[index]) for index in columns), style="bold")
    return rich
