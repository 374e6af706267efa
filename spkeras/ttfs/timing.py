"""When the windows of a network lie, and how long an answer takes."""

from dataclasses import dataclass

from spkeras.errors import OptionError


@dataclass(frozen=True)
class Timing:
    """Windows of a network of first spikes.

    Layer d fires during [d S, d S + D) and integrates while the layer before it fires, d = 0
    being the input. With S = D a layer has integrated all its input before it fires; with S < D
    it fires early, on what has come so far.

    Attributes:
        layers: Windows that follow one another: the coded input and every layer of neurons that
            fires. The read-out integrates during the last of them and fires in none.
        duration: D, steps of a window.
        start: S, steps from one window's beginning to the next one's.

    Raises:
        OptionError: no window, or S outside 1 ... D.

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
            raise OptionError(f"{self.layers} windows of {self.duration} steps; at least 1 of 1")
        if not 1 <= self.start <= self.duration:
            raise OptionError(
                f"start={self.start}: a window begins 1 to {self.duration} steps after the last; "
                f"{self.duration} waits for all spikes, less is early firing"
            )

    @property
    def latency(self) -> int:
        """Steps from the first of the input to the answer."""
        return (self.layers - 1) * self.start + self.duration

    @property
    def interval(self) -> int:
        """Steps between two samples in a pipeline: each layer is busy for one window."""
        return self.duration

    @property
    def throughput(self) -> float:
        """Samples in one step, pipelined."""
        return 1.0 / self.interval

    @property
    def early(self) -> bool:
        """Whether a layer fires before all its input has come."""
        return self.start < self.duration

    def window(self, depth: int) -> tuple[int, int]:
        """First step of a layer's firing window, and the step behind its last."""
        return depth * self.start, depth * self.start + self.duration
