"""Run a converted network over samples, or step by step."""

from spkeras.simulate.run import Simulation, equal_slices
from spkeras.simulate.stream import Stream

__all__ = ["Simulation", "Stream", "equal_slices"]
