"""Targets: what chips and formats can hold, each limit with its source, and settings that fit."""

from spkeras.targets.limits import LIMITS, Limit
from spkeras.targets.record import Target
from spkeras.targets.registry import TARGETS, register_target, target

__all__ = ["LIMITS", "TARGETS", "Limit", "Target", "register_target", "target"]
