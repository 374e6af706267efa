"""The published settings of each method, in one table.

`docs/papers.md` lists the source of each entry, and the settings that the sources leave open.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spkeras.errors import OptionError

_BOTH = ("clock_driven", "layer_synchronous")


@dataclass(frozen=True)
class Published:
    """The published settings of one recipe.

    Attributes:
        source: Authors, year and venue.
        training: Arguments of `spkeras.training.prepare` that the publication fixes.
        parameters: Arguments that it varies, with the value used where none is given.
        plan: Options of `spkeras finetune` that it fixes; each equals the default.
        conversion: Arguments of `spkeras.convert` that it fixes; None: not part of the method.
        schedules: Its schedules, and the further arguments that each of them fixes.
    """

    source: str
    training: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    conversion: Mapping[str, Any] = field(default_factory=dict)
    schedules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


_BINARY = {"neuron": "binary", "spike_code": "rate", "reset": "subtract", "correction": None}
# All layers start with the input, which is a constant current into the first neurons.
_TRAINED = {
    **_BINARY,
    "initial_potential": None,
    "stagger": 0,
    "input_encoding": "constant",
    "readout": "membrane",
}
# Clamp-and-quantise: the input and the average poolings have neurons; counts are rounded down.
_COUNTED = {"encoding": "spikes", "pooling_neurons": True, "shift": 0.0}
# Trainable poolings are published as well (the VGG-19 of CQ): a parameter, not fixed.
_POOLING = {"pooling": "average"}
_LABELS = {"distil": 0.0}

PUBLISHED: Mapping[str, Published] = {
    "ecc": Published(
        "Wu et al. 2022, Front. Neurosci.",
        parameters={"timesteps": 256},
        conversion={
            **_BINARY,
            "percentile": 100.0,
            "per_channel": False,
            "thresholds": "percentile",
            "initial_potential": 0.5,
            "stagger": 0,
            "input_encoding": "regular",
            "readout": "spikes",
            "pooling_neurons": True,
        },
        schedules=dict.fromkeys(_BOTH, {}),
    ),
    "cq": Published(
        "Yan et al. 2021, AAAI",
        training=_COUNTED,
        parameters={"timesteps": 64, "input_threshold": 1.0, **_POOLING},
        plan=_LABELS,
        conversion=_TRAINED,
        schedules={"clock_driven": {"thresholds": "learned"}},
    ),
    "cq+": Published(
        "Yan et al. 2023, TPAMI",
        training=_COUNTED,
        parameters={"timesteps": 64, "input_threshold": 0.999, **_POOLING},
        plan=_LABELS,
        conversion=_TRAINED,
        schedules={"clock_driven": {"thresholds": "trained"}},
    ),
    "low_latency": Published(
        "Yan et al. 2022, arXiv:2211.08410",
        training={**_COUNTED, "encoding": "expanded"},
        parameters={"timesteps": 8, **_POOLING},
        plan=_LABELS,
        conversion=_TRAINED,
        schedules={
            "clock_driven": {"thresholds": "trained"},
            "layer_synchronous": {"thresholds": "learned"},
        },
    ),
    "qcfs": Published(
        "Bu et al. 2022, ICLR",
        training={"encoding": "real", "pooling_neurons": False, "shift": 0.5},
        parameters={"timesteps": 8},
        plan=_LABELS,
        conversion=_TRAINED,
        schedules={"clock_driven": {"thresholds": "learned"}},
    ),
    # T, tau and the base of the logarithm are not known: they stay parameters.
    "cat": Published(
        "Lew et al. 2022, DAC",
        training={"spike_code": "ttfs", "encoding": "spikes"},
        plan={**_LABELS, "weight_bits": 5, "float_weights": False},
    ),
}


def for_training(recipe: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given arguments of `prepare`, completed by the published ones.

    Args:
        recipe: One of `PUBLISHED`.
        given: Arguments of the caller; None means not set.

    Raises:
        OptionError: the recipe has no published training, or an argument contradicts it.
    """
    known = _known(recipe, "training")
    _compare(recipe, known, known.training, given)
    return {**known.parameters, **_set(given), **known.training}


def check_plan(recipe: str, given: Mapping[str, Any]) -> None:
    """Refuse options of `spkeras finetune` that contradict the published training.

    Raises:
        OptionError: the recipe has no published training, or an option contradicts it.
    """
    known = _known(recipe, "training")
    _compare(recipe, known, known.plan, given)


def for_conversion(recipe: str, schedule: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given arguments of `convert`, completed by the published ones.

    Args:
        recipe: One of `PUBLISHED` with a published conversion.
        schedule: Schedule of the simulation.
        given: Other arguments of the caller; None means not set.

    Raises:
        OptionError: the recipe has no published conversion, or an argument contradicts it.
    """
    known = _known(recipe, "conversion")
    if schedule not in known.schedules:
        raise _contradiction(
            recipe, known, "schedule", value=schedule, allowed=tuple(known.schedules)
        )
    fixed = {**known.conversion, **known.schedules[schedule]}
    _compare(recipe, known, fixed, given)
    parameters = {} if known.training else known.parameters
    chosen = {name: value for name, value in fixed.items() if value is not None}
    return {**parameters, **_set(given), **chosen}


def _known(recipe: str, part: str) -> Published:
    names = tuple(name for name, known in PUBLISHED.items() if getattr(known, part))
    if recipe not in names:
        raise OptionError(f"published=True with recipe={recipe!r}; allowed: recipes {names}")
    return PUBLISHED[recipe]


def _set(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _compare(
    recipe: str, known: Published, fixed: Mapping[str, Any], given: Mapping[str, Any]
) -> None:
    for name, value in _set(given).items():
        if name in fixed and value != fixed[name]:
            raise _contradiction(recipe, known, name, value=value, allowed=(fixed[name],))


def _contradiction(
    recipe: str, known: Published, name: str, value: Any, allowed: tuple[Any, ...]
) -> OptionError:
    published = " or ".join(f"{name}={other!r}" for other in allowed)
    return OptionError(
        f"{name}={value!r} with published=True: {recipe} as published ({known.source}) has "
        f"{published}; leave {name} out, or leave published out and give single options"
    )
