"""Firing windows of a first-spike network, and its latency."""

from dataclasses import dataclass

from spkeras.errors import OptionError


@dataclass(frozen=True)
class Timing:
    """Firing windows of a first-spike network.

    Layer d fires during [d S, d S + D) and integrates while the layer before it fires; d = 0 is
    the input. With S = D a layer has integrated its whole input before it fires. With S < D it
    fires early, on a part of its input.

    Attributes:
        layers: Number of windows: the coded input and every layer of neurons that fires. The
            read-out integrates during the last one and never fires.
        duration: D, steps of a window.
        start: S, steps between the beginnings of two windows.

    Raises:
        OptionError: there is no window, or S is outside 1 ... D.

    Reference:
        Park et al. 2020 (T2FSNN, DAC): 1280 steps for VGG-16 with D = 80, 680 with S = 40.

    Example:
        >>> Timing(16, 80, 80).latency, Timing(16, 80, 40).latency
        (1280, 680)
    """

    layers: int
    duration: int
    start: int

    def __post_init__(self) -> None:
        if self.layers < 1 or self.duration < 1:
            raise OptionError(
                f"{self.layers} windows of {self.duration} steps; allowed: at least 1 of 1 step"
            )
        if not 1 <= self.start <= self.duration:
            raise OptionError(
                f"start={self.start}; allowed: 1 to {self.duration} steps between windows; "
                f"{self.duration} waits for all spikes, less is early firing"
            )

    @property
    def latency(self) -> int:
        """Steps from the first step of the input to the output."""
        return (self.layers - 1) * self.start + self.duration

    @property
    def interval(self) -> int:
        """Steps between two samples in a pipeline: each layer needs one window per sample."""
        return self.duration
