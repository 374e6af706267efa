"""What users call: `convert`, `evaluate`, `verify`, `sweep`."""

from spkeras.facade.conversion import convert
from spkeras.facade.evaluation import evaluate
from spkeras.facade.sweeps import sweep
from spkeras.facade.verification import verify

__all__ = ["convert", "evaluate", "sweep", "verify"]
