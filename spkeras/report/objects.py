"""Results that present themselves: as text, a table, a data frame, a plot."""

import importlib
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from spkeras import metrics
from spkeras.errors import OptionError
from spkeras.metrics import sweep, tuning
from spkeras.report.activity import activity_tables
from spkeras.report.exits import exit_tables
from spkeras.report.html_table import table_html
from spkeras.report.numbers import percent
from spkeras.report.sweep import (
    sweep_rows,
    sweep_sentences,
    sweep_table,
    to_csv,
    to_latex,
    tuned_sentences,
)
from spkeras.report.tables import Table, accuracy_tables, summary
from spkeras.report.terminal import to_text

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


class Evaluation(metrics.Evaluation):
    """One run to T over a data set; see `spkeras.metrics.Evaluation` for the fields."""

    def __repr__(self) -> str:
        quality = "" if self.accuracy is None else f", accuracy {percent(float(self.accuracy[-1]))}"
        same = "" if self.agreement is None else f", agreement {percent(float(self.agreement[-1]))}"
        return f"<Evaluation of {self.model}: {self.samples} samples{quality}{same}>"

    def __str__(self) -> str:
        return "\n\n".join([summary(self), to_text(self._tables())])

    def _repr_html_(self) -> str:
        return f"<p>{escape(summary(self))}</p>" + "".join(map(table_html, self._tables()))

    def _tables(self) -> tuple[Table, ...]:
        return (*accuracy_tables(self), *exit_tables(self), *activity_tables(self))

    def to_dataframe(self) -> "pandas.DataFrame":
        """Return one row per number of steps: scores of the first output, spikes of each layer.

        Raises:
            OptionError: pandas is not installed.
        """
        return data_frame(step_rows(self))

    def to_latex(self) -> str:
        """Return the table of the first output in LaTeX, for the package booktabs."""
        return to_latex(accuracy_tables(self)[0])

    def plot(self, path: str | Path | None = None) -> "Figure":
        """Draw quality and spikes over the steps.

        Args:
            path: File to write, with a suffix that matplotlib knows; None for none.

        Raises:
            OptionError: matplotlib is not installed; or the network answers once, in windows.
        """
        if self.windows:
            raise OptionError("plot: shows quality over steps, and this network answers once")
        return _drawn("plot", "accuracy_over_time", self, path)


def step_rows(evaluation: metrics.Evaluation) -> list[dict[str, object]]:
    """Return one record per number of steps: scores of the first output, spikes of each layer."""
    score = evaluation.scores[0]
    names = ("accuracy", "agreement", "error", "deviation")
    courses = {name: getattr(score, name) for name in names}
    courses |= {f"spikes {name}": spikes for name, spikes in evaluation.layer_spikes.items()}
    courses |= {
        name: course
        for name, course in evaluation.activity.courses.items()
        if len(course) == len(evaluation.steps)
    }
    return [
        {
            "steps": float(step) if step != int(step) else int(step),
            **{n: float(c[row]) for n, c in courses.items() if c is not None},
        }
        for row, step in enumerate(evaluation.steps)
    ]


class Sweep(sweep.Sweep):
    """Networks of one CNN beside each other; see `spkeras.metrics.sweep.Sweep` for the fields."""

    def __repr__(self) -> str:
        return f"<Sweep of {self.model}: {len(self.points)} networks, {self.samples} samples>"

    def __str__(self) -> str:
        return "\n\n".join([to_text([sweep_table(self)]), *sweep_sentences(self)])

    def _repr_html_(self) -> str:
        return table_html(sweep_table(self))

    def to_dataframe(self) -> "pandas.DataFrame":
        """Return one row per network as a data frame.

        Raises:
            OptionError: pandas is not installed.
        """
        return data_frame(sweep_rows(self))

    def to_csv(self) -> str:
        """Return the networks as comma-separated values with a header."""
        return to_csv(self)

    def to_latex(self) -> str:
        """Return the table in LaTeX, for the package booktabs."""
        return to_latex(sweep_table(self))

    def plot(self, path: str | Path | None = None) -> "Figure":
        """Draw quality over latency and over energy.

        Args:
            path: File to write, with a suffix that matplotlib knows; None for none.

        Raises:
            OptionError: matplotlib is not installed.
        """
        return _drawn("sweep_plot", "sweep_plot", self, path)


class Tuned(tuning.Tuned):
    """The result of a search; see `spkeras.metrics.tuning.Tuned` for the fields."""

    def __repr__(self) -> str:
        return f"<Tuned {self.tried.model}: {self.point.network}, T = {self.point.timesteps}>"

    def __str__(self) -> str:
        table = to_text([sweep_table(self.tried.pareto())])
        return "\n\n".join([table, *tuned_sentences(self)])


def _drawn(module: str, function: str, record: object, path: str | Path | None) -> "Figure":
    """Return a figure of a record, written to a file if there is a path."""
    try:
        draw = getattr(importlib.import_module(f"spkeras.report.{module}"), function)
    except ImportError as error:
        raise OptionError("plot: needs matplotlib; run `pip install matplotlib`") from error
    figure: Figure = draw(record)
    if path is not None:
        figure.savefig(path)
    return figure


def data_frame(rows: list[dict[str, object]]) -> "pandas.DataFrame":
    """Return records as a data frame.

    Raises:
        OptionError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise OptionError("to_dataframe: needs pandas; run `pip install pandas`") from error
    return pandas.DataFrame(rows)
