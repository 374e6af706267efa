"""Converted models to networks of parts, and back."""

import keras

from spkeras.errors import ExportError, OptionError
from spkeras.exchange.lowering import lowered
from spkeras.exchange.maps import POOLS
from spkeras.exchange.parts import Exchange
from spkeras.exchange.raising import raised
from spkeras.exchange.whole import is_whole
from spkeras.graph.check import check_graph
from spkeras.recipes import Simulation
from spkeras.snn.model import build, loop_of
from spkeras.snn.spike_loop import SpikeLoop

NIR = "NIR"
_START = "convert with --target nir (in Python target='nir')"


def exchange_of(
    snn: keras.Model, place: str, *, pools: str = "sum", form: str, allow_loss: bool
) -> tuple[Exchange, tuple[str, ...]]:
    """Return a converted model as parts, and what was left out.

    Args:
        snn: The model.
        place: The file, as messages name it.
        pools: How average pooling is written: "sum", "average" or "conv".
        form: The form of the file, as messages name it. All but `NIR` state the step at which a
            layer starts.
        allow_loss: Leave out what the file cannot state, where the network runs without it.

    Raises:
        ExportError: all that the file cannot hold.
        OptionError: pools out of its range.
    """
    if pools not in POOLS:
        raise OptionError(f"pools={pools!r}; allowed: {', '.join(POOLS)}")
    loop = loop_of(snn)
    keeps_starts = form != NIR
    lost = _settings(loop, keeps_starts)
    rounds = is_whole(loop.graph) and loop.input_encoding == "constant"
    if rounds and not keeps_starts:
        lost.append(
            "whole numbers: constant currents are rounded once a sample and potentials have a range, "
            "NIR has neither; convert with input_encoding='regular' (--input-encoding regular, or "
            "--target nir)"
        )
    starts = {}
    if keeps_starts:
        nodes = loop.graph.of("neuron", "readout")
        starts = {node.name: loop.start(node) for node in nodes}
    parts, problems, ends = lowered(loop.graph, starts, pools, form)
    if len(loop.graph.outputs) != 1:
        problems.append(f"{snn.name}: {len(loop.graph.outputs)} outputs; allowed: 1")
    lost = [*lost, *ends]
    if problems or (lost and not allow_loss):
        raise ExportError(place, [*problems, *([] if allow_loss else lost)])
    network = Exchange(
        snn.name,
        tuple(parts),
        loop.timesteps,
        encoding=loop.input_encoding,
        integers=None if rounds and not keeps_starts else loop.graph.integers,
    )
    return network, tuple(lost)


def _settings(loop: SpikeLoop, keeps_starts: bool) -> list[str]:
    """Return the settings of a run that a file cannot state."""
    found = []
    if loop.schedule != "clock_driven":
        found.append(f"schedule={loop.schedule!r}: layers run step by step elsewhere; {_START}")
    elif loop.offset and not keeps_starts:
        found.append(
            f"stagger={loop.offset:g}: each layer starts that many steps after the one before, NIR has "
            f"no start step; {_START}"
        )
    if loop.presteps:
        found.append("correction='offset_spikes': potentials that depend on the sample")
    return found


def model_of(network: Exchange) -> keras.Model:
    """Return a network without pulses and ties as a converted model."""
    graph = raised(network).with_settings(
        recipe="nir", neuron="binary", spike_code="rate", built_for=network.timesteps
    )
    check_graph(graph)
    return build(
        graph,
        Simulation(timesteps=network.timesteps, stagger=0, input_encoding=network.encoding),
    )
