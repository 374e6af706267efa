"""Results of runs, evaluations and verifications, as plain records."""

from spkeras.metrics.activity import Activity, LayerActivity, activity
from spkeras.metrics.convergence import Convergence, convergence
from spkeras.metrics.early_exit import EarlyExit, ExitCourse, ExitRow, ExitSums, Watch
from spkeras.metrics.energy import Energy, NetworkEnergy, energy
from spkeras.metrics.evaluation import Evaluation
from spkeras.metrics.score import OutputScore, Score, Sums
from spkeras.metrics.storage import Storage
from spkeras.metrics.verification import LayerCheck, NeuronCheck, Verification

__all__ = [
    "Activity",
    "EarlyExit",
    "Energy",
    "Evaluation",
    "ExitCourse",
    "ExitRow",
    "ExitSums",
    "LayerActivity",
    "LayerCheck",
    "NetworkEnergy",
    "NeuronCheck",
    "OutputScore",
    "Score",
    "Storage",
    "Convergence",
    "Sums",
    "Verification",
    "Watch",
    "activity",
    "convergence",
    "energy",
]
