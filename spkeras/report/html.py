"""An evaluation as one self-contained HTML page."""

import base64
import io
from html import escape

from spkeras.metrics import Evaluation
from spkeras.report.activity import activity_tables, comparison, operations
from spkeras.report.exits import exit_sentence, exit_tables
from spkeras.report.html_table import table_html
from spkeras.report.plot import accuracy_over_time
from spkeras.report.steps import begins
from spkeras.report.tables import Table, accuracy_tables, latency, reference_sentence, summary

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; }
caption { text-align: left; font-weight: bold; padding: .3em 0; }
th, td { padding: .2em .8em; text-align: right; border-bottom: 1px solid #ddd; }
th.word, td.word { text-align: left; }
tfoot td { font-weight: bold; border-top: 2px solid #888; }
img { max-width: 100%; }
.warning { background: #fff3cd; padding: .5em 1em; }
"""


def page(evaluation: Evaluation) -> str:
    """Return the page: what was run, warnings, plot, tables, settings."""
    title = f"{escape(evaluation.model)}: evaluation"
    tables = (*accuracy_tables(evaluation), *exit_tables(evaluation), *activity_tables(evaluation))
    warnings = (f'<p class="warning">{escape(text)}</p>' for text in evaluation.warnings)
    settings = ((str(key), str(value)) for key, value in evaluation.settings.items())
    body = [
        f"<h1>{title}</h1>",
        f"<p>{escape(summary(evaluation))}</p>",
        f"<p>{escape(latency(evaluation))}</p>",
        *(f"<p>{escape(text)}</p>" for text in _sentences(evaluation) if text),
        *warnings,
        *_pictures(evaluation),
        *(table_html(table) for table in tables),
        f"<p>{escape(operations(evaluation))}</p>",
        f"<p>{escape(comparison(evaluation))}</p>",
        table_html(
            Table("Settings", ("setting", "value"), tuple(settings), words=frozenset({0, 1}))
        ),
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}'
        f"</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n" + "\n".join(body) + "\n</body>\n"
        "</html>\n"
    )


def _sentences(evaluation: Evaluation) -> tuple[str, ...]:
    return begins(evaluation), reference_sentence(evaluation), exit_sentence(evaluation)


def _pictures(evaluation: Evaluation) -> tuple[str, ...]:
    """Return the plot over time; none for a network that answers once."""
    if evaluation.windows:
        return ()
    source = _picture(evaluation)
    return (f'<img alt="accuracy and spikes over time steps, spikes by exponent" src="{source}">',)


def _picture(evaluation: Evaluation) -> str:
    stream = io.BytesIO()
    accuracy_over_time(evaluation).savefig(stream, format="png", dpi=120)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
