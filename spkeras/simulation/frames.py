"""Frames in time: of a stream, and of recordings whose steps are inputs of time steps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from spkeras.errors import DataError, OptionError
from spkeras.graph import Graph
from spkeras.ops.code import keeps_values
from spkeras.snn.timing import Timed

if TYPE_CHECKING:
    from spkeras.snn.converted import ConvertedNetwork


def as_frame(where: str, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return samples of that shape as float32; refuse all others."""
    if array.ndim == 0 or array.shape[1:] != tuple(shape) or not len(array):
        raise DataError(
            f"{where}: received shape {array.shape}, allowed: (samples, "
            f"{', '.join(map(str, shape))}), at least one sample; give a single sample as x[None]"
        )
    if not np.issubdtype(array.dtype, np.number) and array.dtype != bool:
        raise DataError(f"{where}: received {array.dtype}, allowed: numbers; convert it first")
    with np.errstate(over="ignore"):
        value = array.astype("float32")
    if not np.isfinite(value).all():
        raise DataError(
            f"{where}: received NaN or infinity (in float32), allowed: finite numbers; clean it, "
            "or repeat the last frame in its place"
        )
    return value


def in_time(graph: Graph, samples: Sequence[np.ndarray]) -> bool:
    """Return whether samples are frames in time, (samples, steps, ...).

    Args:
        graph: Of the network.
        samples: One array per input.
    """
    return samples[0].ndim == len(graph.of("input")[0].shape) + 2


def still(loop: "Timed | ConvertedNetwork", samples: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return what the CNN takes for frames in time; other samples as they are.

    Under the rate code a neuron follows the mean of its input over the steps, so that the CNN is
    compared on the mean frame. Under the delta code receivers hold the present value: the CNN is
    compared on the last frame.
    """
    if not in_time(loop.graph, samples):
        return list(samples)
    if isinstance(loop, Timed) and keeps_values(loop.spike_code):
        return [array[:, -1] for array in samples]
    return [array.mean(axis=1, dtype=np.float32) for array in samples]


def check_frames(loop: "Timed | ConvertedNetwork", engine: str) -> None:
    """Refuse settings under which frames in time have no meaning.

    Raises:
        OptionError: another schedule than "clock_driven", the differential code, offset-spike
            correction, or another engine than "dense".
    """
    allowed = "allowed for frames in time"
    if not isinstance(loop, Timed) or loop.schedule != "clock_driven":
        raise OptionError(f"schedule={loop.schedule!r}; {allowed}: 'clock_driven'")
    if loop.spike_code == "differential":
        raise OptionError(
            f"spike_code={loop.spike_code!r}; {allowed}: 'rate', or 'delta' (recipe 'sigma_delta'): "
            "differential spikes have weight 1 / t, so that changes can hardly be sent"
        )
    if loop.presteps:
        raise OptionError(f"correction='offset_spikes'; {allowed}: None, 'light', 'advanced'")
    if engine in ("events", "integers"):
        raise OptionError(
            f"engine={engine!r}; {allowed}: 'auto', 'dense': the others take one constant input"
        )


def changes(loop: Timed, samples: Sequence[np.ndarray], step: int) -> list[np.ndarray]:
    """Return the input of one step, (samples, ...); under the delta code its change.

    Args:
        loop: The network.
        samples: Frames in time, (samples, steps, ...), one array per input.
        step: Index of the step.

    Raises:
        DataError: another number of frames than of time steps.
    """
    for array in samples:
        if array.shape[1] != loop.timesteps:
            raise DataError(
                f"data: received {array.shape[1]} frames a sample for timesteps={loop.timesteps}; "
                "allowed: one frame for each step; give timesteps="
                f"{array.shape[1]}, or bin the recording to {loop.timesteps} frames"
            )
    now = [np.asarray(array[:, step], "float32") for array in samples]
    if not step or not keeps_values(loop.spike_code):
        return now
    before = [np.asarray(array[:, step - 1], "float32") for array in samples]
    return [a - b for a, b in zip(now, before, strict=True)]
