"""What each field of the processor's configuration is worth, on real data.

    python tests/benchmarks/hardware_sweeps.py widths digits_cnn --data digits --plot FILE.svg
    python tests/benchmarks/hardware_sweeps.py kernel digits_cnn --data digits --plot FILE.svg
    python tests/benchmarks/hardware_sweeps.py costs cifar10_vgg16 --data cifar10.npz --plot FILE.svg

widths: accuracy against weights, coding, table and accumulator, one field at a time. kernel:
accuracy against tau at several T, and of early firing. costs: energy and time against memories,
processing elements, clock and tables of costs, all from one run. Nothing is trained again.

--record FILE.json keeps what is done after each sweep; the same command goes on from there.
--only FIELD, once for each, leaves the other sweeps out.
"""

import argparse
import functools
import json
import sys
from dataclasses import asdict
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
import numpy as np  # noqa: E402
from hardware import MODELS, floating, nets, samples  # noqa: E402

WIDTHS = {
    "weight_bits": (3, 4, 5, 6, 8),
    "weight_steps": (1, 2, 4),
    "zero_code": (True, False),
    "initial_potential": ("log", "linear"),
    "full_scale": ("ceil", "nearest", "mse"),
    "timesteps": (8, 12, 16, 20, 24),
    "input_bits": (2, 3, 4, 6, 8),
    "table_bits": (2, 3, 4, 6, 8, 12),
    "accumulator_bits": (16, 18, 20, 22, 24, 28, 32),
}
# Further lines. Kernels that hold levels already leave rounding nothing to decide: those of the
# plain CNN with its ranges fitted, and nothing trained, do. And narrow accumulators that clip, at
# a fixed position of the binary point, on every fifth image: each addition is made by itself.
UNTRAINED = ("weight_bits", "zero_code", "initial_potential", "full_scale")
CLIPPING = ({"saturate": True, "fraction_bits": 2}, (14, 15, 16, 18))
TAUS = (1, 2, 4, 8, 16)
STEPS = (12, 24, 48, 96)
STARTS = (6, 9, 12, 15, 18, 21, 24)
PRICES = {
    "weight_kib": ("energy", (256, 512, 1024, 2048, 4096)),
    "membrane_kib": ("energy", (4, 8, 32, 128, 1024)),
    "pe_count": ("time", (16, 64, 128, 256, 512)),
    "clock_hz": ("time", (50e6, 100e6, 250e6, 500e6, 1e9)),
}


class Record:
    """Points by sweep, in a file that is written after each."""

    def __init__(self, path, label):
        self.path, self.label = path, label
        self.done = {}
        if path is not None and path.exists():
            stored = json.loads(path.read_text())
            if stored["label"] != label:
                raise SystemExit(f"{path}: holds {stored['label']}; give another --record")
            self.done = stored["points"]

    def points(self, name, make):
        """The points of a sweep, run now if they are not there."""
        from spkeras.hardware.log_ttfs.energy import Energy
        from tests.benchmarks.configurations import SweepPoint

        if name not in self.done:
            self.done[name] = [asdict(point) for point in make()]
            print(name, [point["accuracy"] for point in self.done[name]], file=sys.stderr)
            if self.path is not None:
                text = json.dumps({"label": self.label, "points": self.done}, indent=1)
                self.path.write_text(text + "\n")
        return tuple(
            SweepPoint(**{**p, "energy": None if p["energy"] is None else Energy(**p["energy"])})
            for p in self.done[name]
        )


def widths(record, plan, x, y, only, untrained):
    from spkeras.hardware.log_ttfs import HardwareConfig
    from tests.benchmarks.configurations import sweep

    found = {}
    for field, values in WIDTHS.items():
        if only and field not in only:
            continue

        def swept(plan, config, values, some=slice(None), field=field):
            return sweep(plan(), field, values, x[some], y[some], HardwareConfig(**config))

        lines = {"trained": record.points(field, lambda: swept(lambda: plan, {}, values))}
        if field in UNTRAINED and not only:
            lines["weights not trained"] = record.points(
                f"{field}, untrained", lambda: swept(untrained, {}, values)
            )
        if field == "accumulator_bits" and not only:
            lines["clipping"] = record.points(
                f"{field}, clipping, every fifth image",
                lambda: swept(lambda: plan, *CLIPPING, slice(None, None, 5)),
            )
        found[field] = lines
    return found


