"""How functions of the events engine are compiled by numba."""

from typing import cast

import numpy as np
from numba import njit

# Contraction: one instruction for multiply and add. Sums are float32. Only `kernels.run` is kept on
# disk: it contains all others.
compiled = njit(nogil=True, fastmath={"contract", "nsz"}, error_model="numpy")
kept = njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, error_model="numpy")
# A literal would be a type of its own, for which numba compiles a function once more.
ZERO, FAR = cast(int, np.int64(0)), cast(int, np.int64(1 << 40))
