"""A network run over samples in batches, with what `spkeras.evaluate` uses of it."""

from spkeras.data.batches import equal_slices
from spkeras.simulation import evaluation_steps


def run(simulation, samples, batch_size, on_step):
    """The trace of a run; `on_step` receives rows, the index of the step, and outputs."""
    total = None
    for rows in equal_slices(len(samples[0]), batch_size):

        def told(index, outputs, sent, rows=rows):
            on_step(rows, index, outputs)

        counts = simulation.batch([array[rows] for array in samples], told, first=rows.start)
        total = counts if total is None else total + counts
    return total.trace(simulation.loop, evaluation_steps(simulation.loop))