def untrained_plan(name, data):
    """The plain CNN with TTFS activations in the place of its ReLUs, and nothing trained."""
    import keras
    from train import read

    from spkeras.frontend.walk import read_graph
    from spkeras.training import finished, prepare
    from spkeras.ttfs.lower import lower

    plain = keras.models.load_model(MODELS / f"{name}.keras")
    (x, _), _ = read(data)
    twin = prepare(plain, np.random.default_rng(0).permutation(x)[:500], recipe="cat")
    return lower(read_graph(finished(twin)))


def kernel(record, plan, x, y, only, network):
    """tau by T, and early firing: the program's own windows do not overlap."""
    from spkeras.hardware.log_ttfs import HardwareConfig
    from tests.benchmarks.configurations import SweepPoint, sweep

    def early(start):
        decisions = network(start).predict(x, batch_size=100, verbose=0)
        return SweepPoint(start, float((decisions.argmax(-1) == y).mean()))

    found = {"tau": {}}
    for steps in STEPS:
        config = HardwareConfig(timesteps=steps)
        found["tau"][f"T = {steps}"] = record.points(
            f"tau, T = {steps}", lambda c=config: sweep(plan, "tau", TAUS, x, y, c)
        )
    if not only or "start" in only:
        name = "S, steps between windows (T = 24)"
        found[name] = record.points(name, lambda: [early(start) for start in STARTS])
    return found


def costs(record, plan, x, y, only):
    """Each table of costs over each field that no sum depends on."""
    from spkeras.metrics.costs import COST_TABLES
    from tests.benchmarks.configurations import sweep

    tables = record.points("costs", lambda: sweep(plan, "costs", tuple(COST_TABLES), x, y))
    panels = {}
    for field, (quantity, values) in PRICES.items():
        named = tuple(COST_TABLES) if quantity == "energy" else ("",)
        lines = {
            name: record.points(
                f"{field} {name}".strip(),
                lambda n=name, f=field, v=values: sweep(
                    plan, f, v, x, y, costs=n or tuple(COST_TABLES)[0]
                ),
            )
            for name in named
            if not only or field in only
        }
        if lines:
            panels[field] = (quantity, lines)
    return tables, panels


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", choices=("widths", "kernel", "costs"))
    parser.add_argument("name")
    parser.add_argument("--data", required=True)
    parser.add_argument("--samples", type=int)
    parser.add_argument("--plot")
    parser.add_argument("--record", type=Path)
    parser.add_argument("--only", action="append", default=[])
    given = parser.parse_args()
    import spkeras
    from tests.benchmarks.hardware_plot import cost_plot, sweep_plot

    x, y = samples(given.data, given.samples)
    _, trained, plan = nets(given.name)
    record = Record(given.record, [given.figure, given.name, len(x)])
    title = f"{given.name}_cat, {len(x)} test images"
    if given.figure == "costs":
        tables, panels = costs(record, plan, x, y, given.only)
        figure = cost_plot(tables, panels, title)
    else:
        floor = float((floating(plan, x).argmax(-1) == y).mean())
        if given.figure == "widths":
            untrained = functools.cache(lambda: untrained_plan(given.name, given.data))
            found = widths(record, plan, x, y, given.only, untrained)
        else:
            network = lambda start: spkeras.convert(  # noqa: E731
                trained, x[:2], "ttfs", start=start
            )
            found = kernel(record, plan, x, y, given.only, network)
        figure = sweep_plot(found, title, floor)
    if given.plot:
        figure.savefig(given.plot)
    print(json.dumps({"label": record.label, "points": record.done}, indent=1))


if __name__ == "__main__":
    main()
