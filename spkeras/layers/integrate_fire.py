"""The spiking layer: a Keras layer around the pure neuron step."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from keras import ops

from spkeras.errors import OptionError
from spkeras.layers.pooling import max_pooling
from spkeras.ops import neuron
from spkeras.ops.properties import is_rectifier


@keras.saving.register_keras_serializable(package="spkeras")
class IntegrateFire(keras.layers.Layer):
    """Maps (current, membrane state) to (spikes, membrane state), for one time step.

    With ReLU, one spike a step and soft reset (the defaults):

        v <- v + z;   s = 1 if v >= V else 0;   v <- v - s V;   v(0) = alpha V

    z: input current, in the unit of the threshold. v: membrane potential. V: threshold.
    The general form, for signed and burst spikes, other activations and max pooling, is in
    `spkeras.ops.neuron`. The layer holds no state of its own: the caller carries it, as with
    the cell of a recurrent layer.

    Args:
        model: "binary" (0, 1), "signed" (-1, 0, 1), "burst" or "signed_burst".
        reset: "subtract" (soft) or "zero"; zero only for plain binary neurons.
        alpha: Share of the threshold given in advance, in [0, 1].
        limit: Largest number of spikes in one step, for the burst models.
        depth: Neurons before it on the longest way from the input; with a staggered start it
            begins `depth * stagger` steps after the input.
        function: Activation the count follows, by name, or "linear".
        parameters: The activation's numbers.
        pool: Max pooling of what was received: None, or a mapping with `pool_size`,
            `strides`, `padding` (or `keepdims`, for global pooling).
        current_shape: Shape of the current without the batch.
        threshold_shape: Shape of the thresholds, broadcast against the spikes' shape.
        slope_shape: Shape of PReLU's slopes, or None.
        ceiling_shape: Shape of the bound of a bounded ReLU's analogue rate, or None.

    Input shape:
        A list `[current, *state, clock]`: current (batch, *current_shape), each state as
        `get_initial_state` gives it, clock (2,) with the step's index from 0 and the stagger.

    Output shape:
        A list `[spikes, *state]`.

    Raises:
        OptionError: an option out of its range, or reset to zero with another neuron.

    Reference:
        Wu, Yi, Huang 2022, "A little energy goes a long way" (thresholding for residual
        elimination: alpha = 1/2); Rueckauer et al. 2017 (reset by subtraction).

    Example:
        >>> layer = IntegrateFire(current_shape=(1,))
        >>> z, clock = ops.full((1, 1), 0.5), ops.zeros(2)
        >>> spikes, v = layer([z, *layer.get_initial_state(1), clock])
        >>> float(spikes[0, 0]), float(v[0, 0])
        (1.0, 0.0)
    """

    def __init__(
        self,
        model: str = "binary",
        reset: str = "subtract",
        alpha: float = 0.5,
        limit: int = 1,
        depth: int = 0,
        function: str = "relu",
        parameters: Mapping[str, Any] | None = None,
        pool: Mapping[str, Any] | None = None,
        current_shape: Sequence[int] = (1,),
        threshold_shape: Sequence[int] = (),
        slope_shape: Sequence[int] | None = None,
        ceiling_shape: Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model, self.reset, self.alpha, self.limit = model, reset, alpha, limit
        self.depth, self.function, self.pool = depth, function, pool
        self.parameters = dict(parameters or {})
        self.current_shape = tuple(current_shape)
        self.threshold_shape = tuple(threshold_shape)
        self.slope_shape = None if slope_shape is None else tuple(slope_shape)
        self._check()
        self._pooling: Callable[[Any], Any] | None = max_pooling(pool) if pool else None
        self.spikes_shape = self.current_shape
        if self._pooling is not None:
            pooled = self._pooling(keras.KerasTensor((1, *self.current_shape)))
            self.spikes_shape = tuple(pooled.shape[1:])
        self.ceiling_shape = None if ceiling_shape is None else tuple(ceiling_shape)
        self.threshold = self._constant("threshold", self.threshold_shape)
        self.slope = self._constant("slope", self.slope_shape)
        self.ceiling = self._constant("ceiling", self.ceiling_shape)
        self.built = True

    def _constant(self, name: str, shape: tuple[int, ...] | None) -> keras.Variable | None:
        if shape is None:
            return None
        return self.add_weight(shape=shape, initializer="ones", trainable=False, name=name)

    def _check(self) -> None:
        allowed = {"model": tuple(neuron.MODELS), "reset": ("subtract", "zero")}
        for option, values in allowed.items():
            if getattr(self, option) not in values:
                raise OptionError(f"{option}={getattr(self, option)!r}; allowed: {values}")
        if not 0 <= self.alpha <= 1:
            raise OptionError(f"alpha={self.alpha!r}; allowed: 0 to 1")
        bursting = neuron.MODELS[self.model].burst
        if self.limit < 1 or (self.limit > 1 and not bursting):
            raise OptionError(
                f"limit={self.limit!r} with model={self.model!r}; allowed: 1, or more for bursts"
            )
        plain = is_rectifier(self.function, self.parameters) and self.model == "binary"
        if self.reset == "zero" and (self.pool or not plain):
            raise OptionError(
                "reset='zero' is defined for binary ReLU neurons without max pooling alone; "
                f"received model={self.model!r}, function={self.function!r}, pool={self.pool!r}"
            )

    @property
    def constants(self) -> neuron.Constants:
        """The neuron's constants, as `spkeras.ops.neuron` takes them."""
        numbers = dict(self.parameters)
        if self.slope is not None:
            numbers["slope"] = ops.convert_to_tensor(self.slope)
        return neuron.Constants(
            ops.convert_to_tensor(self.threshold),
            self.model,
            self.reset,
            self.alpha,
            self.limit,
            self.function,
            numbers,
            self._pooling,
            None if self.ceiling is None else ops.convert_to_tensor(self.ceiling),
        )

    @property
    def state_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the state tensors without the batch."""
        if self.constants.is_plain:
            return [self.spikes_shape]
        return [self.current_shape, self.spikes_shape]

    def get_initial_state(self, batch_size: Any) -> list[Any]:
        """The state before the first step, for that many samples."""

        def zeros(spikes: bool) -> Any:
            shape = self.spikes_shape if spikes else self.current_shape
            return ops.zeros((batch_size, *shape), "float32")

        return list(neuron.initial_state(zeros, self.constants))

    def call(self, inputs: Sequence[Any]) -> list[Any]:
        """One time step; see the class."""
        current, *state, clock = inputs
        elapsed = clock[0] - clock[1] * self.depth + 1
        spikes, state_after = neuron.step(current, tuple(state), elapsed, self.constants)
        return [spikes, *state_after]

    def compute_output_shape(self, input_shape: Sequence[Any]) -> list[Any]:
        """Shapes of the spikes and the states."""
        batch = input_shape[0][0]
        return [(batch, *shape) for shape in (self.spikes_shape, *self.state_shapes)]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = (
            "model", "reset", "alpha", "limit", "depth", "function", "parameters", "pool",
            "current_shape", "threshold_shape", "slope_shape", "ceiling_shape",
        )  # fmt: skip
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="spkeras")
class FiringRate(keras.layers.Layer):
    """The firing rate that a layer of neurons gives for a mean current, without a loop.

    Args:
        neurons: The `IntegrateFire` layer whose thresholds it shares.
        mode: "analogue": f(z) / V; "clipped": cut to what a step can send.

    Input shape:
        Mean current per step, (batch, ...).

    Output shape:
        As the spikes: spikes per step.
    """

    def __init__(self, neurons: IntegrateFire, mode: str = "analogue", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.neurons, self.mode = neurons, mode
        self.built = True

    def call(self, current: Any) -> Any:
        """The rates; see the class."""
        of_current = neuron.rate if self.mode == "analogue" else neuron.clipped_rate
        return of_current(current, self.neurons.constants)

    def compute_output_shape(self, input_shape: Sequence[Any]) -> Any:
        """Shape of the spikes."""
        return (input_shape[0], *self.neurons.spikes_shape)


@keras.saving.register_keras_serializable(package="spkeras")
class SpikeCount(keras.layers.Layer):
    """Spikes that a layer of neurons sends in a window it has received: the closed form.

    Args:
        neurons: The `IntegrateFire` layer whose thresholds it shares.

    Input shape:
        `[received, timesteps]`: sum of the currents over the window (batch, ...), T as (1,).

    Output shape:
        As the spikes: whole numbers.
    """

    def __init__(self, neurons: IntegrateFire, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.neurons = neurons
        self.built = True

    def call(self, inputs: Sequence[Any]) -> Any:
        """The counts; see the class."""
        received, timesteps = inputs
        return neuron.count(received, timesteps, self.neurons.constants)

    def compute_output_shape(self, input_shape: Sequence[Any]) -> Any:
        """Shape of the spikes."""
        return (input_shape[0][0], *self.neurons.spikes_shape)
