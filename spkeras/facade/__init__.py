"""What users call: `convert`, `evaluate`, `verify`."""

from spkeras.facade.conversion import convert
from spkeras.facade.evaluation import evaluate
from spkeras.facade.verification import verify

__all__ = ["convert", "evaluate", "verify"]
