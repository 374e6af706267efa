"""Records written by hand, with numbers that a reader can find again."""

import numpy as np

from spkeras.metrics import (
    Activity,
    Convergence,
    Evaluation,
    LayerActivity,
    LayerCheck,
    NeuronCheck,
    OutputScore,
    Verification,
)
from spkeras.report.page import page
from spkeras.report.study import Study

STEPS = np.arange(1, 7)
# Of the six steps, over 2.5 M multiply-accumulates of the CNN: SOPs 0.4 to 2.4, loops 0 to 2.
COURSES = {
    "synaptic_operations": (1e6, 2e6, 3e6, 4e6, 5e6, 6e6),
    "loop_macs": (0.0, 0.0, 1.25e6, 2.5e6, 3.75e6, 5e6),
    "membrane_updates": (0.0, 5e3, 1e4, 1.5e4, 2e4, 2.5e4),
}


def classification(**changed):
    values = {
        "name": "probabilities",
        "task": "classification",
        "accuracy": np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
        "cnn_accuracy": 0.6125,
        "agreement": np.array([0.15, 0.25, 0.35, 0.45, 0.55, 0.65]),
        "error": None,
        "cnn_error": None,
        "deviation": np.array([6.0, 5.0, 4.0, 3.0, 2.0, 1.0]),
        "cnn_spread": 2.5,
    }
    return OutputScore(**{**values, **changed})


def regression():
    return classification(
        name="angle",
        task="regression",
        accuracy=None,
        cnn_accuracy=None,
        agreement=None,
        error=np.array([0.6, 0.5, 0.4, 0.3, 0.2, 0.125]),
        cnn_error=0.0625,
    )


def evaluation(*scores, **changed):
    layers = (
        LayerActivity("first[/bold]", 200, 1234.0, 6.17, 1.0283, 0.25, 56_789.0, 56_789.0),
        LayerActivity("<second>", 10, 20.0, 2.0, 0.3333, 0.0, 200.0, 200.0),
    )
    values = {
        "model": "net_snn",
        "schedule": "clock_driven",
        "timesteps": 6,
        "latency": 6,
        "settings": {"recipe": "ecc", "neuron": "binary", "weight_bits": None, "stagger": 2},
        "samples": 40,
        "steps": STEPS,
        "scores": scores or (classification(),),
        "activity": Activity(
            layers,
            1254.0,
            5.97,
            56_989.0,
            4_096,
            2_500_000,
            56_989.0,
            membrane_updates=1_260.0,
            courses=COURSES,
        ),
        "layer_spikes": {
            "first[/bold]": np.array([0, 200, 400, 800, 1000, 1234.0]),
            "<second>": np.array([0, 0, 5, 10, 15, 20.0]),
        },
        "warnings": ("mind the <gap>",),
        "seconds": 1.25,
        "depth": 2,
    }
    return Evaluation(**{**values, **changed})


def graded(**changed):
    """As `evaluation`, with spikes of three sizes in the first layer and two in the second."""
    layers = (
        LayerActivity(
            "first[/bold]",
            200,
            1234.0,
            6.17,
            1.0283,
            0.25,
            56_789.0,
            1_111.0,
            77_777.0,
            (34.0, 1000.0, 200.0),
            4_936.0,
        ),
        LayerActivity(
            "<second>",
            10,
            20.0,
            2.0,
            0.3333,
            0.0,
            200.0,
            20.0,
            350.0,
            (5.0, 15.0),
            60.0,
            60.0,
            720.0,
            "composed, factored",
            5_000_000.0,
            55.0,
            80.0,
        ),
    )
    values = {
        "settings": {
            "recipe": "sigma_delta",
            "neuron": "sigma_delta",
            "spike_code": "delta",
            "levels": 3,
            "levels_above_scale": 1,
            "mantissa_bits": 1,
            "max_spikes_per_step": 4,
        },
        "activity": Activity(
            layers,
            1254.0,
            5.97,
            56_989.0,
            4_096,
            2_500_000,
            1_131.0,
            78_127.0,
            (39.0, 1015.0, 200.0),
            4_996.0,
            60.0,
            720.0,
            5.5,
            5_000_000.0,
            1_100.0,
            80.0,
            COURSES,
        ),
        "convergence": Convergence(4.25, 6, 0.75, np.array([0.0, 0.1, 0.25, 0.5, 0.75, 0.75])),
    }
    return evaluation(**{**values, **changed})


def verification(**changed):
    values = {
        "model": "net_snn",
        "schedule": "layer_synchronous",
        "timesteps": 8,
        "samples": 40,
        "layers": (LayerCheck("conv", 1.5e-7, 3e-8),),
        "neurons": (
            NeuronCheck("relu", 0.98765, -0.00321, 0.04, 0.01, 0.03, 0.02, 0.75, 0.125, 0.5),
        ),
        "departs_first": None,
        "faithful": True,
        "decisions": {"folded": 1.0, "simulated": 0.925},
        "output_error": {"folded": 2.5e-7, "simulated": 0.375},
    }
    return Verification(**{**values, **changed})


def values(**changed):
    """A verification of a network whose spikes add up to values."""
    numbers = (0.98765, -0.00321, 0.04, 0.01, 0.03, 0.02, 0.75, 0.125, 0.5)
    layers = (
        NeuronCheck("relu", *numbers, (0.5, 0.25, 0.125), 2.25),
        NeuronCheck("gate", *numbers, (0.625, 0.375, 0.0625), 2.875),
    )
    kept = {
        "spike_code": "delta",
        "steps": (1, 2, 3),
        "settles_last": "gate",
        "neurons": layers,
        "schedule": "clock_driven",
        "timesteps": 3,
    }
    return verification(**{**kept, **changed})


def page_of(record):
    """The page on one network that was evaluated."""
    return page(Study(title="net", evaluation=record, energy=record.energy(), provenance={}))
