"""The reference of `spkeras.*`: one section for each public name, filled from its docstring."""

from pathlib import Path

import spkeras

# Headings, and the names below each.
GROUPS = {
    "Convert": ("convert", "configure", "correct", "train_thresholds"),
    "Measure": ("evaluate", "verify", "sweep", "tune", "summary", "inspect", "Stream"),
    "Train": ("prepare", "finetune"),
    "Read models": ("load_model", "read_model", "demo"),
    "Exchange": ("export", "from_nir"),
    "Draw": ("plot_raster", "plot_rates", "plot_thresholds"),
    "Extend": (
        "register_layer",
        "register_neuron",
        "register_operation",
        "register_recipe",
        "register_target",
    ),
    "Layers": ("SpikeLoop", "IntegrateFire", "unfused"),
}
# Not listed above: has a page of its own, or a line says all of it.
ELSEWHERE = ("__version__", "Simulation", "SpkerasError")
RECORDS = {
    "Evaluation": "spkeras.metrics.evaluation",
    "Activity": "spkeras.metrics.activity",
    "Energy": "spkeras.metrics.energy",
    "Sweep": "spkeras.metrics.sweep",
    "SweepPoint": "spkeras.metrics.sweep",
    "Verification": "spkeras.metrics.verification",
    "SpikingAccuracy": "spkeras.callbacks",
}


def page():
    """Return the directives of all public names; no docstring is read here, and no backend loaded."""
    listed = {name for names in GROUPS.values() for name in names}
    rest = tuple(name for name in spkeras.__all__ if name not in listed and name not in ELSEWHERE)
    groups = {**GROUPS, "More": rest} if rest else GROUPS
    parts = [part for title, names in groups.items() for part in _group(title, names)]
    records = [_directive(f"{home}.{name}", name) for name, home in RECORDS.items()]
    return "\n\n".join([*parts, "## Records", *records])


def _group(title, names):
    # Layers of Keras have many methods that are none of the interface.
    more = "\n      members: false" if title == "Layers" else ""
    paths = {name: _path(spkeras._HOMES[name], name) for name in names}
    parts = [_directive(path, f"spkeras.{name}") + more for name, path in paths.items()]
    return [f"## {title}", *parts]


def _path(home, name):
    """Return where a name is defined; a module of the same name hides it from a reader of sources."""
    folder = Path(spkeras.__file__).parents[1].joinpath(*home.split("."))
    return f"{home}.{name}.{name}" if (folder / f"{name}.py").exists() else f"{home}.{name}"


def _directive(path, name):
    return f"::: {path}\n    options:\n      heading: {name}\n      toc_label: {name}"
