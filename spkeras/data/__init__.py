"""Samples and labels as users hold them: arrays, streams, files, names of data sets.

Pixels keep their stored values unless a scale is given: a network was trained on one range of
values, and the data do not say which.
"""

from spkeras.data.fit import fit_inputs
from spkeras.data.layout import Batch
from spkeras.data.open import DataLike, open_data
from spkeras.data.read import read_data
from spkeras.data.samples import Data
from spkeras.data.source import Source

__all__ = ["Batch", "Data", "DataLike", "Source", "fit_inputs", "open_data", "read_data"]
