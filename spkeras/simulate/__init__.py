"""Simulation of a converted network, over samples or step by step."""

from spkeras.simulate.engine import choose
from spkeras.simulate.run import Simulation, equal_slices, looked_at
from spkeras.simulate.stream import Stream

__all__ = ["Simulation", "Stream", "choose", "equal_slices", "looked_at"]
