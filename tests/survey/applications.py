"""Survey: which models of keras.applications become spiking networks, and how exactly.

    python tests/survey/applications.py -o docs/applications.md

Each model is built with random weights, given batch-norm statistics that fit them, read,
folded and compared with itself; then converted by recipe sigma_delta and run. Models run one
after the other, each in its own process, so that their memory is free again. Rows are kept
beside the page (.json), so that a survey can be taken up again.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "python tests/survey/applications.py -o docs/applications.md"
SIZE, CLASSES, IMAGES, COMPARED = 96, 10, 8, 2
# Steps at which the graded network is compared, and the finest spikes there are.
STEPS, LEVELS = (1, 2, 4, 8, 16), 24
# Parameters beyond which a model is not tried; ConvNeXtXLarge (348 M) takes 17 GB.
LARGEST = 400e6
SEED = 0

Record = dict[str, Any]


def model_names() -> list[str]:
    """The model functions of keras.applications."""
    import keras

    return [name for name in dir(keras.applications) if name[0].isupper()]


def build(name: str) -> Any:
    """The model with random weights, ending in logits."""
    import keras

    keras.utils.set_random_seed(SEED)
    return getattr(keras.applications, name)(
        weights=None, input_shape=(SIZE, SIZE, 3), classes=CLASSES, classifier_activation=None
    )


def settle(model: Any, images: Any) -> None:
    """Random scales and offsets in the batch normalisations, and statistics that fit them.

    With a momentum of 0 one pass in training mode leaves the statistics of its own images.
    """
    import keras
    import numpy as np

    rng = np.random.default_rng(SEED)
    layers = [layer for layer in model._flatten_layers() if is_batch_norm(layer)]
    for layer in layers:
        for variable, low, high in ((layer.gamma, 0.8, 1.2), (layer.beta, -0.3, 0.3)):
            if variable is not None:
                variable.assign(rng.uniform(low, high, variable.shape))
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    model(keras.ops.convert_to_tensor(images), training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def is_batch_norm(layer: Any) -> bool:
    """Whether a layer keeps statistics of batches."""
    return type(layer).__name__ == "BatchNormalization"


def survey(name: str) -> Record:
    """One row of the table."""
    import numpy as np
    import tensorflow as tf

    from spkeras.errors import SpkerasError
    from spkeras.frontend.walk import read_graph
    from spkeras.passes.neurons import place_neurons
    from spkeras.passes.pipeline import fold
    from spkeras.recipes import Conversion

    # Compiling a network of hundreds of layers takes longer than the few passes made here.
    tf.config.run_functions_eagerly(True)
    model = build(name)
    record: Record = {"model": name, "parameters": model.count_params()}
    if record["parameters"] > LARGEST:
        return {**record, "skipped": f"more than {LARGEST / 1e6:.0f} M parameters"}
    record["obstacles"] = obstacles(model)
    images = np.random.default_rng(SEED).uniform(0, 1, (IMAGES, SIZE, SIZE, 3)).astype("float32")
    settle(model, images)
    start = time.perf_counter()
    try:
        graph = fold(read_graph(model))
    except SpkerasError as error:
        return {**record, "converts": False, "refused": str(error)}
    record["seconds"] = time.perf_counter() - start
    record["error"] = graph_error(model, graph, images[:COMPARED])
    try:
        place_neurons(graph, Conversion())
        record["converts"] = True
    except SpkerasError:
        record["converts"] = False
    return {**record, "graded": graded(model, images)}


def graded(model: Any, images: Any) -> list[float]:
    """Difference of the graded network to the CNN after each of `STEPS`, over its spread."""
    import numpy as np

    import spkeras

    snn = spkeras.convert(
        model,
        images,
        recipe="sigma_delta",
        timesteps=max(STEPS),
        levels=LEVELS,
        mantissa_bits=3,
        batch_size=IMAGES,
        insist=True,
    )
    score = spkeras.evaluate(snn, images[:COMPARED], any_range=True).scores[0]
    spread = float(np.std(model.predict_on_batch(images[:COMPARED])))
    return [float(score.deviation[step - 1] / spread) for step in STEPS]


def obstacles(model: Any) -> list[str]:
    """The layers that stand in the way, counted by kind and reason, each with one name."""
    from spkeras.frontend.verdict import REFUSED, inspect_layers

    counts: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], str] = {}
    for verdict in inspect_layers(model):
        if verdict.verdict == REFUSED:
            reason = verdict.reason.removeprefix(f"{verdict.name} ({verdict.kind}): ")
            key = (verdict.kind, reason.split(";")[0])
            counts[key] += 1
            first.setdefault(key, verdict.name)
    return [
        f"{count} × {key[0]} (`{first[key]}`{', ...' if count > 1 else ''}): {key[1]}"
        for key, count in counts.items()
    ]


def graph_error(model: Any, graph: Any, images: Any) -> float:
    """Largest difference between the outputs of the folded graph and the CNN's, relative."""
    import numpy as np

    from spkeras.snn.ann import ann

    own = model.predict_on_batch(images)
    other = ann(graph).predict_on_batch(images)
    return float(np.abs(other - own).max() / np.abs(own).max())


