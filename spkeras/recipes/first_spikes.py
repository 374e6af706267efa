"""Networks whose layers fire one after the other, each in a window: the time of a spike counts."""

from dataclasses import dataclass
from typing import ClassVar

from spkeras.errors import OptionError
from spkeras.recipes.base import Recipe
from spkeras.recipes.fields import option
from spkeras.recipes.simulation import Simulation

# Options that only some kernels have.
KERNELS: dict[str, tuple[str, ...]] = {
    "trained": ("start",),
    "exponential": ("start", "tau", "updates"),
    "exact": (),
}


@dataclass(frozen=True, kw_only=True)
class TTFS(Recipe):
    """Time to first spike: each neuron fires at most once, and when it fires is its value.

    Attributes:
        kernel: "trained": the code that recipe `cat` has trained for, with its T (first spikes
            with a base-2 kernel; also phase and burst spikes, of which a neuron sends several in
            its window). "exponential": T2FSNN's natural-exponential kernels, fitted layer by
            layer, for any network of ReLUs. "exact": continuous time in float64, in which first
            spikes compute a network of ReLUs without loss.
        start: S, steps between the beginnings of two windows. None: T, a layer waits for its
            whole input. Less is early firing: faster, and approximate.
        tau: First tau of exponential kernels. None: T / 4.
        updates: Updates of each exponential kernel by gradient descent.

    Reference:
        Lew, Lee, Park 2022, DAC (trained); Park, Kim, Na, Yoon 2020, T2FSNN, DAC (exponential,
        early firing); Stanojevic et al. 2024, Nature Communications (exact).
    """

    name: ClassVar[str] = "ttfs"
    summary: ClassVar[str] = "one spike a neuron, whose time is the value; after cat, or for ReLUs"
    steps: ClassVar[int] = 80

    kernel: str = option(
        "trained", "What the time of a spike means.", choices=tuple(KERNELS), group="neuron"
    )
    start: int | None = option(
        None,
        "Steps between the beginnings of two windows; fewer than T is early firing.",
        low=1,
        unit="steps",
        group="timing",
        shown="T",
    )
    tau: float | None = option(
        None,
        "Steps in which an exponential kernel falls to 1 / e, before it is fitted.",
        low=0,
        above=True,
        unit="steps",
        group="neuron",
        shown="T / 4",
    )
    updates: int | None = option(
        None,
        "Updates by which each exponential kernel is fitted.",
        low=0,
        group="neuron",
        shown="100",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        own = KERNELS[self.kernel]
        for name in ("start", "tau", "updates"):
            if name not in own and getattr(self, name) is not None:
                having = [kernel for kernel, options in KERNELS.items() if name in options]
                raise OptionError(
                    f"{name}={getattr(self, name)!r} with kernel={self.kernel!r}; allowed: "
                    f"kernel={' or '.join(map(repr, having))}"
                )

    def check(self, simulation: Simulation) -> None:
        """Refuse settings of a simulation for which windows have no meaning."""
        plain = Simulation()
        for name in ("timesteps", "schedule", "stagger", "input_encoding"):
            value = getattr(simulation, name)
            if name == "timesteps" and self.kernel == "exponential":
                continue
            if value != getattr(plain, name):
                raise OptionError(
                    f"{name}={value!r} with recipe='ttfs', kernel={self.kernel!r}; allowed: none, "
                    f"{_REASONS.get(name, 'each layer fires in its window, and inputs are spikes')}"
                )
        if self.start is not None and simulation.timesteps and self.start > simulation.timesteps:
            raise OptionError(
                f"start={self.start} with timesteps={simulation.timesteps}; allowed: 1 to T"
            )

    def _applies(self, name: str) -> bool:
        return name == "kernel" or name in KERNELS[self.kernel]


_REASONS = {
    "timesteps": "T is that of the training, and exact spikes have none",
    "stagger": "start says when the next window begins",
}
