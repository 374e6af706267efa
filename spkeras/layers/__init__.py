"""Keras layers that a converted model is made of; importing them registers them."""

from spkeras.layers.integrate_fire import FiringRate, IntegrateFire

__all__ = ["FiringRate", "IntegrateFire"]
