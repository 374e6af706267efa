"""Keras layers that a converted model is made of; importing them registers them."""

from spkeras import registration
from spkeras.layers.integrate_fire import FiringRate, IntegrateFire, SpikeCount
from spkeras.layers.log_weights import LogConv2D, LogDense
from spkeras.layers.ttfs import BurstActivation, PhaseActivation, TTFSActivation

__all__ = [
    "BurstActivation",
    "FiringRate",
    "IntegrateFire",
    "LogConv2D",
    "LogDense",
    "PhaseActivation",
    "SpikeCount",
    "TTFSActivation",
]

registration.complete()
