"""Results of runs, evaluations and verifications, as plain records."""

from spkeras.metrics.activity import Activity, LayerActivity, activity
from spkeras.metrics.convergence import Convergence, convergence
from spkeras.metrics.early_exit import EarlyExit, ExitCourse, ExitRow, ExitSums, Watch
from spkeras.metrics.evaluation import Evaluation
from spkeras.metrics.score import OutputScore, Score, Sums
from spkeras.metrics.verification import LayerCheck, NeuronCheck, Verification

__all__ = [
    "Activity",
    "EarlyExit",
    "Evaluation",
    "ExitCourse",
    "ExitRow",
    "ExitSums",
    "LayerActivity",
    "LayerCheck",
    "NeuronCheck",
    "OutputScore",
    "Score",
    "Convergence",
    "Sums",
    "Verification",
    "Watch",
    "activity",
    "convergence",
]
