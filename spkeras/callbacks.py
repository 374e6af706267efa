"""Callbacks of Keras that convert a CNN while it is trained.

spiking = spkeras.callbacks.SpikingAccuracy(x_train[:500], (x_val, y_val), timesteps=32)
cnn.fit(x_train, y_train, epochs=20, callbacks=[spiking, keras.callbacks.TensorBoard("logs")])
"""

import random
from collections.abc import Mapping
from typing import Any

import keras

from spkeras.data import DataLike, open_data
from spkeras.data.layout import Layout
from spkeras.errors import DataError, OptionError, WeightsError
from spkeras.facade import convert, evaluate
from spkeras.frontend.walk import walk
from spkeras.layers import Staged
from spkeras.ops import log
from spkeras.recipes import Recipe
from spkeras.report.objects import Evaluation
from spkeras.training import finished
from spkeras.training.rebuild import all_layers

__all__ = ["SpikingAccuracy"]


class SpikingAccuracy(keras.callbacks.Callback):
    """Converts the model after every n-th epoch, and logs what the spiking network reaches.

    The logs of these epochs have "snn_accuracy" (for values "snn_error"), "snn_agreement" (share of
    decisions equal to the CNN's) and "snn_spikes" (spikes per sample), after T steps. `History`,
    and callbacks that come later in the list, read them: `TensorBoard` writes them,
    `ModelCheckpoint(path, monitor="snn_accuracy", mode="max", save_best_only=True)` keeps the best
    CNN. Training is the same with and without this callback. A twin of `spkeras.prepare` is
    converted with its activations in their present stage.

    Args:
        calibration: Calibration samples for `spkeras.convert`.
        data: Samples with labels for `spkeras.evaluate`; without labels there is no accuracy.
        recipe: As for `spkeras.convert`.
        every: Number of epochs between two conversions, from 1; the last epoch always has one.
        layers: Whether the logs also have "snn_spikes/LAYER", spikes per neuron of each layer.
        batch_size: Samples at once.
        options: Options of `spkeras.convert`: `timesteps`, options of the recipe.

    Attributes:
        results: The evaluation of each conversion, by epoch, from 0.

    Raises:
        UnsupportedLayerError: layers that cannot be converted, when training begins.
        DataError: samples that do not fit the model, when training begins.
        OptionError: `every` is out of its range.
    """

    def __init__(
        self,
        calibration: DataLike,
        data: DataLike,
        recipe: str | Recipe | Mapping[str, Any] = "ecc",
        *,
        every: int = 1,
        layers: bool = False,
        batch_size: int = 100,
        **options: Any,
    ) -> None:
        super().__init__()
        if int(every) != every or every < 1:
            raise OptionError(f"every={every!r}; allowed: whole numbers from 1")
        self.calibration, self.data = calibration, data
        self.recipe, self.every, self.layers = recipe, int(every), layers
        self.batch_size, self.options = batch_size, options
        self.results: dict[int, Evaluation] = {}
        self._sources: tuple[Any, Any] = calibration, data

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Check layers and data before the first epoch."""
        walk(_final(self.model)).convertible()
        layout = Layout.of_model(self.model)
        sources = open_data(layout, self.calibration), open_data(layout, self.data, part="test")
        self._sources = sources[0].again(), sources[1].again()
        self.results = {}

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Convert and evaluate, if it is the turn of this epoch."""
        last = epoch + 1 == (self.params or {}).get("epochs")
        if (epoch + 1) % self.every and not last:
            return
        # New layers draw seeds from Python's generator, which also shuffles batches.
        state = random.getstate()
        try:
            result = self._measured()
        except (WeightsError, DataError) as error:
            log.warn(f"epoch {epoch + 1}: the model is not converted: {error}")
            return
        finally:
            random.setstate(state)
        self.results[epoch] = result
        if logs is not None:
            logs.update(self._figures(result))

    def _measured(self) -> Evaluation:
        size, cnn = self.batch_size, _final(self.model)
        calibration, data = self._sources
        snn = convert(cnn, calibration, self.recipe, batch_size=size, verbose=0, **self.options)
        # A CNN that is not yet trained is near chance.
        return evaluate(snn, data, batch_size=size, insist=True, any_range=True, verbose=0)

    def _figures(self, result: Evaluation) -> dict[str, float]:
        score = result.scores[0]
        courses = {
            "snn_accuracy": score.accuracy,
            "snn_error": score.error,
            "snn_agreement": score.agreement,
        }
        found = {name: float(own[-1]) for name, own in courses.items() if own is not None}
        found["snn_spikes"] = float(result.activity.spikes)
        if self.layers:
            for layer in result.activity.layers:
                found[f"snn_spikes/{layer.name}"] = float(layer.spikes_per_neuron)
        return found


def _final(model: keras.Model) -> keras.Model:
    """Return the model; a twin with its activations in their present stage."""
    staged = any(isinstance(layer, Staged) for layer in all_layers(model))
    return finished(model) if staged else model
