"""Types of arrays that annotations share."""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Samples, labels or targets as a user gives them: an array, or a list or tuple of arrays for
# several inputs or outputs.
Samples: TypeAlias = ArrayLike

Float32Array: TypeAlias = NDArray[np.float32]
Float64Array: TypeAlias = NDArray[np.float64]
Int32Array: TypeAlias = NDArray[np.int32]
Int64Array: TypeAlias = NDArray[np.int64]
UInt8Array: TypeAlias = NDArray[np.uint8]
UInt16Array: TypeAlias = NDArray[np.uint16]
UInt32Array: TypeAlias = NDArray[np.uint32]
BoolArray: TypeAlias = NDArray[np.bool_]
