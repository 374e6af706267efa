"""The spiking layer: a Keras layer around the neuron step of `spkeras.ops.neuron`."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import keras
from keras import ops

from spkeras.errors import OptionError
from spkeras.layers.base import Configured
from spkeras.layers.pooling import max_pooling
from spkeras.ops import neuron
from spkeras.ops.compiled import fused
from spkeras.ops.names import MOST_LEVELS, MOST_MANTISSA_BITS, NEURON_MODELS
from spkeras.ops.properties import is_plain
from spkeras.ops.types import ShapeLike, Tensor

Shape = Sequence[int]


@keras.saving.register_keras_serializable(package="spkeras")
class IntegrateFire(Configured):
    """Integrate-and-fire neurons: (current, state) to (spikes, state) for one time step.

    With ReLU, one spike a step and soft reset (the defaults):

        v <- v + z;   s = 1 if v >= V else 0;   v <- v - s V;   v(0) = alpha V

    z: input current, in the unit of the threshold. v: membrane potential. V: threshold.
    The general form, for other spikes, codes and functions, is in `spkeras.ops.neuron`. The
    layer holds no state: the caller passes it in and receives it, as with a recurrent cell.

    Args:
        model: "binary" (0, 1), "signed" (-1, 0, 1), "burst", "signed_burst", or graded:
            "multi_threshold", "sigma_delta" (0 and +-2^-k).
        reset: "subtract" (soft) or "zero"; zero only for plain binary neurons.
        initial_potential: Initial potential as a fraction of the threshold, in [0, 1].
        max_spikes_per_step: Largest number of spikes in one step, for the burst models.
        depth: Number of neurons before this one on the longest path from the input; with a
            staggered start it begins floor(depth * stagger) steps after the input.
        function: Name of the function that the firing rate follows: an activation, "linear", or
            a function of several inputs.
        parameters: Parameters of the function.
        pool: Max pooling of the received input: None, or a mapping with `pool_size`, `strides`,
            `padding` (or `keepdims`, for global pooling).
        spike_code: Code of the spikes: "rate", "differential" or "delta" (`spkeras.ops.code`).
        levels: Number of exponents of a graded spike: k = 0 .. levels - 1.
        mantissa_bits: Bits after the leading one of a graded spike.
        current_shapes: Shape of the current on each input, without the batch.
        threshold_shape: Shape of the thresholds, broadcast against the spikes' shape.
        slope_shape: Shape of PReLU's slopes, or None.
        weight_shape: Shape of the function's weight, or None.
        ceiling_shape: Shape of the bound of a bounded ReLU's real-valued rate, or None.
        constant_input_shapes: Shape of the constant that each input has received before
            the first step, or None.
        spikes_shape: Shape of the spikes without the batch; default: shape of the first current
            after pooling.

    Input shape:
        A list `[*currents, *state, clock]`: currents (batch, *shape); each state as
        `get_initial_state` returns it; clock (2,) with the step's index from 0 and the stagger.

    Output shape:
        A list `[spikes, *state]`.

    Raises:
        OptionError: an option is out of its range, or reset to zero with another neuron.

    Reference:
        Wu, Yi, Huang 2022, "A little energy goes a long way" (thresholding for residual
        elimination: alpha = 1/2); Rueckauer et al. 2017 (reset by subtraction).

    Example:
        >>> layer = IntegrateFire(current_shapes=[(1,)])
        >>> z, clock = ops.full((1, 1), 0.5), ops.zeros(2)
        >>> spikes, v = layer([z, *layer.get_initial_state(1), clock])
        >>> float(spikes[0, 0]), float(v[0, 0])
        (1.0, 0.0)
    """

    former = {
        "alpha": "initial_potential",
        "limit": "max_spikes_per_step",
        "code": "spike_code",
        "offset_shapes": "constant_input_shapes",
    }

    def __init__(
        self,
        model: str = "binary",
        reset: str = "subtract",
        initial_potential: float = 0.5,
        max_spikes_per_step: int = 1,
        depth: int = 0,
        function: str = "relu",
        parameters: Mapping[str, Any] | None = None,
        pool: Mapping[str, Any] | None = None,
        spike_code: str = "rate",
        levels: int = 8,
        mantissa_bits: int = 0,
        current_shapes: Sequence[Shape] = ((1,),),
        threshold_shape: Shape = (),
        slope_shape: Shape | None = None,
        weight_shape: Shape | None = None,
        ceiling_shape: Shape | None = None,
        constant_input_shapes: Sequence[Shape | None] | None = None,
        spikes_shape: Shape | None = None,
        **kwargs: Any,
    ) -> None:
        # Potentials are compared with thresholds: half precision would move spikes.
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.model, self.reset = model, reset
        self.initial_potential, self.max_spikes_per_step = initial_potential, max_spikes_per_step
        self.depth, self.function, self.pool = depth, function, pool
        self.spike_code, self.levels, self.mantissa_bits = spike_code, levels, mantissa_bits
        self.parameters = dict(parameters or {})
        self.current_shapes = [tuple(shape) for shape in current_shapes]
        self.constant_input_shapes = list(
            constant_input_shapes or [None] * len(self.current_shapes)
        )
        self.threshold_shape, self.slope_shape = threshold_shape, slope_shape
        self.weight_shape, self.ceiling_shape = weight_shape, ceiling_shape
        self._check()
        self._pooling: Callable[[Tensor], Tensor] | None = max_pooling(pool) if pool else None
        self.threshold = self._constant("threshold", self.threshold_shape)
        self.slope = self._constant("slope", self.slope_shape)
        self.weight = self._constant("weight", self.weight_shape)
        self.ceiling = self._constant("ceiling", self.ceiling_shape)
        for index, shape in enumerate(self.constant_input_shapes):
            setattr(self, f"constant_input{index}", self._constant(f"constant_input{index}", shape))
        self.spikes_shape = tuple(spikes_shape or self._pooled_shape())
        self.built = True

    def _constant(self, name: str, shape: Shape | None) -> keras.Variable | None:
        if shape is None:
            return None
        zero = name.startswith("constant_input")
        return self.add_weight(
            shape=tuple(shape), initializer="zeros" if zero else "ones", trainable=False, name=name
        )

    def _pooled_shape(self) -> tuple[int, ...]:
        shape = self.current_shapes[0]
        if self._pooling is None:
            return shape
        return tuple(self._pooling(keras.KerasTensor((1, *shape))).shape[1:])

    def _check(self) -> None:
        model = NEURON_MODELS.get(self.model, NEURON_MODELS["binary"])
        allowed = {
            "model": tuple(NEURON_MODELS),
            "reset": ("subtract", "zero"),
            "spike_code": model.spike_codes,
        }
        for option, values in allowed.items():
            if getattr(self, option) not in values:
                raise OptionError(f"{option}={getattr(self, option)!r}; allowed: {values}")
        if not 0 <= self.initial_potential <= 1:
            raise OptionError(f"initial_potential={self.initial_potential!r}; allowed: 0 to 1")
        if not 1 <= self.levels <= MOST_LEVELS:
            raise OptionError(f"levels={self.levels!r}; allowed: 1 to {MOST_LEVELS}")
        if not 0 <= self.mantissa_bits <= MOST_MANTISSA_BITS:
            most = MOST_MANTISSA_BITS
            raise OptionError(f"mantissa_bits={self.mantissa_bits!r}; allowed: 0 to {most}")
        if self.max_spikes_per_step < 1 or (self.max_spikes_per_step > 1 and not model.burst):
            raise OptionError(
                f"max_spikes_per_step={self.max_spikes_per_step!r} with model={self.model!r}; "
                "allowed: 1, or more for bursts"
            )
        plain = is_plain(
            self.model,
            self.spike_code,
            function=self.function,
            parameters=self.parameters,
            pooled=bool(self.pool),
        )
        if self.reset == "zero" and not plain:
            raise OptionError(
                "reset='zero' is defined only for binary ReLU neurons without max pooling under the "
                f"rate code; received model={self.model!r}, function={self.function!r}, "
                f"pool={self.pool!r}, spike_code={self.spike_code!r}"
            )

    @property
    def constants(self) -> neuron.Constants:
        """Constants of the neurons, as `spkeras.ops.neuron` takes them."""
        numbers = dict(self.parameters)
        for name in ("slope", "weight"):
            if getattr(self, name) is not None:
                numbers[name] = ops.convert_to_tensor(getattr(self, name))
        return neuron.Constants(
            threshold=ops.convert_to_tensor(self.threshold),
            model=self.model,
            reset=self.reset,
            initial_potential=self.initial_potential,
            max_spikes_per_step=self.max_spikes_per_step,
            function=self.function,
            numbers=numbers,
            pool=self._pooling,
            ceiling=_tensor(self.ceiling),
            spike_code=self.spike_code,
            levels=self.levels,
            mantissa_bits=self.mantissa_bits,
            constant_inputs=tuple(_tensor(offset) for offset in self.constant_inputs),
        )

    @property
    def constant_inputs(self) -> list[keras.Variable | None]:
        """Constant that each input has received before the first step; None for none."""
        return [
            getattr(self, f"constant_input{index}") for index in range(len(self.current_shapes))
        ]

    @property
    def state_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the state tensors without the batch."""
        if self.constants.is_plain:
            return [self.spikes_shape]
        return [*self.current_shapes, self.spikes_shape]

    def get_initial_state(self, batch_size: Tensor) -> list[Tensor]:
        """Return the state before the first step, for that many samples."""

        def zeros(index: int | None) -> Tensor:
            shape = self.spikes_shape if index is None else self.current_shapes[index]
            return ops.zeros((batch_size, *shape), "float32")

        return list(neuron.initial_state(zeros, self.constants))

    def call(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Run one time step; see the class."""
        cut = len(self.current_shapes)
        currents, state, clock = inputs[:cut], inputs[cut:-1], inputs[-1]
        elapsed = clock[0] - ops.floor(clock[1] * self.depth) + 1
        spikes, state_after = self._step(list(currents), tuple(state), elapsed)
        return [spikes, *state_after]

    @cached_property
    def _step(self) -> Callable[..., Any]:
        return fused(self._one_step)

    def _one_step(
        self, currents: list[Tensor], state: tuple[Tensor, ...], elapsed: Tensor
    ) -> Tensor:
        return neuron.step(currents, state, elapsed, self.constants)

    def compute_output_shape(self, input_shape: ShapeLike) -> ShapeLike:
        """Return the shapes of the spikes and the states."""
        batch = input_shape[0][0]
        return [(batch, *shape) for shape in (self.spikes_shape, *self.state_shapes)]


def _tensor(variable: keras.Variable | None) -> Tensor:
    return None if variable is None else ops.convert_to_tensor(variable)
