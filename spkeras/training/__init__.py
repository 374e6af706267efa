"""Training for conversion: twins of CNNs that take the values which spikes carry."""

from spkeras.training.prepare import finished, prepare
from spkeras.training.thresholds import train_thresholds

__all__ = ["finished", "prepare", "train_thresholds"]
