"""Compare a converted network with its CNN, layer by layer."""

from typing import Any

import keras
import numpy as np

from spkeras.calibration.layer_rates import LayerRates
from spkeras.data import DataLike, open_data
from spkeras.data.batches import check_range
from spkeras.data.layout import Layout
from spkeras.data.source import inputs
from spkeras.facade.folded import Folded
from spkeras.facade.reference import check_pair
from spkeras.facade.reference_names import name_of
from spkeras.facade.window_layers import WindowLayers
from spkeras.graph import Graph
from spkeras.graph.finite import check_finite
from spkeras.metrics import NeuronCheck, Verification
from spkeras.metrics.comparison import RateComparison
from spkeras.ops.bar import reported
from spkeras.ops.progress import Progress
from spkeras.passes.changes import is_lost
from spkeras.recipes.arguments import check_arguments
from spkeras.snn.converted import converted_of
from spkeras.snn.settings import configured
from spkeras.snn.spike_loop import SpikeLoop

STAGES = ("folded", "parameters", "clipped", "quantized", "simulated")


def verify(
    cnn: keras.Model,
    snn: keras.Model,
    x: DataLike,
    *,
    batch_size: int = 50,
    any_range: bool = False,
    progress: Progress | None = None,
    verbose: str | int = "auto",
    **settings: Any,
) -> Verification:
    """Compare a converted network with its CNN, layer by layer.

    Args:
        cnn: The Keras model that was converted.
        snn: From `convert`, or loaded from a file.
        x: Samples, as the CNN takes them, in any form of docs/data.md; 100 to 500 suffice.
        batch_size: Samples at once; the outputs of all their layers are held in memory.
        any_range: Accept samples far outside the calibrated range.
        progress: Called with (samples done, samples in all).
        verbose: "auto" for a bar in a terminal or a notebook, and nothing in a file; 1 for a bar, 0
            for none. With `progress` no bar is shown.
        settings: `timesteps`, `schedule`, ... for this run instead of the network's.

    Returns:
        Float error of the folded graph per layer; rates, or values, against activations per
        layer of neurons, at the end and after each step; the loss by clipping, by quantisation
        and by the timing of spikes; and the layer that converges last.

    Raises:
        DataError: the samples do not fit or reach beyond twice the calibrated range, or the
            CNN is another model than the one converted.
        WeightsError: weights or thresholds of one of them are NaN or infinite.
    """
    check_arguments(cnn=cnn, batch_size=batch_size, any_range=any_range, progress=progress)
    loop = converted_of(snn)
    graph = loop.graph
    check_finite(graph, snn.name)
    source = open_data(Layout.of(graph), x, part="test")
    check_pair(cnn, graph)
    if not any_range:
        check_range(graph, source.head(batch_size).x)
    done = 0
    folded, outputs = Folded(cnn), _Outputs(graph)
    lost = is_lost(graph)
    with configured(loop, settings), reported(progress, verbose, "sample") as report:
        layers = WindowLayers(loop) if loop.windows else _Layers(loop)
        for batch in inputs(source, batch_size):
            if source.streams and not any_range:
                check_range(graph, batch)
            answers = layers.add(batch)
            own, exact = folded.add(batch)
            # A network without the CNN's weights takes the outputs of the folded CNN as its first stage.
            outputs.add(own, exact, [exact, *answers[1:]] if lost else answers)
            done += len(batch[0])
            report(done, source.expected)
        checks = folded.result()
        decisions, output_error = outputs.result()
        return Verification(
            model=snn.name,
            schedule=loop.schedule,
            timesteps=loop.timesteps,
            samples=done,
            layers=checks,
            neurons=layers.result(),
            departs_first=layers.departs_first(),
            faithful=all(check.relative < folded.tolerance for check in checks),
            tolerance=folded.tolerance,
            decisions=decisions,
            output_error=output_error,
            spike_code=loop.spike_code,
            steps=layers.steps,
            settles_last=layers.settles_last(),
            reference=name_of(graph),
        )


class _Layers:
    """All layers of neurons, compared in all stages.

    Args:
        loop: Its settings are those of the run.
    """

    def __init__(self, loop: SpikeLoop) -> None:
        self.stages, self.changed = LayerRates(loop), bool(loop.graph.originals)
        running = loop.schedule == "clock_driven"
        self.steps = tuple(range(1, loop.timesteps + 1)) if running else ()
        levels_above_scale = int(loop.graph.settings.get("levels_above_scale") or 0)
        self.comparisons = [
            RateComparison(node, loop.timesteps, len(self.steps), levels_above_scale)
            for node in loop.network.neurons
        ]

    def add(self, batch: list[np.ndarray]) -> list[list[np.ndarray]]:
        """Compare one batch; return the outputs of each of `STAGES`."""
        ways = [self.stages.rates(mode, batch) for mode in ("ann", "clipped", "count")]
        former = self.stages.rates("reference", batch) if self.changed else ways[0]
        ways = [former, *ways]
        run = self.stages.simulated(batch, former[1])
        ways.append((run.outputs, run.rates))
        for index, comparison in enumerate(self.comparisons):
            comparison.add(*(rates[index] for _, rates in ways))
            comparison.follow(int(run.silent[index]), run.squares[index], run.last[index])
        return [outputs for outputs, _ in ways]

    def result(self) -> tuple[NeuronCheck, ...]:
        """Return one entry per layer of neurons."""
        return tuple(comparison.result() for comparison in self.comparisons)

    def departs_first(self) -> str | None:
        """Return the first layer whose error exceeds that of its levels."""
        pairs = zip(self.comparisons, self.result(), strict=True)
        late = (check.name for own, check in pairs if check.error > 2 * own.explained)
        return next(late, None)

    def settles_last(self) -> str | None:
        """Return the layer that fires longest; of several the deepest."""
        found = [(check.settled, index) for index, check in enumerate(self.result())]
        known = [(settled, index) for settled, index in found if settled is not None]
        return self.comparisons[max(known)[1]].name if known else None


class _Outputs:
    """Decisions and outputs after each stage, against the CNN's; of the first output."""

    def __init__(self, graph: Graph) -> None:
        shape = graph[graph.outputs[0]].shape
        self.classes = len(shape) == 1 and shape[0] > 1
        self.equal, self.squares = np.zeros(len(STAGES)), np.zeros(len(STAGES))
        self.samples = self.elements = 0
        self.changed = bool(graph.originals) or is_lost(graph)

    def add(
        self, cnn: list[np.ndarray], exact: list[np.ndarray], stages: list[list[np.ndarray]]
    ) -> None:
        self.samples += len(cnn[0])
        self.elements += exact[0].size
        for index, outputs in enumerate(stages):
            self.squares[index] += float(((outputs[0] - exact[0]) ** 2).sum())
            if self.classes:
                finite = np.isfinite(outputs[0]).all(axis=-1) & np.isfinite(cnn[0]).all(axis=-1)
                self.equal[index] += (finite & (outputs[0].argmax(-1) == cnn[0].argmax(-1))).sum()

    def result(self) -> tuple[dict[str, float], dict[str, float]]:
        """Return the share of equal decisions and the rms difference, by stage."""
        shares = (self.equal / max(self.samples, 1)).tolist() if self.classes else []
        errors = np.sqrt(self.squares / max(self.elements, 1)).tolist()
        shown = [stage for stage in STAGES if self.changed or stage != "parameters"]
        found = [dict(zip(STAGES, values, strict=False)) for values in (shares, errors)]
        first, second = ({s: own[s] for s in shown if s in own} for own in found)
        return first, second
