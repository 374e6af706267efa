"""The report of `spkeras finetune`: accuracy of a trained network, and what training lost."""

import math
from collections.abc import Mapping
from dataclasses import replace as changed
from typing import TYPE_CHECKING, Any

from spkeras.cli.messages import say
from spkeras.cli.progress import progress

if TYPE_CHECKING:
    import keras

    from spkeras.ops.arrays import Samples


_REPORT_SAMPLES = 1000
# Least loss of accuracy that is reported, in shares and in standard deviations of the difference;
# and least growth of an error, as a share of the CNN's.
_LOST, _DEVIATIONS, _WORSE = 0.01, 2.0, 0.1


def lost(kind: str, before: float, after: float, samples: int) -> list[str]:
    """Return a warning if a trained network is clearly worse than its CNN.

    Args:
        kind: "accuracy" or "error".
        before: Of the CNN.
        after: Of the trained network, on the same samples.
        samples: Number of samples.
    """
    advice = (
        "train longer (--quantize, --clamp), with another --rate, with more time steps or with "
        "--distil 0.5; or convert the CNN itself"
    )
    if kind == "error":
        if after <= (1 + _WORSE) * before:
            return []
        return [
            f"training increased the rms error: {before:.4g} before, {after:.4g} after, on "
            f"{samples} test samples; {advice}"
        ]
    spread = math.sqrt((before * (1 - before) + after * (1 - after)) / samples)
    if before - after <= max(_LOST, _DEVIATIONS * spread):
        return []
    return [
        f"training lost {100 * (before - after):.1f} points: accuracy {before:.2%} of the CNN, "
        f"{after:.2%} of the trained network, on {samples} test samples; {advice}"
    ]


def epoch_lines(epochs: int) -> "keras.callbacks.Callback":
    """Return a Keras callback that prints the figures of each epoch on stderr.

    Args:
        epochs: Number of epochs in all.
    """
    import keras

    def show(epoch: int, logs: Mapping[str, float] | None) -> None:
        figures = ", ".join(f"{name} {float(value):.4f}" for name, value in (logs or {}).items())
        say(f"epoch {epoch + 1}/{epochs}: {figures}", err=True)

    return keras.callbacks.LambdaCallback(on_epoch_end=show)


def report(
    cnn: "keras.Model",
    trained: "keras.Model",
    inputs: "Samples",
    data: Any,
    recipe: str,
    batch_size: int,
    simulation: Mapping[str, Any],
    widths: Mapping[str, Any],
) -> dict[str, Any]:
    """Return accuracy (for values, error) on the test part: CNN, trained network, spiking network."""
    import spkeras
    from spkeras.recipes import Simulation
    from spkeras.training.targets import quality

    test = changed(data, part="test", samples=None).read(cnn)
    x, labels = test.x[0].astype("float32"), test.y
    kind, before = quality(cnn, x, labels)
    after = quality(trained, x, labels)[1]
    found: dict[str, Any] = {
        "test_samples": len(x),
        "measure": kind,
        "cnn": before,
        "trained": after,
        "warnings": lost(kind, before, after, len(x)),
    }
    if recipe == "cat":
        return found
    some, own = x[:_REPORT_SAMPLES], labels[:_REPORT_SAMPLES]
    snn = spkeras.convert(
        trained,
        inputs,
        recipe,
        thresholds="learned",
        insist=True,
        simulation=Simulation(**simulation),
        **widths,
    )
    found["spiking_samples"] = len(some)
    with progress("spiking") as advance:
        for schedule in ("layer_synchronous", "clock_driven"):
            result = spkeras.evaluate(
                snn,
                some,
                own,
                schedule=schedule,
                batch_size=batch_size,
                insist=True,
                progress=advance,
            )
            course = getattr(result.scores[0], kind)
            found[schedule] = {"timesteps": result.timesteps, kind: float(course[-1])}
    return found
