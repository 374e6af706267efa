"""Measurements of the CNN on data, and corrections of a converted network from such measurements."""

from spkeras.calibration.correction import correct
from spkeras.calibration.thresholds import train_thresholds

__all__ = ["correct", "train_thresholds"]
