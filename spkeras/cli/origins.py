"""The networks that a program was made from, on the samples of its run."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from spkeras.cli.files import CnnReader
from spkeras.cli.messages import note
from spkeras.errors import SpkerasError

if TYPE_CHECKING:
    import keras

    from spkeras.data import Data
    from spkeras.hardware.log_ttfs import Program, RunResult
    from spkeras.hardware.log_ttfs.run import Compared


def compared(
    program: "Program",
    path: Path,
    samples: "Data",
    *,
    result: "RunResult",
    given: Mapping[str, Path],
) -> "dict[str, Compared]":
    """Return the accuracy of the CNN ("cnn") and of the network that was compiled ("cat").

    Args:
        program: The program.
        path: Its file; paths that it states are looked up from here, too.
        samples: Of the run, as their source has them.
        result: Result of the program on them.
        given: Paths that replace those of the program.
    """
    found = {}
    for name in ("cnn", "cat"):
        if name not in given and name not in program.origin:
            continue
        stated = Path(given.get(name) or program.origin[name])
        places = [place for place in (stated, path.parent / stated.name) if place.is_file()]
        if not places:
            note(f"{name}: {stated} does not exist; give --{name} to compare with it")
            continue
        try:
            model = CnnReader().read(places[0]).model
        except SpkerasError as error:
            note(f"{name}: {error}")
            continue
        found[name] = _on_samples(program, model, samples, result)
    return found


def _on_samples(
    program: "Program", model: "keras.Model", samples: "Data", result: "RunResult"
) -> "Compared":
    from spkeras.hardware.log_ttfs.run import compare

    level = program.config.input_levels
    x = []
    for port, (array, tensor) in enumerate(zip(samples.x, model.inputs, strict=True)):
        # Whole numbers are codes of the port where its full scale is 1.
        codes = array.dtype.kind in "iu" and program.encoders[port].unit == 1
        values = array / level if codes else array
        x.append(values.reshape(len(values), *tensor.shape[1:]).astype("float32"))
    outputs = model.predict(x if len(x) > 1 else x[0], verbose=0)
    first = outputs[0] if isinstance(outputs, list) else outputs
    return compare(result, first, samples.y)
