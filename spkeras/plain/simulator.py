"""Runs of a network without Keras, batch by batch."""

from collections.abc import Sequence

import numpy as np

from spkeras.plain.network import PlainNetwork
from spkeras.simulation.by_events import OnStep, evaluation_steps, run_events
from spkeras.simulation.engine import Events
from spkeras.simulation.record import Counts, Recorder


class PlainSimulator:
    """A network compiled to events.

    Args:
        network: One that `runs`; its settings are read when a run starts.
    """

    engine = "events"

    def __init__(self, network: PlainNetwork) -> None:
        self.loop, self._events = network, Events(network)

    def batch(
        self,
        samples: list[np.ndarray],
        on_step: OnStep,
        stopping: int | None = None,
        first: int = 0,
    ) -> Counts:
        """Run one batch; see `spkeras.simulation.run.Simulator.batch`."""
        record = Recorder(self.loop, evaluation_steps(self.loop), len(samples[0]), first)
        scaled = self.loop.units(samples)
        record.inputs(scaled)
        drive = self.loop.drive(scaled)
        run_events(
            self._events,
            drive,
            record,
            on_step=on_step,
            decode=self.loop.decode,
            stopping=stopping,
        )
        return record.counts()

    def reference(self, batch: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the outputs of the converted CNN."""
        return self.loop.reference(batch)
