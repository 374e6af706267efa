"""The layers that a recipe trains with: its activations and its input encoding."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import keras

from spkeras.layers import (
    ChannelExpansion,
    ClampQuantize,
    InputQuantizer,
    QCFSActivation,
    ValueRange,
)
from spkeras.layers.ttfs import BurstActivation, PhaseActivation, TTFSActivation
from spkeras.recipes import CAT, QCFS, LowLatency, Trained
from spkeras.recipes.trained import CODES

# N by T, as published; 5/4 T for other T.
_LEVELS = {1: 4.0, 2: 3.0}
TrainingRecipe = Trained | CAT


def default_timesteps(recipe: TrainingRecipe) -> int:
    """Return the default T; L for qcfs, the window for cat."""
    return CODES[recipe.spike_code] if isinstance(recipe, CAT) else recipe.steps


@dataclass(frozen=True, kw_only=True)
class Activations:
    """Makes the layers of a twin.

    Attributes:
        recipe: Recipe of the training.
        timesteps: T of the spiking network.
        inputs: Largest value of each input, by its name; 1 for others.
    """

    recipe: TrainingRecipe
    timesteps: int
    inputs: Mapping[str, float] = field(default_factory=dict)

    @property
    def levels_per_unit(self) -> float:
        """N, for low_latency."""
        given = self.recipe.levels_per_unit if isinstance(self.recipe, LowLatency) else None
        return _LEVELS.get(self.timesteps, 1.25 * self.timesteps) if given is None else given

    def activation(self, scale: float) -> keras.layers.Layer:
        """Return the activation of a layer.

        Args:
            scale: Upper end of the range of the layer's values.
        """
        recipe, steps = self.recipe, self.timesteps
        if isinstance(recipe, CAT):
            if recipe.spike_code == "ttfs":
                scale = self._on_grid(recipe, scale, round)
            return self._coded(recipe, scale)
        if isinstance(recipe, LowLatency):
            return ValueRange(steps, self.levels_per_unit, scale, recipe.shift)
        if isinstance(recipe, QCFS):
            return QCFSActivation(steps, scale, recipe.shift)
        return ClampQuantize(steps, scale, recipe.shift)

    def input_threshold(self, source: str) -> float:
        """Return the largest value that an input's spikes carry.

        Args:
            source: Name of the input.
        """
        if self.recipe.input_threshold is not None:
            return self.recipe.input_threshold
        largest = self.inputs.get(source, 1.0)
        if isinstance(self.recipe, CAT) and self.recipe.spike_code == "ttfs":
            # Rounded up, so that no input is cut off.
            return self._on_grid(self.recipe, largest, math.ceil)
        return largest

    def _on_grid(self, recipe: CAT, scale: float, rounding: Callable[[float], int]) -> float:
        """Return a scale on the grid of spike times through the first input's largest value.

        Shifts then align the branches of an addition.
        """
        first = next(iter(self.inputs.values()), 1.0)
        steps = rounding(round(recipe.tau * math.log2(scale / first), 9))
        return float(first * 2.0 ** (steps / recipe.tau))

    def input_layer(self, name: str, source: str = "") -> keras.layers.Layer | None:
        """Return the layer after an input, or None for real values.

        Args:
            name: Name of the layer.
            source: Name of the input.
        """
        recipe = self.recipe
        if recipe.encoding == "real":
            return None
        if recipe.encoding == "expanded":
            return ChannelExpansion(self.timesteps, self.levels_per_unit, name=name)
        if isinstance(recipe, CAT):
            return self._coded(recipe, self.input_threshold(source), name)
        return InputQuantizer(self.timesteps, self.input_threshold(source), name=name)

    def _coded(self, recipe: CAT, scale: float, name: str | None = None) -> keras.layers.Layer:
        """Return an activation of cat with values up to `scale`."""
        steps, own = self.timesteps, {"dtype": "float32", "name": name}
        if recipe.spike_code == "phase":
            return PhaseActivation(steps, scale, **own)
        if recipe.spike_code == "burst":
            # The first spike of a burst is an eighth of the range, as in T2FSNN's reference code.
            return BurstActivation(steps, scale / 8, **own)
        return TTFSActivation(steps, recipe.tau, scale, **own)
