"""Results that present themselves: as text, a table, a data frame, a plot."""

from pathlib import Path
from typing import TYPE_CHECKING

from spkeras.errors import OptionError
from spkeras.metrics import sweep
from spkeras.report.html_table import table_html
from spkeras.report.sweep import sweep_rows, sweep_sentences, sweep_table, to_csv, to_latex
from spkeras.report.terminal import to_text

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


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
        try:
            from spkeras.report.sweep_plot import sweep_plot
        except ImportError as error:
            raise OptionError("plot: needs matplotlib; run `pip install matplotlib`") from error
        figure = sweep_plot(self)
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
