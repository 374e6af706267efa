"""Settings of a simulation, which may be changed after the conversion."""

from dataclasses import dataclass, replace
from typing import Any

from spkeras.errors import OptionError
from spkeras.recipes.fields import Config, option

SCHEDULES = ("clock_driven", "layer_synchronous")
ENCODINGS = ("constant", "regular", "bernoulli")
# Staggers are whole multiples of 1 / 16: all starts are exact, also in float32.
PARTS = 16


@dataclass(frozen=True, kw_only=True)
class Simulation(Config):
    """How a converted network runs.

    Attributes:
        timesteps: T, counted from the first input. None: 64, 4 where spikes carry values, or
            what the CNN was trained for.
        schedule: "clock_driven": at each time step a spike may cross every layer.
            "layer_synchronous": each layer waits for its whole window of T steps.
        stagger: Start delay: each layer starts so many time steps after the one before it,
            sixteenths allowed. None: chosen from T and the number of layers.
        input_encoding: Input as a "constant" current (default), "regular" spikes or "bernoulli"
            spikes.
        seed: Of Bernoulli spikes, and of the positions that calibration counts in maps too
            large to count whole.

    Raises:
        OptionError: an option out of its range.
    """

    timesteps: int | None = option(
        None,
        "T, counted from the first input.",
        low=1,
        unit="steps",
        group="timing",
        shown="64; 4 where spikes carry values",
    )
    schedule: str = option(
        "clock_driven",
        "Spikes cross all layers at each step, or each layer waits for its window.",
        choices=SCHEDULES,
        group="timing",
    )
    stagger: float | None = option(
        None,
        "Steps by which each layer starts after the one before it, in sixteenths.",
        low=0,
        unit="steps",
        group="timing",
        shown="chosen",
    )
    input_encoding: str | None = option(
        None,
        "Input as a constant current, regular spikes or random spikes.",
        choices=ENCODINGS,
        group="input",
        shown="constant, or as published",
    )
    seed: int = option(
        0, "Of Bernoulli spikes and of positions drawn in calibration.", group="input"
    )

    @classmethod
    def label(cls) -> str:
        """What messages call it."""
        return "Simulation"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stagger is not None and PARTS * self.stagger % 1:
            raise OptionError(
                f"stagger={self.stagger!r}; allowed: whole numbers from 0, sixteenths between "
                "(0.75, 1.0625), or None"
            )

    def check_code(self, spike_code: str) -> None:
        """Refuse settings under which a code that keeps values would lose some.

        Args:
            spike_code: What spikes mean, one of `spkeras.ops.names.CODES`.

        Raises:
            OptionError: names the setting, what was received and what is allowed.
        """
        if spike_code == "rate":
            return
        refusals = {
            "schedule": (
                self.schedule == "clock_driven",
                "'clock_driven', since values are kept "
                "from step to step and no window has to be waited for",
            ),
            "stagger": (
                not self.stagger,
                "0, since a layer that starts late would lose what is " "sent once",
            ),
            "input_encoding": (
                self.input_encoding in (None, "constant"),
                "'constant', the input arrives once",
            ),
        }
        for name, (allowed, words) in refusals.items():
            if not allowed:
                raise OptionError(
                    f"{name}={getattr(self, name)!r} with {spike_code} coding; allowed: {words}"
                )

    def changed(self, **settings: Any) -> "Simulation":
        """Return a copy with other settings."""
        self.refuse_unknown(settings)
        return replace(self, **settings)
