"""Settings of a simulation, which may be changed after the conversion."""

from dataclasses import dataclass

from spkeras.errors import OptionError
from spkeras.recipes.fields import Config, option

SCHEDULES = ("clock_driven", "layer_synchronous")
ENCODINGS = ("constant", "regular", "bernoulli")
# Records of a run take memory for each step; float32 counts steps exactly up to 2^24.
MOST_STEPS = 1_000_000
# Staggers are whole multiples of 1 / 16, so that starts are exact in float32.
PARTS = 16


@dataclass(frozen=True, kw_only=True)
class Simulation(Config):
    """How a converted network runs.

    Attributes:
        timesteps: T, counted from the first input. None: 64, 4 where spikes carry values, or
            what the CNN was trained for.
        schedule: "clock_driven": at each time step a spike may cross every layer.
            "layer_synchronous": each layer waits for its whole window of T steps.
        stagger: Start delay in time steps: each layer starts `stagger` steps after the one before
            it, in sixteenths. None: chosen from T and the number of layers.
        input_encoding: Input as a "constant" current (default), "regular" spikes or "bernoulli"
            spikes.
        seed: Seed of Bernoulli spikes, and of the positions that calibration draws from large
            feature maps.

    Raises:
        OptionError: an option out of its range.
    """

    timesteps: int | None = option(
        None,
        "Time steps T, counted from the first input.",
        low=1,
        high=MOST_STEPS,
        unit="steps",
        group="timing",
        shown="64; 4 where spikes carry values",
    )
    schedule: str = option(
        "clock_driven",
        "Spikes cross all layers at each step, or each layer fires after its whole window.",
        choices=SCHEDULES,
        group="timing",
    )
    stagger: float | None = option(
        None,
        "Start delay of each layer after the one before it, in sixteenths of a step.",
        low=0,
        unit="steps",
        group="timing",
        shown="chosen",
    )
    input_encoding: str | None = option(
        None,
        "Input as a constant current, regular spikes or Bernoulli spikes.",
        choices=ENCODINGS,
        group="input",
        shown="constant, or as published",
    )
    seed: int = option(
        0,
        "Seed of Bernoulli spikes and of positions drawn in calibration.",
        low=0,
        high=2**32 - 1,
        group="input",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stagger is not None and PARTS * self.stagger % 1:
            raise OptionError(
                f"stagger={self.stagger!r}; allowed: whole numbers from 0, sixteenths between "
                "(0.75, 1.0625), or None"
            )

    def check_code(self, spike_code: str) -> None:
        """Refuse settings under which a code that keeps values loses some of them.

        Args:
            spike_code: One of `spkeras.ops.names.CODES`.

        Raises:
            OptionError: a setting is not allowed with the code.
        """
        if spike_code == "rate":
            return
        refusals = {
            "schedule": (
                self.schedule == "clock_driven",
                "'clock_driven', since values are kept from step to step",
            ),
            "stagger": (
                not self.stagger,
                "0, since a layer that starts late loses values that are sent once",
            ),
            "input_encoding": (
                self.input_encoding in (None, "constant"),
                "'constant', since the input arrives once",
            ),
        }
        for name, (allowed, words) in refusals.items():
            if not allowed:
                raise OptionError(
                    f"{name}={getattr(self, name)!r} with {spike_code} coding; allowed: {words}"
                )
