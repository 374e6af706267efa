"""Run a network whose layers fire in windows, and count its spikes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from spkeras.ops.compiled import compiled
from spkeras.ops.types import Tensor
from spkeras.simulation.by_events import OnStep
from spkeras.simulation.record import Counts
from spkeras.trace import Trace


class WindowCounts(Counts):
    """Counts of the run of a batch, or of several."""

    def __add__(self, other: Counts) -> "WindowCounts":
        """Return the sum of both; the other's samples follow these."""
        return WindowCounts(**vars(super().__add__(other)))

    def trace(self, loop: Any, steps: np.ndarray) -> Trace:
        """Return the record of a run of `spkeras.ttfs.spike_windows.SpikeWindows`."""
        return Trace(
            schedule=loop.schedule,
            timesteps=loop.timesteps or 0,
            steps=steps,
            samples=self.samples,
            spikes=self.spikes,
            layer_spikes={name: sums / self.samples for name, sums in self.layers.items()},
            range_exceeded=self.exceeded / max(self.elements, 1),
            inputs_beyond=self.beyond,
        )


class WindowSimulator:
    """A network of windows, run in closed form: each layer once its input is final.

    Args:
        loop: The `spkeras.ttfs.spike_windows.SpikeWindows` of a converted model.
    """

    engine = "closed form"

    def __init__(self, loop: Any) -> None:
        self.loop, variables = loop, list(loop.variables)
        self._run = compiled(self._counted, variables)
        self._units = compiled(loop.in_units, variables)
        reference = loop.reference()
        self._real = compiled(lambda batch: reference(batch, 1)[0], reference.variables)

    def _counted(self, inputs: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        outputs, spikes = self.loop.run(inputs)
        return outputs, self.loop.counts(spikes)

    def reference(self, batch: list[np.ndarray]) -> list[np.ndarray]:
        """Return the outputs of the converted network on real values instead of spikes."""
        return [ops.convert_to_numpy(output) for output in self._real(_float32(batch))]

    def batch(
        self,
        samples: list[np.ndarray],
        on_step: OnStep,
        stopping: int | None = None,
        first: int = 0,
    ) -> WindowCounts:
        """Run one batch; `on_step` receives the only answer.

        Args:
            samples: One array per input of the network.
            on_step: Callback that receives the outputs.
            stopping: No meaning: there is one answer.
            first: No meaning: all spikes are counted.
        """
        given = _float32(samples)
        outputs, counts = self._run(given)
        on_step(0, [ops.convert_to_numpy(output) for output in outputs], None)
        spikes = {
            name: ops.convert_to_numpy(own).astype(np.float64)
            for name, own in zip(self.loop.neurons, counts, strict=True)
        }
        sizes = [np.abs(ops.convert_to_numpy(value)) for value in self._units(given)]
        return WindowCounts(
            samples=len(samples[0]),
            spikes=spikes,
            layers={name: np.array([own.sum()]) for name, own in spikes.items()},
            exponents={},
            units={},
            adds={},
            graded_samples=0,
            settled=np.zeros(len(samples[0])),
            beyond=max(float(size.max(initial=0)) for size in sizes),
            exceeded=sum(int((size > 1 + 1e-6).sum()) for size in sizes),
            elements=sum(size.size for size in sizes),
        )


def _float32(batch: list[np.ndarray]) -> list[np.ndarray]:
    return [np.asarray(array, "float32") for array in batch]
