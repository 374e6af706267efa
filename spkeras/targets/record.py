"""A target: limits with their sources, and the settings of a conversion for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spkeras.targets.limits import Limit


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """What a chip, a simulator or a format can hold.

    Attributes:
        name: Short name, as in `--target NAME`.
        title: Name in full.
        limits: By the names of `spkeras.targets.LIMITS`; a limit that is missing is unknown or does
            not exist.
        open: Sentences on limits without a public source, which are left out.
        recipe: Recipe that `convert` takes.
        options: Options of that recipe.
        simulation: Settings of the simulation.
        whole: More of them, of networks of whole numbers.
    """

    name: str
    title: str
    limits: Mapping[str, Limit] = field(default_factory=dict)
    open: tuple[str, ...] = ()
    recipe: str = "ecc"
    options: Mapping[str, Any] = field(default_factory=dict)
    simulation: Mapping[str, Any] = field(default_factory=dict)
    whole: Mapping[str, Any] = field(default_factory=dict)

    def value(self, limit: str, default: Any = None) -> Any:
        """Return the value of a limit, or a default where the target states none."""
        return self.limits[limit].value if limit in self.limits else default
