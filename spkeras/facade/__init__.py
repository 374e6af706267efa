"""What users call: `demo`, `load_model`, `convert`, `evaluate`, `verify`, `sweep`, `tune`, `summary`, plots."""

from spkeras.facade.conversion import convert
from spkeras.facade.demo import demo
from spkeras.facade.evaluation import evaluate
from spkeras.facade.loading import load_model, read_model
from spkeras.facade.summaries import plot_raster, plot_rates, plot_thresholds, summary
from spkeras.facade.sweeps import sweep
from spkeras.facade.tuning import tune
from spkeras.facade.verification import verify

__all__ = [
    "convert",
    "demo",
    "evaluate",
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
