"""Survey: which models of keras.applications become rate-coded networks, and how exactly.

    python tests/survey/applications.py -o docs/applications.md

Each model is built with random weights, given batch-norm statistics that fit them, read,
folded and compared with itself. Models run one after the other, each in its own process, so
that their memory is free again.
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
# Parameters beyond which the model, its graph and the graph's model exceed small machines.
LARGEST = 250e6
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

    import spkeras
    from spkeras.errors import SpkerasError
    from spkeras.frontend.walk import read_graph
    from spkeras.passes.recipes import Options, prepare

    # Compiling a network of hundreds of layers takes longer than the few passes made here.
    tf.config.run_functions_eagerly(True)
    model = build(name)
    record: Record = {"model": name, "parameters": model.count_params()}
    record["obstacles"] = obstacles(model)
    if record["parameters"] > LARGEST:
        limit = f"more than {LARGEST / 1e6:.0f} M parameters"
        refused = bool(record["obstacles"])
        return {**record, **({"converts": False} if refused else {"skipped": limit})}
    images = np.random.default_rng(SEED).uniform(0, 1, (IMAGES, SIZE, SIZE, 3)).astype("float32")
    try:
        read_graph(model)
    except SpkerasError:
        return {**record, "converts": False}
    settle(model, images)
    start = time.perf_counter()
    graph = prepare(read_graph(model), Options())
    record["seconds"] = time.perf_counter() - start
    record["error"], record["rounding"] = errors(name, model, graph, images[:COMPARED])
    try:
        spkeras.convert(model, images, timesteps=16)
    except SpkerasError:
        return {**record, "converts": False}
    return {**record, "converts": True}


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


def errors(name: str, model: Any, graph: Any, images: Any) -> tuple[float, float]:
    """Of the folded graph against the CNN, and of the CNN against itself in float64.

    Largest differences of the outputs, over the largest output.
    """
    import keras
    import numpy as np

    from spkeras.snn.network import analogue

    own = model.predict_on_batch(images)
    other = analogue(graph).predict_on_batch(images)
    keras.config.set_dtype_policy("float64")
    exact_model = build(name)
    keras.config.set_dtype_policy("float32")
    exact_model.set_weights(model.get_weights())
    exact = exact_model.predict_on_batch(images.astype("float64"))
    largest = np.abs(own).max()
    return float(np.abs(other - own).max() / largest), float(np.abs(own - exact).max() / largest)


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
    if "skipped" in record:
        cells += [f"not tried: {record['skipped']}", "", "", ""]
    else:
        verdict = "yes" if record["converts"] else "no: " + "; ".join(record["obstacles"])
        cells.append(verdict)
        if "error" in record:
            numbers = (record["error"], record["rounding"])
            cells += [*(f"{number:.1e}" for number in numbers), f"{record['seconds']:.1f}"]
        else:
            cells += ["", "", ""]
    return f"| {' | '.join(cells)} |"


def page(records: list[Record]) -> str:
    """The whole document."""
    tried = [record for record in records if "skipped" not in record]
    converted = sum(record["converts"] for record in tried)
    read = [record["error"] for record in tried if "error" in record]
    worst = f"{max(read):.1e}" if read else "none"
    lines = [
        "# keras.applications",
        "",
        f"Generated by `{COMMAND}`; {versions()}.",
        "",
        f"Every model of `keras.applications`, with random weights, {SIZE} × {SIZE} × 3 inputs and "
        f"{CLASSES} classes; batch normalisations with random scales and offsets and with the "
        f"statistics of {IMAGES} random images. **{converted} of {len(tried)} convert** under "
        "rate coding (`spkeras.convert` was run).",
        "",
        "*Graph error*: largest difference between the outputs of the folded graph and of the "
        f"CNN on {COMPARED} images, over the CNN's largest output; at most {worst}. Given for "
        "every model whose layers can all be read, also where a layer can be computed but not "
        "rate-coded. *CNN's rounding*: the same between the CNN in float32 and in float64; what "
        "two orders of the same float32 arithmetic may differ by. *Seconds*: reading and "
        "folding, on a busy two-core machine.",
        "",
        "| model | parameters | converts | graph error | CNN's rounding | seconds |",
        "|---|---:|---|---:|---:|---:|",
        *map(row, records),
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
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if arguments.only:
        print(json.dumps(survey(arguments.only)))
        return
    records = []
    for name in model_names():
        records.append(survey_apart(name))
        print(row(records[-1]), flush=True)
        arguments.output.write_text(page(records), encoding="utf-8")


if __name__ == "__main__":
    main()
