"""Conversion into networks whose layers fire one after the other, each in its window."""

from typing import Any

import keras
import numpy as np

from spkeras.data import DataLike, Source
from spkeras.data.batches import batches
from spkeras.data.open import as_samples
from spkeras.errors import OptionError
from spkeras.facade.plausible import check_calibration
from spkeras.frontend.visits import Walk
from spkeras.graph import Graph
from spkeras.ops.progress import Progress
from spkeras.recipes import TTFS
from spkeras.snn.ann import ann, inference
from spkeras.ttfs.checks import check_coded, check_rectified, is_coded, is_relu
from spkeras.ttfs.exact_relu import check_inputs, windows_of
from spkeras.ttfs.exponential import Exponential, fitted
from spkeras.ttfs.lower import before_pooling, folded, plan_of
from spkeras.ttfs.plan import EARLIEST, ENCODER, NEURONS, FirstSpikePlan
from spkeras.ttfs.spike_windows import Kernels, build

# Updates of an exponential kernel where none are given.
_UPDATES = 100


def convert_windows(
    walked: Walk,
    data: DataLike | Source,
    recipe: TTFS,
    timesteps: int | None,
    *,
    batch_size: int,
    progress: Progress,
) -> keras.Model:
    """Return the network of recipe `ttfs`.

    Args:
        walked: The CNN, as the frontend has walked it.
        data: Calibration samples.
        recipe: The recipe.
        timesteps: T of exponential kernels; None for the recipe's.
        batch_size: Samples at once.
        progress: Receives (samples done, samples in all).

    Raises:
        UnsupportedLayerError: layers or activations that the kernel cannot compute, all at once.
        DataError: samples of another shape, none, or NaN; or outside 0 to 1 for kernels that are not trained.
        OptionError: `start` is outside 1 ... T, or the code has no early firing.
    """
    graph = walked.convertible()
    code = "ttfs"
    if recipe.kernel == "trained":
        code = check_coded(graph)
        if recipe.start is not None and code != "ttfs":
            raise OptionError(
                f"start={recipe.start} with {code} spikes; allowed: None, since all spikes of a "
                "window together are the value"
            )
    else:
        check_rectified(graph)
    graph = folded(graph)
    plan = plan_of(graph, is_coded if recipe.kernel == "trained" else is_relu)
    samples = as_samples(graph, data)
    if recipe.kernel != "trained":
        check_inputs(samples[0])
    if not recipe.insist:
        check_calibration(walked, samples)
    kernels: Kernels = {}
    if recipe.kernel != "trained":
        values = _activations(graph, plan, samples, batch_size=batch_size, progress=progress)
        kernels = _kernels(plan, recipe, values, timesteps)
    given = {n: v for n, v in recipe.conversion_config().items() if v is not None}
    settings = {**given, "spike_code": code}
    graph = graph.updated(_largest(graph, samples)).with_settings(**settings)
    return build(graph.with_nodes(graph.nodes, notes=_new(plan, graph)), kernels, recipe.start)


def _new(plan: FirstSpikePlan, graph: Graph) -> list[str]:
    return [note for note in plan.notes if note not in graph.notes]


def _largest(graph: Graph, samples: list[np.ndarray]) -> dict[str, Any]:
    """Return the inputs with the largest magnitude of the calibration as their scale."""
    return {
        node.name: node.with_arrays(scale=np.asarray(np.abs(array).max() or 1.0, np.float32))
        for node, array in zip(graph.of("input"), samples, strict=True)
    }


def _kernels(
    plan: FirstSpikePlan, recipe: TTFS, values: dict[str, np.ndarray], timesteps: int | None
) -> Kernels:
    if recipe.kernel == "exact":
        return windows_of(plan, {name: float(own.max()) for name, own in values.items()})
    steps = timesteps or recipe.default_timesteps
    tau = recipe.tau or steps / 4
    updates = _UPDATES if recipe.updates is None else recipe.updates
    tables = {name: fitted(own, steps, tau, updates).tolist() for name, own in values.items()}
    for layer in plan.layers:
        if layer.kind == ENCODER:
            # Inputs are compared with the kernel directly: their scale is 1.
            tables[layer.name] = Exponential(tau).table(steps).tolist()
        elif layer.kind == EARLIEST:
            tables[layer.name] = tables[layer.branches[0].source]
    return tables


def _activations(
    graph: Graph,
    plan: FirstSpikePlan,
    samples: list[np.ndarray],
    *,
    batch_size: int,
    progress: Progress,
) -> dict[str, np.ndarray]:
    """Return the activations of each layer of neurons on all samples, by name."""
    names = [layer.name for layer in plan.layers if layer.kind == NEURONS]
    infer = inference(ann(graph, [_potential(graph, name) for name in names]))
    parts: list[list[np.ndarray]] = []
    done = 0
    for batch in batches(samples, batch_size):
        found = infer(batch)
        parts.append([np.maximum(own, 0) for own in found])
        done += len(batch[0])
        progress(done, len(samples[0]))
    return dict(zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True))


def _potential(graph: Graph, name: str) -> str:
    """Return the node whose value is the potential of a layer of neurons."""
    for node in graph.nodes:
        if before_pooling(node.name) == name:
            return graph[node.inputs[0]].inputs[0]
    return graph[name].inputs[0]
