"""Measurements of the CNN on data, and corrections of a converted network from such measurements."""

from spkeras.calibration.correction import correct
from spkeras.calibration.offset_spikes import offset_spikes
from spkeras.calibration.thresholds import train_thresholds

__all__ = ["correct", "offset_spikes", "train_thresholds"]
