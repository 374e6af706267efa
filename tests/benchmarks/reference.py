"""What spkeras computes for a case of the race: logits, and the spikes of each image and neuron."""

from typing import Any

import numpy as np


def dense(loop: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return logits and counts (samples, neurons) of one dense pass a step.

    Args:
        loop: A spike loop; its settings count.
        x: Images.
    """
    import keras
    from keras import ops

    from spkeras.snn.steps import Steps, values_of

    def count(state: Any, spikes: Any, counts: Any) -> Any:
        return (), [total + spike for total, spike in zip(counts, spikes, strict=True)]

    counts = [ops.zeros((len(x), *node.shape)) for node in loop.network.neurons]
    for step in Steps(loop, count).over(loop.units(x), counts):
        counts = step.carry
    (means,) = loop.network.decode(values_of(loop, step.state.sums, loop.timesteps))
    flat = [np.reshape(keras.ops.convert_to_numpy(count), (len(x), -1)) for count in counts]
    return keras.ops.convert_to_numpy(means), np.concatenate(flat, axis=1).astype(np.int32)


def rounded(loop: Any, x: np.ndarray, runs: int = 3) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return what `dense` gives with weights changed by a rounding error, once for each run.

    Each weight is multiplied by 1 + e, |e| <= 2^-24: half a unit in the last place of float32.
    """
    variables = [variable for variable in loop.variables if "float32" in str(variable.dtype)]
    exact, rng, found = [np.array(variable) for variable in variables], np.random.default_rng(0), []
    try:
        for _ in range(runs):
            for variable, value in zip(variables, exact, strict=True):
                factor = 1 + 2.0**-24 * rng.uniform(-1, 1, value.shape)
                variable.assign((value.astype(np.float64) * factor).astype(np.float32))
            found.append(dense(loop, x))
    finally:
        for variable, value in zip(variables, exact, strict=True):
            variable.assign(value)
    return found


def events(loop: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return logits and counts (samples, neurons) of the events engine, image by image."""
    from spkeras.simulation import Simulator

    simulation = Simulator(loop, "events")
    logits, counts = [], []
    for image in x:
        last: list[np.ndarray] = []

        def watch(index: int, outputs: list[np.ndarray], sent: Any, last: Any = last) -> None:
            last[:] = outputs

        found = simulation.batch([image[None]], watch)
        logits.append(np.array(last[0][0]))
        counts.append(np.concatenate([found.spikes[name].ravel() for name in simulation.neurons]))
    return np.stack(logits), np.stack(counts).astype(np.int32)
