"""Bins of the histograms of calibration, by hand."""

import numpy as np


def bins(values):
    """The bins of non-negative values: exponent and first six bits of the mantissa of a float32."""
    return np.ascontiguousarray(values, np.float32).view(np.uint32) >> np.uint32(17)
