"""Simulation of a converted network, over samples or step by step."""

from spkeras.simulation.engine import choose
from spkeras.simulation.run import Simulator, evaluation_steps
from spkeras.simulation.stream import Stream

__all__ = ["Simulator", "Stream", "choose", "evaluation_steps"]
