"""Samples and labels from files, folders and well-known data sets, fitted to a model.

Pixels keep their stored values unless a scale is given: a network was trained on one range of
values, and the data do not say which.
"""

from spkeras.data.fit import fit_inputs
from spkeras.data.read import read_data
from spkeras.data.samples import Data

__all__ = ["Data", "fit_inputs", "read_data"]
