"""The settings of a simulation: which there are, which go together, and what is chosen."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from spkeras.errors import OptionError
from spkeras.ops.code import keeps_values
from spkeras.ops.coding import CODINGS

SCHEDULES = ("clock_driven", "layer_synchronous")
NAMES = ("timesteps", "schedule", "stagger", "coding", "seed")
# Share of T that passes before the last layer starts; chosen by measuring (docs/accuracy.md).
STAGGER_SHARE = 0.45


def check_settings(
    timesteps: int, schedule: str, stagger: float | None, coding: str, code: str = "rate"
) -> None:
    """Refuse settings out of their range, or that the network's code has no meaning for.

    Raises:
        OptionError: names the setting, what was received and what is allowed.
    """
    if schedule not in SCHEDULES:
        raise OptionError(f"schedule={schedule!r}; allowed: {SCHEDULES}")
    if coding not in CODINGS:
        raise OptionError(f"coding={coding!r}; allowed: {CODINGS}")
    if int(timesteps) != timesteps or timesteps < 1:
        raise OptionError(f"timesteps={timesteps!r}; allowed: whole numbers from 1")
    # In sixteenths all starts are exact, also in float32.
    if stagger is not None and not (stagger >= 0 and 16 * stagger % 1 == 0):
        raise OptionError(
            f"stagger={stagger!r}; allowed: whole numbers from 0, sixteenths between (0.75, "
            "1.0625), or None"
        )
    if keeps_values(code):
        _check_values(schedule, stagger, coding, code)


def _check_values(schedule: str, stagger: float | None, coding: str, code: str) -> None:
    if schedule != "clock_driven":
        raise OptionError(
            f"schedule={schedule!r} with {code} coding; allowed: 'clock_driven', since values are "
            "kept from step to step and no window has to be waited for"
        )
    if stagger:
        raise OptionError(
            f"stagger={stagger!r} with {code} coding; allowed: 0, since a layer that starts late "
            "would miss what is sent only once"
        )
    if coding != "constant":
        raise OptionError(
            f"coding={coding!r} with {code} coding; allowed: 'constant', the input arrives once"
        )


def automatic_stagger(timesteps: int, depth: int) -> int:
    """The stagger for a network of binary neurons: a share of T for the way through it.

    A deep layer that starts at once fires on its bias before evidence has come, and the error
    of that transient fades as 1 / T only. Starting late costs the steps that are left.
    """
    return int(STAGGER_SHARE * timesteps / max(depth, 1))


class Configurable(Protocol):
    """Has the settings of `NAMES` as attributes."""

    def check(self) -> None:
        """Refuse settings out of their range."""


Loop = TypeVar("Loop", bound=Configurable)


@contextmanager
def configured(loop: Loop, settings: Mapping[str, Any]) -> Iterator[Loop]:
    """A spike loop with other settings, for the time of a `with` block."""
    before = apply(loop, settings)
    try:
        yield loop
    finally:
        apply(loop, before)


def apply(loop: Configurable, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Set the settings, all or none; returns the former ones.

    Raises:
        OptionError: unknown setting, or a value out of its range; nothing is changed then.
    """
    unknown = set(settings) - set(NAMES)
    if unknown:
        raise OptionError(f"unknown settings {sorted(unknown)}; allowed: {NAMES}")
    before = {name: getattr(loop, name) for name in settings}
    try:
        for name, value in settings.items():
            setattr(loop, name, value)
        loop.check()
    except OptionError:
        for name, value in before.items():
            setattr(loop, name, value)
        raise
    return before
