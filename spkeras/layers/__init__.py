"""Keras layers that a converted model is made of; importing them registers them."""

from spkeras import registration
from spkeras.layers.integrate_fire import FiringRate, IntegrateFire, SpikeCount

__all__ = ["FiringRate", "IntegrateFire", "SpikeCount"]

registration.complete()
