"""Fine-tune a stored CNN for few time steps, and measure what it reads as a spiking network.

    python models/finetune.py mnist_t1 --data mnist.npz -o models/mnist_t1.keras

One name for each figure of docs/training.md. A run that was stopped goes on from its last epoch
when the same command is given again. `--print` shows the `spkeras finetune` command alone.
"""

import hashlib
import json
import shlex
from pathlib import Path

import click
import keras
import numpy as np

import spkeras
from spkeras.cli import main as command_line
from spkeras.snn.model import loop_of

HERE = Path(__file__).resolve().parent
_SHIFTED = "--crop-shift 4 --flip"
_IMAGES = f"{_SHIFTED} --policy mixed_bfloat16"
_FEW = "--encoding real --no-pooling-neurons --shift 0.5"

# name: (CNN, recipe, options of `spkeras finetune`, schedules and how it is converted for them)
_SYNCHRONOUS = {"schedule": "layer_synchronous", "thresholds": "learned"}
_CLOCKED = {"schedule": "clock_driven", "thresholds": "learned"}
_TRAINED = {"schedule": "clock_driven", "thresholds": "trained"}
FIGURES = {
    "mnist_t1": (
        "mnist_cnn",
        "low_latency",
        "--timesteps 1 --levels-per-unit 2 --shift 0.5 --no-pooling-neurons --clamp 0 --quantize 12 "
        "--rate 0.002 --train-batch 256 --crop-shift 1",
        (_CLOCKED,),
    ),
    "cifar10_vgg16_t8": (
        "cifar10_vgg16",
        "low_latency",
        f"--timesteps 8 --levels-per-unit 10 {_FEW} --clamp 0 --quantize 4 {_IMAGES}",
        (_SYNCHRONOUS, _TRAINED),
    ),
    "cifar100_vgg16_t8": (
        "cifar100_vgg16",
        "low_latency",
        f"--timesteps 8 --levels-per-unit 10 {_FEW} --clamp 0 --quantize 6 {_IMAGES} "
        "--optimizer sgd --rate 0.02",
        (_SYNCHRONOUS, _TRAINED),
    ),
    **{
        f"{net}_t{steps}": (
            net,
            "cq+",
            # Depthwise convolutions are slower in bfloat16 than in float32.
            f"--timesteps {steps} {_FEW} --distil 0.5 --optimizer sgd "
            # Hundreds of levels are nearly none: the CNN is nearly there.
            + (
                "--clamp 0 --quantize 1 --rate 0.005 "
                if steps > 100
                else "--clamp 1 --quantize 3 --rate 0.02 "
            )
            + (_SHIFTED if "mobilenet" in net else _IMAGES),
            (
                _TRAINED,
                _SYNCHRONOUS,
                *({**_SYNCHRONOUS, "weight_bits": bits, "rounding": "nearest"} for bits in (9, 8)),
            ),
        )
        for net, steps in (
            ("cifar10_vgg_star", 600),
            ("cifar10_vgg_star", 64),
            ("cifar10_vgg16", 64),
            ("cifar10_resnet20", 60),
            ("cifar10_mobilenet_v1", 60),
            ("cifar10_mobilenet_v2", 60),
            ("cifar10_densenet", 60),
        )
    },
}


def accuracy(model, x, y):
    return round(float((model.predict(x, batch_size=500, verbose=0).argmax(-1) == y).mean()), 4)


def reading(snn, x, y):
    """What a spiking network makes of the images at its T."""
    loop = loop_of(snn)
    found = {"timesteps": loop.timesteps, "latency": loop.latency}
    if loop.schedule == "layer_synchronous":
        # One pass in closed form; `evaluate` makes one for each T up to this.
        few = spkeras.evaluate(snn, x[:200], y[:200])
        return {
            **found,
            "accuracy": accuracy(snn, x, y),
            "operations_of": 200,
            **operations(few.activity),
        }
    result = spkeras.evaluate(snn, x, y)
    return {
        **found,
        "stagger": loop.offset,
        "accuracy": round(float(result.accuracy[-1]), 4),
        **operations(result.activity),
    }


def operations(activity):
    """Spikes per neuron, and operations per sample."""
    return {
        "spikes_per_neuron": round(activity.spikes_per_neuron, 3),
        "synaptic_operations": round(activity.synaptic_operations),
        "loop_macs": round(activity.loop_macs),
        "membrane_updates": round(activity.membrane_updates),
        "cnn_macs": activity.cnn_macs,
    }


def read(path):
    """Test images in [0, 1] with a channel axis, their labels, and training images."""
    with np.load(path, allow_pickle=False) as file:
        x, y, train = file["x_test"], file["y_test"].reshape(-1), file["x_train"]
    x, train = (a if a.ndim == 4 else a[..., None] for a in (x, train))
    return x.astype("float32") / 255, y, train


@click.command(help=__doc__)
@click.argument("name", type=click.Choice(list(FIGURES)))
@click.option("--data", required=True, type=click.Path(exists=True), help="x_train, y_train, ...")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path))
@click.option("--threshold-samples", default=2000, show_default=True)
@click.option("--spiking-samples", type=int, help="Test images, drawn with seed 0; all by default.")
@click.option("--measure", is_flag=True, help="Train nothing: measure what the output holds.")
@click.option("--print", "only_print", is_flag=True, help="The command, and nothing else.")
def main(name, data, output, threshold_samples, spiking_samples, measure, only_print):
    net, recipe, options, ways = FIGURES[name]
    base = HERE / f"{net}.keras"
    words = [
        "finetune",
        str(base),
        "-o",
        str(output),
        "--force",
        "--data",
        str(data),
        "--scale",
        "255",
        "--recipe",
        recipe,
        *shlex.split(options),
        "--json",
    ]
    click.echo(f"spkeras {shlex.join(words)}", err=True)
    if only_print:
        return
    if not measure:
        command_line(words, standalone_mode=False)
    x, y, train = read(data)
    trained = keras.models.load_model(output)
    record = {
        "file": output.name,
        "recipe": recipe,
        "test_samples": len(y),
        "options": options,
        "threshold_samples": threshold_samples,
        "cnn": accuracy(keras.models.load_model(base), x, y),
        "trained": accuracy(trained, x, y),
        "sha256": hashlib.sha256(output.read_bytes()).hexdigest(),
        "spiking": [],
    }
    if spiking_samples:
        # Many steps of many images take hours: fewer, and the CNN on the same ones beside.
        rows = np.sort(np.random.default_rng(0).permutation(len(y))[:spiking_samples])
        x, y = x[rows], y[rows]
        same = {
            "samples": spiking_samples,
            "cnn": accuracy(keras.models.load_model(base), x, y),
            "trained": accuracy(trained, x, y),
        }
        record["spiking_on"] = same
    for way in ways:
        settings = {name: value for name, value in way.items() if name == "schedule"}
        network = {name: value for name, value in way.items() if name != "schedule"}
        few = 1000 if way["thresholds"] == "learned" else threshold_samples
        snn = spkeras.convert(
            trained,
            train[:few].astype("float32") / 255,
            recipe,
            simulation=spkeras.Simulation(**settings),
            **network,
        )
        record["spiking"].append({**way, **reading(snn, x, y)})
        click.echo(json.dumps(record["spiking"][-1]), err=True)
    report = output.with_suffix(".json")
    report.write_text(json.dumps(record, indent=2) + "\n")
    click.echo(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
