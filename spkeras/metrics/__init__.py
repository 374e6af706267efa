"""What a run says about a network, as plain records."""

from spkeras.metrics.activity import Activity, LayerActivity, activity
from spkeras.metrics.evaluation import Evaluation
from spkeras.metrics.score import OutputScore, Score
from spkeras.metrics.settling import Settling, settling
from spkeras.metrics.verification import LayerCheck, NeuronCheck, Verification

__all__ = [
    "Activity",
    "Evaluation",
    "LayerActivity",
    "LayerCheck",
    "NeuronCheck",
    "OutputScore",
    "Score",
    "Settling",
    "Verification",
    "activity",
    "settling",
]
