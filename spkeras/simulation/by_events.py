"""The run of one batch by events, without Keras."""

from collections.abc import Callable, Sequence

import numpy as np

from spkeras.simulation.engine import Events
from spkeras.simulation.record import Recorder
from spkeras.simulation.rows import Answers
from spkeras.simulation.whole import WholeNumbers
from spkeras.snn.timing import Timed

# (index into Trace.steps, outputs of the batch at that step, spikes of each sample in that step, or
# None for a layer-synchronous window); returns a mask of the samples that may stop, or None
OnStep = Callable[[int, list[np.ndarray], np.ndarray | None], np.ndarray | None]
# From the means of the read-outs to the outputs of the network.
Decode = Callable[[Sequence[np.ndarray]], list[np.ndarray]]


def run_events(
    events: Events | WholeNumbers,
    drive: Sequence[np.ndarray],
    record: Recorder,
    *,
    on_step: OnStep,
    decode: Decode,
    stopping: int | None,
) -> None:
    """Run one batch, and count its spikes.

    Args:
        events: The compiled network.
        drive: Constant input currents, one array per node of the frontier.
        record: Counts of the batch.
        on_step, stopping: As `spkeras.simulation.run.Simulator.batch`.
        decode: Head of the network.
    """
    rows = events.batch(drive, record.samples, record.analysed)
    # Indices of the samples still running, and the latest answers of all samples.
    present, answers = np.arange(record.samples), Answers(record.samples)
    last = record.loop.timesteps
    together = last if stopping is None else min(stopping - 1, last)
    for taken in rows.taken(last, together):
        steps = taken.outputs.shape[1]
        sent = np.zeros((record.samples, steps), np.int64)
        sent[present] = taken.spikes.sum(axis=-1)
        record.events(taken, sent)
        # All samples, stopped or not: one batch size needs one compilation. Steps are the first
        # axis: the values of one step are contiguous.
        values = np.zeros((steps, record.samples, taken.outputs.shape[2]), np.float32)
        values[:, present] = taken.outputs.swapaxes(0, 1)
        decoded = _decoded(decode, events.readouts(values), steps)
        done = None
        for step, outputs in enumerate(zip(*decoded, strict=True)):
            shown = answers.after(present, [output[present] for output in outputs])
            done = on_step(taken.first + step, shown, sent[:, step])
        if taken.first >= together and done is not None and done[present].any():
            going = np.flatnonzero(~done[present])
            rows.keep(going)
            present = present[going]
    for index in range(answers.number, last):
        on_step(index, answers.last, np.zeros(record.samples, np.int64))
    record.neurons(rows.counted, *rows.graded)


def _decoded(decode: Decode, means: Sequence[np.ndarray], steps: int) -> list[np.ndarray]:
    values = decode([np.reshape(x, (-1, *x.shape[2:])) for x in means])
    return [value.reshape(steps, -1, *value.shape[1:]) for value in values]


def evaluation_steps(loop: Timed) -> np.ndarray:
    """Return the numbers of steps at which a run of a spike loop is evaluated.

    Clock-driven: every step. A layer-synchronous network has no answer before the end of its
    window, so each number is a window of that length: all up to 16, then about eight per
    doubling.
    """
    last = loop.timesteps
    if loop.schedule == "clock_driven":
        return np.arange(1, last + 1)
    grid = np.unique(np.round(2 ** np.arange(0, np.log2(last) + 1e-9, 1 / 8)).astype(int))
    return np.unique([*range(1, min(last, 16) + 1), *grid, last])
