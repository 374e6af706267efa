"""The quantizing activation with a trained ceiling."""

from typing import Any

import keras
from keras import ops

from spkeras.errors import OptionError
from spkeras.layers.quantizing import _Bounded, check_count, check_positive
from spkeras.ops.straight_through import TOLERANCE, counted
from spkeras.ops.types import Tensor


@keras.saving.register_keras_serializable(package="spkeras", name="QCFS")
class QCFSActivation(_Bounded):
    """lambda clip(floor(x L / lambda + 1/2) / L, 0, 1), with lambda trained.

    Args:
        levels: int. L, number of levels in training.
        initial: float. lambda before training, in units of the input; the published code
            starts from 8.
        shift: float. Initial potential as a fraction of a level, 0 <= shift < 1.

    Input shape:
        Any.

    Output shape:
        The same.

    Training:
        With respect to x: 1 where 0 <= x <= lambda, else 0. With respect to lambda: the rounding
        error over lambda where 0 <= x <= lambda; 1 above; 0 below.

    Raises:
        OptionError: an argument is out of its range.

    Reference:
        Bu et al. 2022, "Optimal ANN-SNN conversion for high-accuracy and ultra-low-latency
        spiking neural networks", ICLR (quantization clip-floor-shift).

    Example:
        >>> QCFSActivation(2, initial=1.0)(ops.array([-1.0, 0.2, 0.3, 2.0])).numpy()
        array([0. , 0. , 0.5, 1. ], dtype=float32)
    """

    def __init__(
        self, levels: int = 8, initial: float = 8.0, shift: float = 0.5, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_count("levels", levels)
        check_positive("initial", initial)
        if not 0 <= shift < 1:
            raise OptionError(f"shift={shift!r}; allowed: from 0 to below 1")
        self.levels, self.initial, self.shift = levels, initial, shift
        self.scale = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(initial), name="scale"
        )
        self.built = True

    @property
    def timesteps(self) -> int:
        """L, under the name that all quantizing activations share."""
        return self.levels

    @property
    def ceiling(self) -> float:
        """Current value of lambda."""
        return float(ops.convert_to_numpy(self.scale))

    @property
    def initial_potential(self) -> float:
        """Initial potential as a fraction of a level, with the rounding tolerance."""
        return self.shift + TOLERANCE

    def set_timesteps(self, timesteps: int) -> None:
        """Set L."""
        check_count("levels", timesteps)
        self.levels = timesteps

    def call(self, x: Tensor) -> Tensor:
        """Return the quantized values."""
        scale = ops.convert_to_tensor(self.scale)
        return counted(x / scale, 1.0, self.levels, self.shift, cut=False) * scale
