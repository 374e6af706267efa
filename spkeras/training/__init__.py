"""Training for conversion: twins of CNNs whose activations take the values of spikes."""

from spkeras.recipes import Augmentation, FinetunePlan
from spkeras.training.finetune import finetune
from spkeras.training.log_weights import finalized, logarithmic
from spkeras.training.prepare import finished, prepare
from spkeras.training.schedule import (
    ChooseTimesteps,
    StageSchedule,
    TimestepSchedule,
    set_stage,
    set_timesteps,
)

__all__ = [
    "Augmentation",
    "ChooseTimesteps",
    "FinetunePlan",
    "StageSchedule",
    "TimestepSchedule",
    "finetune",
    "finished",
    "logarithmic",
    "prepare",
    "set_stage",
    "set_timesteps",
    "finalized",
]
