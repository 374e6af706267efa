"""Converted models: built from a graph, and their spike loops and settings."""

from typing import Any

import keras

from spkeras.errors import SpkerasError
from spkeras.graph import Graph, structure
from spkeras.graph.finite import check_finite
from spkeras.recipes.simulation import Simulation
from spkeras.snn.converted import converted_of, model_of
from spkeras.snn.settings import apply
from spkeras.snn.spike_loop import SpikeLoop


def loop_of(snn: keras.Model) -> SpikeLoop:
    """Return the spike loop of a converted model.

    Raises:
        SpkerasError: the model has none.
    """
    layer = converted_of(snn)
    if not isinstance(layer, SpikeLoop):
        raise SpkerasError(
            f"{snn.name}: its layers fire one after the other, each in a window (recipe "
            f"{layer.graph.settings.get('recipe')!r}); this needs a network that runs step by step, "
            "as the other recipes give"
        )
    return layer


def configure(snn: keras.Model, **settings: Any) -> keras.Model:
    """Change `timesteps`, `schedule`, `stagger`, `input_encoding` or `seed` of a converted model.

    The given model is changed and returned; nothing is converted again.

    Raises:
        OptionError: unknown setting, or a value out of its range; nothing is changed then.
    """
    apply(converted_of(snn), settings)
    # Compiled with the former settings.
    snn.predict_function = snn.test_function = None
    return snn


def build(graph: Graph, simulation: Simulation | None = None, **settings: Any) -> keras.Model:
    """Return an ordinary Keras model around the spike loop of a graph with neurons.

    Args:
        graph: A graph whose activations are neurons.
        simulation: Settings of `SpikeLoop`; T is 64 where none is given.
        settings: The same, one by one, instead of `simulation`.

    Raises:
        WeightsError: a weight or threshold of the graph is NaN or infinite.
    """
    check_finite(graph, graph.name)
    chosen = simulation or Simulation(**settings)
    given = {name: value for name, value in chosen.get_config().items() if value is not None}
    return model_of(SpikeLoop(structure(graph), name="spike_loop", **given), graph)


def rebuilt(loop: SpikeLoop, graph: Graph, **changed: Any) -> keras.Model:
    """Return the model of another graph, with the settings of a spike loop or others."""
    return build(graph, **{**loop.simulation.get_config(), **changed})
