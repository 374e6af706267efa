"""spkeras: convert trained Keras CNNs into spiking neural networks, and measure them.

    snn = spkeras.convert(cnn, x_train[:1000], "ecc", timesteps=64)
    result = spkeras.evaluate(snn, x_test, y_test)
    snn.save("snn.h5")

Importing this package loads no backend; the first name that needs Keras imports it.
"""

import importlib
from typing import Any

from spkeras import registration

__version__ = "0.2.0"

_HOMES = {
    "convert": "spkeras.facade",
    "prepare": "spkeras.training",
    "finetune": "spkeras.training",
    "train_thresholds": "spkeras.calibration",
    "correct": "spkeras.calibration",
    "evaluate": "spkeras.facade",
    "verify": "spkeras.facade",
    "integer_ranges": "spkeras.facade",
    "sweep": "spkeras.facade",
    "tune": "spkeras.facade",
    "export": "spkeras.facade",
    "from_nir": "spkeras.facade",
    "summary": "spkeras.facade",
    "plot_raster": "spkeras.facade",
    "plot_rates": "spkeras.facade",
    "plot_thresholds": "spkeras.facade",
    "inspect": "spkeras.facade.inspection",
    "load_model": "spkeras.facade",
    "read_model": "spkeras.facade",
    "demo": "spkeras.facade.demo",
    "configure": "spkeras.snn.model",
    "unfused": "spkeras.ops.compiled",
    "Simulation": "spkeras.recipes",
    "Stream": "spkeras.simulation",
    "register_layer": "spkeras.frontend.handlers",
    "register_neuron": "spkeras.ops.names",
    "register_operation": "spkeras.graph.operations",
    "register_recipe": "spkeras.recipes",
    "register_target": "spkeras.targets",
    "IntegrateFire": "spkeras.layers",
    "SpikeLoop": "spkeras.snn.spike_loop",
    "SpkerasError": "spkeras.errors",
}

_MODULES = (
    "callbacks",
    "recipes",
)

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"spkeras.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'spkeras' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    # Replaces the submodule of the same name, which the import has set.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


registration.when_keras_is_imported()
