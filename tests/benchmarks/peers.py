"""SpikingJelly, sinabs and snnTorch with the neurons of a converted network.

Thresholds, initial potentials and start steps are those of spkeras, set through each peer's
documented interface. What a peer has no parameter for is done around its neuron:

* start steps: none has them; a layer is first called at its start step, by `Network`;
* SpikingJelly takes one threshold a layer: currents of layers with a threshold per channel are
  divided by it first (its own converter does the same, with `ChannelVoltageScaler`);
* SpikingJelly's `set_reset_value` and snnTorch's argument `mem` take the initial potential; sinabs
  documents assigning the buffer `v_mem`.

Neurons send a spike of 1 and lose the threshold by subtraction in all.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import nn

from tests.benchmarks.stages import Stage
from tests.benchmarks.torch_modules import per_channel
from tests.benchmarks.torch_network import FIRST, SECOND, SINGLE, Mode, Network

STEPS_A_CALL = 8


class SpikingJelly(nn.Module):
    """IFNode or SimpleIFNode, single-step ("s") or multi-step ("m")."""

    neurons, axis = ("IFNode", "SimpleIFNode"), FIRST

    def __init__(self, stage: Stage, mode: Mode) -> None:
        super().__init__()
        from spikingjelly.activation_based import neuron

        kind = getattr(neuron, mode.neuron)
        step_mode = "s" if mode.steps == 1 else "m"
        uniform = stage.threshold.ndim == 0
        threshold = float(stage.threshold) if uniform else 1.0
        self.node = kind(v_threshold=threshold, v_reset=None, step_mode=step_mode)
        self.register_buffer(
            "gain", None if uniform else per_channel(1 / stage.threshold, stage.shape)
        )
        self.start = (
            float(stage.initial)
            if uniform
            else per_channel(stage.initial / stage.threshold, stage.shape)
        )

    def reset(self, example: Any) -> None:
        self.node.reset()
        self.node.v = example + self.start

    def forward(self, current: Any) -> Any:
        return self.node(current if self.gain is None else current * self.gain)


class SnnTorch(nn.Module):
    """Leaky with beta 1, whose potential is passed in and out; single-step only."""

    neurons, axis = ("Leaky",), SINGLE

    def __init__(self, stage: Stage, mode: Mode) -> None:
        super().__init__()
        import snntorch

        threshold = per_channel(stage.threshold, stage.shape)
        # Its own step functions fire above the threshold only, the other simulators at it, too.
        self.node = snntorch.Leaky(
            beta=1.0,
            threshold=threshold,
            reset_mechanism="subtract",
            spike_grad=lambda x: (x >= 0).to(x.dtype),
        )
        self.start = per_channel(stage.initial, stage.shape)

    def reset(self, example: Any) -> None:
        self.potential = example + self.start

    def forward(self, current: Any) -> Any:
        spikes, self.potential = self.node(current, self.potential)
        return spikes


class Sinabs(nn.Module):
    """IAF with one spike a step; input (batch, steps, ...)."""

    neurons, axis = ("IAF",), SECOND

    def __init__(self, stage: Stage, mode: Mode) -> None:
        super().__init__()
        from sinabs import activation, layers

        threshold = per_channel(stage.threshold, stage.shape)
        self.node = layers.IAF(spike_threshold=threshold, spike_fn=activation.SingleSpike)
        self.start = per_channel(stage.initial, stage.shape)

    def reset(self, example: Any) -> None:
        self.node.v_mem = example + self.start

    def forward(self, current: Any) -> Any:
        return self.node(current)


class Rectifier(nn.Module):
    """The CNN's activation in the units of the converted network."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.register_buffer("threshold", per_channel(stage.threshold, stage.shape))

    def reset(self, example: Any) -> None:
        """Nothing to reset."""

    def forward(self, current: Any) -> Any:
        return current.relu() / self.threshold


PEERS: dict[str, Any] = {"SpikingJelly": SpikingJelly, "sinabs": Sinabs, "snnTorch": SnnTorch}


