"""Samples and labels from files, folders and well-known sets, fitted to a model.

Pixels are passed on as they are stored unless a scale is given: a network was trained on
one range of values, and nothing in the data says which.
"""

from spkeras.data.fit import fit_inputs
from spkeras.data.read import read_data
from spkeras.data.samples import Data

__all__ = ["Data", "fit_inputs", "read_data"]
