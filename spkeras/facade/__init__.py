"""What users call: `demo`, `load_model`, `convert`, `evaluate`, `verify`, `sweep`, `tune`, `summary`, plots.

Importing this package loads no backend: networks without Keras are evaluated without.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spkeras.facade.conversion import convert
    from spkeras.facade.evaluation import evaluate
    from spkeras.facade.exporting import export, from_nir
    from spkeras.facade.integer_ranges import integer_ranges
    from spkeras.facade.loading import load_model, read_model
    from spkeras.facade.summaries import plot_raster, plot_rates, plot_thresholds, summary
    from spkeras.facade.sweeps import sweep
    from spkeras.facade.tuning import tune
    from spkeras.facade.verification import verify

# Name: module that defines it.
_HOMES = {
    "convert": "conversion",
    "evaluate": "evaluation",
    "export": "exporting",
    "from_nir": "exporting",
    "integer_ranges": "integer_ranges",
    "load_model": "loading",
    "plot_raster": "summaries",
    "plot_rates": "summaries",
    "plot_thresholds": "summaries",
    "read_model": "loading",
    "summary": "summaries",
    "sweep": "sweeps",
    "tune": "tuning",
    "verify": "verification",
}
__all__ = [
    "convert",
    "evaluate",
    "export",
    "from_nir",
    "integer_ranges",
    "load_model",
    "plot_raster",
    "plot_rates",
    "plot_thresholds",
    "read_model",
    "summary",
    "sweep",
    "tune",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
