"""Types that annotations share."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

# A tensor of Keras's backend: computed, traced or symbolic; or an array that Keras takes for one.
# The backends have no common base class.
Tensor: TypeAlias = Any
# A shape with the batch first, None for any size; or a list of shapes, for several tensors.
ShapeLike: TypeAlias = Any

# Samples, labels or targets as a user gives them: an array, or a list or tuple of arrays for
# several inputs or outputs.
Samples: TypeAlias = ArrayLike
# A value of a JSON file, or one that may be written to it.
Json: TypeAlias = dict[str, Any] | list[Any] | tuple[Any, ...] | str | int | float | bool | None

Float32Array: TypeAlias = NDArray[np.float32]
Float64Array: TypeAlias = NDArray[np.float64]
Int32Array: TypeAlias = NDArray[np.int32]
Int64Array: TypeAlias = NDArray[np.int64]
UInt8Array: TypeAlias = NDArray[np.uint8]
UInt16Array: TypeAlias = NDArray[np.uint16]
UInt32Array: TypeAlias = NDArray[np.uint32]
BoolArray: TypeAlias = NDArray[np.bool_]