@dataclass(frozen=True, eq=False)
class Problem:
    """What is simulated.

    Attributes:
        stages: Of the network.
        unit: What one unit of the input means.
        timesteps: T.
        images: Batches of images, channels first.
    """

    stages: Sequence[Stage]
    unit: float
    timesteps: int
    images: Sequence[Any]

    def network(self, peer: str, mode: Mode) -> Network:
        """Return the network with the neurons of a peer."""
        kind = PEERS[peer]
        return Network(
            self.stages, self.unit, self.timesteps, lambda stage: kind(stage, mode), kind.axis, mode
        )

    def cnn(self) -> Callable[[], np.ndarray]:
        """Return the forward pass of the CNN, in the converted network's weights."""
        started = [replace(stage, start=0) for stage in self.stages]
        mode = Mode("ReLU", 1, max(map(len, self.images)))
        network = Network(started, self.unit, 1, Rectifier, SINGLE, mode)
        return lambda: network.run(self.images)


def counted(network: Network, images: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the read-out's means, and the spikes of each image and neuron (samples, neurons)."""
    means, counts = [], []
    for part in (part for batch in images for part in batch.split(network.mode.images)):
        sums: dict[str, Any] = {}

        def watch(stage: Stage, spikes: Any, axis: int | None, sums: Any = sums) -> None:
            spikes = spikes if axis is SINGLE else spikes.sum(axis)
            sums[stage.name] = sums.get(stage.name, 0) + spikes

        means.append(network.run([part], watch))
        counts.append(
            np.concatenate(
                [
                    _flat(sums.get(stage.name), len(part), stage.shape)
                    for stage in network.stages
                    if not stage.is_readout
                ],
                axis=1,
            )
        )
    return np.concatenate(means), np.concatenate(counts)


def _flat(spikes: Any, samples: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return counts as (samples, neurons), the neurons in the order of Keras."""
    if spikes is None:
        return np.zeros((samples, int(np.prod(shape))), np.int32)
    if spikes.ndim == 4:
        spikes = spikes.permute(0, 2, 3, 1)
    return np.asarray(spikes.reshape(samples, -1).numpy(), np.int32)


def changes(peer: str, images: int) -> Iterator[dict[str, Any]]:
    """Yield what may make a peer faster, one after the other."""
    kind = PEERS[peer]
    yield {"channels_last": True}
    if kind.axis is not SINGLE:
        yield {"steps": STEPS_A_CALL}
    for part in (4, 10):
        yield {"images": -(-images // part)}
    for name in kind.neurons:
        yield {"compiled": True, "neuron": name}
    yield {"images": images}
    if kind.axis is not SINGLE:
        yield {"steps": 1}


def fastest(peer: str, problem: Problem, report: Callable[[str], None]) -> Mode:
    """Return the fastest mode of a peer: each change is kept if it saves time.

    Args:
        peer: Key of `PEERS`.
        problem: Its first batch is timed.
        report: Called with one line for each mode.
    """
    problem = replace(problem, images=problem.images[:1])
    size = len(problem.images[0])
    best, least = Mode(PEERS[peer].neurons[0], 1, size), np.inf
    for change in ({}, *changes(peer, size)):
        mode = replace(best, **change)
        if mode == best and change:
            continue
        try:
            seconds = _seconds(problem.network(peer, mode), problem.images)
        except Exception as error:  # a peer's own failure in one of its modes
            report(f"{peer}: {mode}: failed, {type(error).__name__}: {error}"[:300])
            continue
        report(f"{peer}: {mode}: {1e3 * seconds / size / problem.timesteps:.3f} ms")
        if seconds < least:
            best, least = mode, seconds
    return best


def _seconds(network: Network, images: Sequence[Any]) -> float:
    # A compiled layer is compiled again when it sees the buffers that its first run left.
    for _ in range(2 if network.mode.compiled else 1):
        network.run(images)
    start = time.perf_counter()
    network.run(images)
    return time.perf_counter() - start
