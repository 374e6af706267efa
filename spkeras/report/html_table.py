"""A table in HTML."""

from collections.abc import Iterable
from html import escape

from spkeras.report.tables import Table


def table_html(table: Table) -> str:
    """Return a table in HTML."""
    rows = "\n".join(_row(row, "td", table.words) for row in table.rows)
    footer = f"<tfoot>{_row(table.footer, 'td', table.words)}</tfoot>" if table.footer else ""
    return (
        f"<table>\n<caption>{escape(table.title)}</caption>\n"
        f"<thead>{_row(table.header, 'th', table.words)}</thead>\n"
        f"<tbody>\n{rows}\n</tbody>\n{footer}</table>"
    )


def _row(cells: Iterable[str], tag: str, words: frozenset[int]) -> str:
    kinds = ("number", "word")
    marked = (
        f'<{tag} class="{kinds[index in words]}">{escape(cell)}</{tag}>'
        for index, cell in enumerate(cells)
    )
    return f"<tr>{''.join(marked)}</tr>"