def survey_apart(name: str) -> Record:
    """`survey` in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(Path(__file__)), "--only", name]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if run.returncode:
        reason = (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1]
        return {"model": name, "parameters": None, "skipped": f"failed: {reason}"}
    return json.loads(run.stdout.splitlines()[-1])


def row(record: Record) -> str:
    """One line of the table."""
    count = record["parameters"]
    cells = [record["model"], "" if count is None else f"{count / 1e6:.1f} M"]
    blank = [""] * (2 + len(STEPS))
    if "skipped" in record:
        cells += [f"not tried: {record['skipped']}", *blank]
    elif "refused" in record:
        cells += [f"no: {record['refused']}", *blank]
    else:
        verdict = "yes" if record["converts"] else "no: " + "; ".join(record["obstacles"])
        cells += [verdict, f"{record['error']:.0e}", f"{record['seconds']:.1f}"]
        cells += [f"{value:.0e}" for value in record["graded"]]
    return f"| {' | '.join(cells)} |"


def page(records: list[Record]) -> str:
    """The whole document."""
    tried = [record for record in records if "skipped" not in record]
    rate = sum(record["converts"] for record in tried)
    values = sum("graded" in record for record in tried)
    steps = " | ".join(f"T = {step}" for step in STEPS)
    lines = [
        "# Which models of keras.applications convert",
        "",
        "Inspect a model of your own, layer by layer:",
        "",
        "```sh",
        "spkeras inspect model.keras                        # rate coding, recipe ecc",
        "spkeras inspect model.keras --recipe sigma_delta   # graded spikes",
        "```",
        "",
        f"**{rate} of {len(tried)} models convert under rate coding (recipe `ecc`), {values} of "
        f"{len(tried)} with graded spikes (recipe `sigma_delta`).** Models with normalisations by "
        "their values or products of branches need graded spikes. The error of the graded network "
        "falls with T down to the rounding error of float32:",
        "",
        f"| model | parameters | rate coding | graph error | seconds | {steps} |",
        "|---|---:|---|---:|---:|" + "---:|" * len(STEPS),
        *map(row, records),
        "",
        "* *Graph error*: largest difference between the outputs of the folded graph and of the "
        f"CNN on {COMPARED} images, over the CNN's largest output.",
        "* *Seconds*: reading and folding, on a busy two-core machine; "
        "models above 100 M ran beside other work.",
        "* *T = ...*: rms difference between the outputs of the graded network and of the CNN "
        "after T steps, over the spread of the CNN's outputs.",
        "",
        "## How it was measured",
        "",
        f"    {COMMAND}",
        "",
        f"{versions()}. Random weights, {SIZE} × {SIZE} × 3 inputs and {CLASSES} classes; batch "
        f"normalisations with random scales and offsets and with the statistics of {IMAGES} random "
        f"images; {LEVELS} levels and 3 mantissa bits, so that the steps and not the levels limit "
        "the graded network. Random weights are the hardest case: nothing in them compensates an "
        "error, and where the graph error is large (ResNet101, ResNet152, InceptionV3) they amplify "
        "the rounding of float32 itself, which then limits the graded network, too.",
        "",
    ]
    return "\n".join(lines)


def versions() -> str:
    """What the figures depend on."""
    import keras
    import tensorflow

    import spkeras

    return (
        f"spkeras {spkeras.__version__}, Keras {keras.__version__}, TensorFlow "
        f"{tensorflow.__version__}, Python {platform.python_version()}"
    )


def main() -> None:
    """Run the survey, or one model of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("applications.md"))
    parser.add_argument("--only", help="one model; prints its record as JSON")
    parser.add_argument("--names", nargs="*", help="these models, in this order; default all")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if arguments.only:
        print(json.dumps(survey(arguments.only)))
        return
    kept = arguments.output.with_suffix(".json")
    records = json.loads(kept.read_text()) if kept.exists() else []
    done = {record["model"] for record in records}
    for name in arguments.names or model_names():
        if name not in done:
            records.append(survey_apart(name))
            print(row(records[-1]), flush=True)
            kept.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    records.sort(key=lambda record: record["model"])
    arguments.output.write_text(page(records), encoding="utf-8")


if __name__ == "__main__":
    main()
