"""Streams of frames (video, sensors): the state is kept, so that only changes are sent."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from spkeras.data.events import frames_of
from spkeras.errors import DataError, OptionError
from spkeras.ops.code import keeps_values
from spkeras.ops.compiled import compiled
from spkeras.ops.functional import functional
from spkeras.ops.precision import computing_in
from spkeras.ops.types import Tensor
from spkeras.simulation.frames import as_frame
from spkeras.snn.model import loop_of
from spkeras.snn.network import Network, as_list
from spkeras.snn.steps import State, advance, initial_state, values_of

# Steps after which float32 sums are computed anew, which bounds their rounding error.
REFRESH = 64


class Stream:
    """A converted network that keeps its state from step to step and from frame to frame.

    Delta code (recipe "sigma_delta"): each frame sends its difference to the frame before, the
    first one all of itself. Steps run until one sends nothing: the batch is settled. Two
    properties then hold.

    *Guaranteed*: each receiving neuron holds f(received) / V of its source to within
    (1 - 2^-(mantissa_bits + 2)) of the smallest spike 2^(1 - levels), for any number of frames
    before. V is the threshold of the source, f its function. A settled fresh run has the same
    bound. The two need not be equal, since the remainder below the resolution depends on the
    frames before. They are equal, bit for bit, where every f(received) / V is a multiple of the
    smallest spike and float32 holds all sums.

    *Measured*: the difference between the outputs of the two (docs/measurements/streams.md).

    float32 sums of differences would drift. Every `REFRESH` steps, the sum that each neuron and
    read-out has received is computed anew from what its sources have sent. These are the last
    input, and sums of spikes, which float32 holds exactly up to 2^(25 - levels - mantissa_bits)
    thresholds. The refresh sends nothing; it reproduces the integers that a chip adds up without
    rounding.

    Rate code: a running simulation. Potentials are kept, and the sums of the read-outs start anew
    with each frame. Layers start one after the other (stagger) only after a reset. A neuron whose
    input was negative for many steps needs as many to recover: the answer to a frame depends on
    the frames before it.

    Differential code: spikes have weight 1 / t, so that later frames could hardly be sent. An
    input that changes before the next `reset` is refused.

    Args:
        snn: A converted model; its coding, stagger and seed apply, its schedule does not.

    Attributes:
        time: Steps taken since the last reset.
        frames: Frames taken since the last reset.
        frame_spikes: Number of spikes of the last frame by layer, (batch,), whole numbers.
        frame_steps: Steps that the last frame took, including the last one, which sends nothing.

    Example:
        stream = spkeras.Stream(snn)
        for image in video:                    # each (batch, height, width, channels)
            logits = stream.frame(image)
            print(sum(stream.frame_spikes.values()), stream.frame_steps)
    """

    def __init__(self, snn: keras.Model) -> None:
        self.loop = loop_of(snn)
        if self.loop.presteps:
            raise OptionError(
                f"{snn.name}: correction='offset_spikes' shifts potentials before the first step of "
                "each sample; allowed: None, or 'light', 'advanced', 'both'"
            )
        self._network = self.loop.network
        self._names = [node.name for node in self._network.neurons]
        self._keeps = keeps_values(self.loop.spike_code)
        variables = list(self.loop.variables)
        self._drive = compiled(self._driven, variables)
        self._step = compiled(self._one_step, variables)
        # Built here: a model built inside a traced call would keep its tensors.
        self._held = _held(self._network) if self._keeps else None
        self._refresh = compiled(self._refreshed, variables)
        self.reset()

    def reset(self) -> None:
        """Clear the state: potentials, received and sent sums, frames."""
        self.time = self.frames = self.frame_steps = 0
        self.frame_spikes: dict[str, np.ndarray] = {}
        self._sent: Sequence[Any] = ()  # spikes of the last step, on the device
        self._start = 0  # step at which the sums of the read-outs began
        self._last: list[np.ndarray] = []  # inputs of the last step
        self._frontier: list[Any] = []  # input currents of the last step
        self._state: State | None = None

    @property
    def spikes(self) -> dict[str, np.ndarray]:
        """Spikes of the last step by layer of neurons, (batch, ...); empty after a reset."""
        pairs = zip(self._names, self._sent, strict=False)
        return {name: ops.convert_to_numpy(spikes) for name, spikes in pairs}

    @property
    def settled(self) -> bool:
        """Whether the last step sent no spike; under the delta code, nothing is left to send."""
        return self.time > 0 and not any(spikes.any() for spikes in self.spikes.values())

    def step(self, *inputs: np.ndarray) -> Tensor:
        """Run one time step with these inputs.

        Args:
            inputs: One array (batch, ...) per input, in the CNN's units. They may change from
                step to step; the batch size may change only after a reset.

        Returns:
            The outputs: the value of each read-out; under the rate code its mean over the steps
            since the reset or the start of the last frame. A list for several outputs.

        Raises:
            DataError: wrong number of inputs, wrong shape, another batch size than in the last
                step, NaN or infinity. No spike has been sent then.
            OptionError: a changed input under the differential code.
        """
        outputs, _ = self._advance(self._checked("step", inputs))
        return _shown(outputs)

    def frame(self, *inputs: np.ndarray, steps: int | None = None) -> Tensor:
        """Run the steps of one frame; see the class.

        Args:
            inputs: One array (batch, ...) per input, in the CNN's units.
            steps: Under the delta code the largest number of steps; what is unsent by then is sent
                with the next frame (see `settled`). Otherwise the number of steps. Default: the
                network's T.

        Returns:
            The outputs as in `step`; under the rate code their mean over this frame's steps
            (zeros for a read-out that has not started, see stagger).

        Raises:
            DataError: as `step`.
            OptionError: as `step`, or `steps` is not a whole number from 1.
        """
        most = self.loop.timesteps if steps is None else steps
        if int(most) != most or most < 1:
            raise OptionError(f"frame: steps={steps!r}; allowed: whole numbers from 1, or None")
        values: list[np.ndarray] | None = self._checked("frame", inputs)
        if not self._keeps:
            self._begin_sums()
        counts = np.zeros((len(self._names), len(inputs[0])), np.int64)
        for taken in range(1, int(most) + 1):
            outputs, counted = self._advance(values)
            values, sent = None, ops.convert_to_numpy(counted).astype(np.int64)
            counts += sent
            if self.loop.spike_code == "delta" and not sent.any():
                break
        self.frames, self.frame_steps = self.frames + 1, taken
        self.frame_spikes = dict(zip(self._names, counts, strict=True))
        return _shown(outputs)

    def events(self, recording: np.ndarray, steps: int | None = None) -> Tensor:
        """Run the steps of one recording (`spkeras.data.events`), T or `steps`, and return as `step`."""
        shape = self._network.graph.of("input")[0].shape
        for frame in frames_of([recording], shape, steps or self.loop.timesteps)[0]:
            outputs = self.step(frame[None])
        return outputs

    def _begin_sums(self) -> None:
        """Let the means of the read-outs begin with the next step."""
        self._start = self.time
        if self._state is not None:
            zeros = [ops.zeros_like(total) for total in self._state.sums]
            self._state = self._state._replace(sums=zeros)

    def _checked(self, where: str, inputs: Sequence[Tensor]) -> list[np.ndarray]:
        """Return the inputs as float32 if they are valid here; the state does not change."""
        nodes = self._network.graph.of("input")
        if len(inputs) != len(nodes):
            raise DataError(
                f"{where}: received {len(inputs)} inputs, allowed: {len(nodes)} "
                f"({', '.join(node.name for node in nodes)}); give one array for each"
            )
        values = [
            as_frame(f"{where}: {node.name}", np.asarray(array), node.shape)
            for node, array in zip(nodes, inputs, strict=True)
        ]
        sizes = {len(value) for value in values}
        running = {len(value) for value in self._last} or sizes
        if len(sizes) != 1 or sizes != running:
            raise DataError(
                f"{where}: received {_or(sizes)} samples, {_or(running)} are running; allowed: "
                "the same number for each input and in each step; reset() first to change it"
            )
        pairs = zip(values, self._last, strict=False)
        if self.loop.spike_code == "differential" and any((a != b).any() for a, b in pairs):
            raise OptionError(
                f"{where}: the input has changed, but differential spikes have weight 1 / t, t "
                "counted from the first step, so that changes can hardly be sent; allowed: the same "
                "input until reset(). For streams convert with recipe='sigma_delta'"
            )
        return values

    def _advance(self, values: list[np.ndarray] | None) -> tuple[Tensor, Tensor]:
        """Run one step; return the outputs and the number of spikes (layers, batch).

        Args:
            values: The inputs; None for those of the step before.
        """
        state = self._state
        if state is None:
            values = values or []
            state = initial_state(self.loop, len(values[0]))
            self._last = [np.zeros_like(value) for value in values] if self._keeps else values
        elif self.loop.spike_code == "delta" and self.time % REFRESH == 0:
            sums, states = self._refresh(self._last, state.neurons)
            state = state._replace(sums=sums, neurons=states)
        if values is not None:
            self._frontier = self._drive(values, self._last, state.time)
            self._last = values
        elif self._keeps:
            self._frontier = [ops.zeros_like(current) for current in self._frontier]
        elif self.loop.input_encoding != "constant":
            self._frontier = self._drive(self._last, self._last, state.time)
        outputs, after, self._sent, counts = self._step(
            self._frontier, state, np.float32(self._start)
        )
        self._state = State(*after)
        self.time += 1
        return outputs, counts

    # Compiled functions: tensors in, tensors out.

    def _driven(
        self, values: Sequence[Tensor], before: Sequence[Tensor], time: Tensor
    ) -> list[Tensor]:
        """Return the input currents; under a code that keeps values, those of the change."""
        scaled = self.loop.units(values)
        if not self._keeps:
            return self.loop.drive(scaled, time)
        pairs = zip(scaled, self.loop.units(before), strict=True)
        return self.loop.drive_of([x - y for x, y in pairs])

    def _one_step(self, frontier: Tensor, state: State, start: Tensor) -> Tensor:
        state, spikes = advance(self.loop, frontier, state)
        counts = [
            _number(spike, node.neuron.graded)
            for node, spike in zip(self._network.neurons, spikes, strict=True)
        ]
        counted = ops.stack(counts) if counts else ops.zeros((0, 1))
        outputs = self._network.decode(values_of(self.loop, state.sums, state.time, start))
        return outputs, state, spikes, counted

    def _refreshed(
        self, values: Sequence[Tensor], states: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Recompute the read-outs' sums and the states from what their sources have sent."""
        remaining, anew = list(states), []
        own = [self._network.layers[node.name] for node in self._network.neurons]
        sent = [[remaining.pop(0) for _ in layer.state_shapes][-1] for layer in own]
        frontier = self.loop.drive_of(self.loop.units(values))
        held = as_list(self._held([*frontier, *sent]))  # type: ignore[misc]
        for layer, spikes in zip(own, sent, strict=True):
            for offset in layer.constant_inputs:
                received = held.pop(0)
                anew.append(received if offset is None else received + offset)
            anew.append(spikes)
        return held, anew


@computing_in("float32")
def _held(network: Network) -> keras.Model:
    """Build the model from [*frontier, *sums sent by each neuron] to all received sums.

    Its outputs are the inputs of each neuron, then of each read-out.
    """
    ends = [*network.frontier, *network.neurons]
    tensors = {node.name: keras.Input(node.shape) for node in ends}
    inputs = list(tensors.values())
    network.apply(network.body_nodes, tensors)
    read = [name for node in (*network.neurons, *network.readouts) for name in node.inputs]
    return functional(inputs, [tensors[name] for name in read], name="held")


def _number(spikes: Tensor, graded: bool) -> Tensor:
    """Return the number of spikes of each sample, (batch,)."""
    sent = ops.cast(spikes != 0, "float32") if graded else ops.abs(spikes)
    return ops.sum(sent, axis=tuple(range(1, len(spikes.shape))))


def _shown(outputs: Sequence[Tensor]) -> Tensor:
    """Return the outputs as arrays; a single one without a list."""
    found = [ops.convert_to_numpy(output) for output in outputs]
    return found if len(found) > 1 else found[0]


def _or(sizes: set[int]) -> str:
    return " or ".join(map(str, sorted(sizes)))
