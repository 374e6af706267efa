"""Keras layers of converted models; importing this package registers them."""

from spkeras import registration
from spkeras.layers.encoding import ChannelExpansion, InputQuantizer, TrainablePooling2D
from spkeras.layers.integrate_fire import IntegrateFire
from spkeras.layers.log_weights import LogConv1D, LogConv2D, LogDense, LogDepthwiseConv2D
from spkeras.layers.merging import AbsoluteDifference, EuclideanDistance, FirstTensor
from spkeras.layers.qcfs import QCFSActivation
from spkeras.layers.quantizing import Clamp, ClampQuantize, ValueRange
from spkeras.layers.rates import FiringRate, SpikeCount
from spkeras.layers.staged import Staged
from spkeras.layers.ttfs import BurstActivation, PhaseActivation, TTFSActivation
from spkeras.layers.uniform import UniformQuantizer

__all__ = [
    "AbsoluteDifference",
    "BurstActivation",
    "ChannelExpansion",
    "Clamp",
    "ClampQuantize",
    "EuclideanDistance",
    "FiringRate",
    "FirstTensor",
    "InputQuantizer",
    "IntegrateFire",
    "LogConv1D",
    "LogConv2D",
    "LogDense",
    "LogDepthwiseConv2D",
    "PhaseActivation",
    "QCFSActivation",
    "SpikeCount",
    "Staged",
    "TTFSActivation",
    "TrainablePooling2D",
    "UniformQuantizer",
    "ValueRange",
]

registration.complete()
