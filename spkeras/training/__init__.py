"""Training for conversion: twins of CNNs that take the values which spikes carry."""

from spkeras.recipes import Augmentation, FinetunePlan
from spkeras.training.correction import correct
from spkeras.training.finetune import finetune
from spkeras.training.log_weights import logarithmic, settled
from spkeras.training.offset_spike import offset_spikes
from spkeras.training.prepare import finished, prepare
from spkeras.training.schedule import (
    ChooseTimesteps,
    StageSchedule,
    TimestepSchedule,
    set_stage,
    set_timesteps,
)
from spkeras.training.thresholds import train_thresholds

__all__ = [
    "Augmentation",
    "ChooseTimesteps",
    "FinetunePlan",
    "StageSchedule",
    "TimestepSchedule",
    "correct",
    "finetune",
    "finished",
    "logarithmic",
    "offset_spikes",
    "prepare",
    "set_stage",
    "set_timesteps",
    "settled",
    "train_thresholds",
]
