"""The reference of `spkeras.*`: one section for each public name, filled from its docstring."""

import spkeras

# Headings, and the names below each.
GROUPS = {
    "Convert": ("convert", "configure", "correct", "train_thresholds"),
    "Measure": ("evaluate", "verify", "sweep", "tune", "summary", "inspect", "Stream"),
    "Train": ("prepare", "finetune"),
    "Read models": ("load_model", "read_model", "demo"),
    "Draw": ("plot_raster", "plot_rates", "plot_thresholds"),
    "Extend": ("register_layer", "register_neuron", "register_operation", "register_recipe"),
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
    homes = [(spkeras._HOMES[name], spkeras._NAMES.get(name, name), name) for name in names]
    return [f"## {title}", *(_directive(f"{home}.{inner}", name) for home, inner, name in homes)]


def _directive(path, name):
    shown = name if path.startswith("spkeras.metrics") else f"spkeras.{name}"
    return f"::: {path}\n    options:\n      heading: {shown}"
