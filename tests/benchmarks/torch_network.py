"""The stages of a converted network as PyTorch modules, and their run over T steps.

PyTorch and the peers are optional: this module is imported by the process of a peer only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from tests.benchmarks.stages import Stage
from tests.benchmarks.torch_modules import Synapses, channels_first

# Axis of the steps where several are computed at once: none, before the batch, after the batch.
SINGLE, FIRST, SECOND = None, 0, 1


@dataclass(frozen=True)
class Mode:
    """How a simulator is run; the result does not depend on it.

    Attributes:
        neuron: Which of the simulator's neurons.
        steps: Time steps computed by one call of a layer.
        images: Images at once.
        channels_last: Memory format of the images.
        compiled: Whether each stage is compiled by `torch.compile`.
    """

    neuron: str
    steps: int
    images: int
    channels_last: bool = False
    compiled: bool = False

    def __str__(self) -> str:
        parts = [
            self.neuron,
            f"{self.steps} step{'s' * (self.steps > 1)} a call",
            f"{self.images} images at once",
            "channels-last" * self.channels_last,
            "compiled" * self.compiled,
        ]
        return ", ".join(filter(None, parts))


class Layer(nn.Module):
    """A stage: synapses, then neurons; the part that `torch.compile` sees.

    Args:
        stage: The stage.
        neurons: A module that takes currents and gives spikes; None for a read-out.
        axis: Of the steps: SINGLE, FIRST or SECOND.
    """

    def __init__(self, stage: Stage, neurons: Any, axis: int | None) -> None:
        super().__init__()
        self.synapses, self.neurons, self.axis = Synapses(stage), neurons, axis
        self.is_constant = stage.is_constant

    def currents(self, *values: Any) -> Any:
        """Return the currents of the steps of `values`."""
        if self.axis is SINGLE:
            return self.synapses(*values)
        size = values[0].shape[:2]
        return self.synapses(*(value.flatten(0, 1) for value in values)).unflatten(0, size)

    def forward(self, *values: Any) -> Any:
        currents = values[0] if self.is_constant else self.currents(*values)
        return currents if self.neurons is None else self.neurons(currents)


class Network:
    """The stages with a simulator's neurons.

    Args:
        stages: From `tests.benchmarks.stages`.
        unit: What one unit of the input means, a number.
        timesteps: T.
        neurons: Returns the module of a stage of neurons; it has `reset(shape)`.
        axis: Where the simulator expects the steps, if it takes several at once.
        mode: How to run.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        unit: float,
        timesteps: int,
        neurons: Callable[[Stage], Any],
        axis: int | None,
        mode: Mode,
    ) -> None:
        self.stages, self.unit, self.timesteps, self.mode = stages, unit, timesteps, mode
        self.axis = SINGLE if mode.steps == 1 and axis is not SECOND else axis
        self.layers = {}
        for stage in stages:
            made = None if stage.is_readout else neurons(stage)
            layer = Layer(stage, made, self.axis).eval()
            if mode.channels_last:
                layer = layer.to(memory_format=torch.channels_last)
            if mode.compiled:
                layer.compile(dynamic=False)
            self.layers[stage.name] = layer

    def run(self, images: Sequence[Any], watch: Callable[..., None] | None = None) -> np.ndarray:
        """Return the read-out's means after T steps, (samples, values).

        Args:
            images: Batches, (samples, channels, height, width).
            watch: Called with (stage, spikes, axis of the steps) for each call of a layer.
        """
        with torch.inference_mode():
            parts = [
                self._batch(part, watch)
                for batch in images
                for part in batch.split(self.mode.images)
            ]
            return torch.cat(parts).numpy()

    def _batch(self, batch: Any, watch: Callable[..., None] | None) -> Any:
        batch = batch / self.unit
        if self.mode.channels_last:
            batch = batch.contiguous(memory_format=torch.channels_last)
        constant = {
            stage.name: self.layers[stage.name].synapses(batch)
            for stage in self.stages
            if stage.is_constant
        }
        for stage in self.stages:
            if not stage.is_readout:
                self.layers[stage.name].neurons.reset(self._example(stage, len(batch)))
        total, last = None, self.stages[-1]
        for begin in range(0, self.timesteps, self.mode.steps):
            end = min(begin + self.mode.steps, self.timesteps)
            sums = self._steps(begin, end, constant, watch)
            if sums is not None:
                total = sums if total is None else total + sums
        mean = total / (self.timesteps - last.start)
        return mean if last.scale is None else mean * torch.tensor(last.scale)

    def _example(self, stage: Stage, samples: int) -> Any:
        """Return zeros with the shape and memory format of the stage's potentials."""
        shape = (samples, *channels_first(stage.shape))
        form = torch.channels_last if self.mode.channels_last and len(shape) == 4 else None
        return torch.empty(shape, memory_format=form or torch.contiguous_format).zero_()

    def _steps(self, begin: int, end: int, constant: dict[str, Any], watch: Any) -> Any:
        """Run some steps through all stages; returns the read-out's sum over them, or None."""
        known: dict[str, tuple[int, Any]] = {}
        for stage in self.stages:
            first = max(begin, stage.start)
            if first >= end:
                continue
            if stage.is_constant:
                values = [self._repeated(constant[stage.name], end - first)]
            else:
                values = [self._from(first, *known[name]) for name in stage.sources]
            answer = self.layers[stage.name](*values)
            known[stage.name] = first, answer
            if watch is not None and not stage.is_readout:
                watch(stage, answer, self.axis)
        if self.stages[-1].name not in known:
            return None
        sums = known[self.stages[-1].name][1]
        return sums if self.axis is SINGLE else sums.sum(self.axis)

    def _repeated(self, current: Any, steps: int) -> Any:
        if self.axis is SINGLE:
            return current
        current = current.unsqueeze(self.axis)
        size = list(current.shape)
        size[self.axis] = steps
        return current.expand(size)

    def _from(self, first: int, begun: int, value: Any) -> Any:
        if first == begun:
            return value
        return value.narrow(self.axis, first - begun, value.shape[self.axis] - first + begun)
