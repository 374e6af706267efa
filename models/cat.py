"""Conversion-aware training of a stored CNN: `python models/cat.py NAME --data SET -o FILE`.

ReLUs become clips, then time-to-first-spike activations (the input is coded, too), batch norm is
folded, and the weights become logarithmic: each phase goes on from the one before, as in Lew,
Lee & Park 2022. What is stored is an ordinary Keras model whose kernels hold the values of their
codes already, so that compiling it for the hardware loses nothing. For chains of layers, which
the nets of this folder with a VGG's pattern are.
"""

import hashlib
import json
import platform
import sys
from dataclasses import replace
from pathlib import Path

import click
import keras
import numpy as np
from keras import layers

sys.path.insert(0, str(Path(__file__).parent))
from cnn_training.nets import NETS  # noqa: E402
from cnn_training.samples import Batches, read, scaled  # noqa: E402

from spkeras.layers import LogConv2D, LogDense, TTFSActivation  # noqa: E402
from spkeras.ops.log_weights import LogFormat, full_scale_exponent, log_quantize  # noqa: E402
from spkeras.training.teacher import DistilledBatches  # noqa: E402

PHASES = ("clip", "ttfs", "log")


class Shuffled(keras.utils.PyDataset):
    """Augmented batches for Keras, in a new order each epoch."""

    def __init__(self, x, y, recipe):
        super().__init__()
        self.batches, self.y, self.epoch = Batches(x, y, recipe), y, 0

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        x, y = self.batches.batch(self.epoch, index)
        return scaled(x), y

    def on_epoch_end(self):
        self.epoch += 1


class Distilled(DistilledBatches):
    """Batches of both labels that pass on the end of an epoch."""

    def on_epoch_end(self):
        self.batches.on_epoch_end()


class Clip(layers.Layer):
    """min(max(x, 0), theta0): what a spike's value is bounded by."""

    def __init__(self, theta0=1.0, **kwargs):
        super().__init__(**kwargs)
        self.theta0 = theta0

    def call(self, x):
        return keras.ops.clip(x, 0.0, self.theta0)


def activations(model, x, quantile=0.998):
    """For each ReLU in order, what its positive values stay below on most samples."""
    outputs = [layer.output for layer in model.layers if rectifies(layer)]
    values = keras.Model(model.inputs, outputs).predict(x, batch_size=250, verbose=0)
    return [float(np.quantile(v[v > 0], quantile)) for v in values]


def rectifies(layer):
    function = getattr(layer, "activation", None)
    return isinstance(layer, layers.ReLU) or getattr(function, "__name__", "") == "relu"


def normalized(model, x):
    """The chain of a plain CNN whose ReLUs are divided by their ranges: each from 0 to 1."""
    ranges, scale, chain = iter(activations(model, x)), 1.0, []
    for layer, weights in chain_of(model):
        if isinstance(layer, layers.Conv2D | layers.Dense):
            weights[0] = weights[0] * scale
            scale = 1.0
            if rectifies(layer):
                scale = next(ranges)
                weights = [w / scale for w in weights]
        elif isinstance(layer, layers.BatchNormalization):
            scale = next(ranges)
            weights[:2] = [w / scale for w in weights[:2]]
        chain.append((layer, weights))
    return chain


def chain_of(model):
    """[(layer, weights)] of a model from its first layer with weights on."""
    first = next(i for i, layer in enumerate(model.layers) if layer.weights)
    return [(layer, [np.array(w) for w in layer.get_weights()]) for layer in model.layers[first:]]


def folded(chain):
    """The chain with batch norm in the kernels and biases before it."""
    result = []
    for layer, weights in chain:
        if isinstance(layer, layers.BatchNormalization):
            gamma, beta, mean, variance = weights
            factor = gamma / np.sqrt(variance + layer.epsilon)
            kernel, *bias = result[-1][1]
            offset = (bias[0] if bias else 0.0) - mean
            result[-1] = (result[-1][0], [kernel * factor, offset * factor + beta])
        else:
            result.append((layer, weights))
    return result


def rebuilt(chain, activation, form, name):
    """A model of the chain with this activation, its kernels logarithmic where `form` is one."""
    inputs = keras.Input(chain[0][0].input.shape[1:])
    x = activation()(inputs)
    for layer, weights in chain:
        if isinstance(layer, TTFSActivation | Clip | layers.ReLU):
            x = activation()(x)
            continue
        copy = weighted(layer, weights, form) if weights else type(layer).from_config(plain(layer))
        x = copy(x)
        if weights:
            copy.set_weights(weights)
        if rectifies(layer):
            x = activation()(x)
    return keras.Model(inputs, x, name=name)


def plain(layer):
    """A layer's settings, under the precision that is in force now."""
    config = layer.get_config()
    return {key: value for key, value in config.items() if key not in ("dtype", "name")}


def weighted(layer, weights, form):
    """A layer of the same kind for these weights."""
    if not isinstance(layer, layers.Conv2D | layers.Dense):
        return type(layer).from_config(plain(layer))
    config = {k: v for k, v in plain(layer).items() if k not in ("log_format", "full_scale")}
    config["use_bias"] = len(weights) > 1
    if rectifies(layer):
        config["activation"] = None
    elif getattr(layer.activation, "__name__", "") == "softmax":
        config["dtype"] = "float32"
    convolves = isinstance(layer, layers.Conv2D)
    if form is None:
        return (layers.Conv2D if convolves else layers.Dense)(**config)
    config |= {"log_format": form.to_dict(), "full_scale": full_scale_exponent(weights[0], form)}
    return (LogConv2D if convolves else LogDense)(**config)


def train(model, batches, test, rate, epochs, decay, backup):
    """Fine-tune with a cosine from `rate` down to nothing."""
    schedule = keras.optimizers.schedules.CosineDecay(rate, epochs * len(batches))
    optimizer = keras.optimizers.SGD(
        schedule, momentum=0.9, nesterov=True, clipnorm=5.0, weight_decay=decay or None
    )
    if decay:
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    saved = keras.callbacks.BackupAndRestore(str(backup))
    model.fit(batches, epochs=epochs, validation_data=test, verbose=2, callbacks=[saved])


@click.command(help=__doc__)
@click.argument("name", type=click.Choice(list(NETS)))
@click.option("--data", required=True, help="Data set, as for train.py.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path))
@click.option(
    "--epochs",
    default=(1, 4, 4),
    type=(int, int, int),
    show_default=True,
    help="Epochs with clips, with spike times, with logarithmic weights.",
)
@click.option(
    "--rates",
    default=(0.01, 0.02, 0.005),
    type=(float, float, float),
    show_default=True,
    help="First learning rate of each phase.",
)
@click.option(
    "--distil",
    default=0.0,
    show_default=True,
    help="Share of each label that is the plain CNN's own answer.",
)
@click.option("--decay", default=0.0, show_default=True, help="Decoupled decay of the weights.")
@click.option(
    "--start",
    type=click.Path(exists=True, path_type=Path),
    help="Go on from this net, which this script has made before.",
)
@click.option("--timesteps", default=24, show_default=True)
@click.option("--tau", default=4, show_default=True)
@click.option("--weight-bits", default=5, show_default=True)
@click.option("--steps", default=2, show_default=True, help="Weight levels per octave.")
@click.option("--seed", default=1, show_default=True)
def main(
    name,
    data,
    output,
    epochs,
    rates,
    distil,
    decay,
    start,
    timesteps,
    tau,
    weight_bits,
    steps,
    seed,
):
    keras.utils.set_random_seed(seed)
    (x, y), test = read(data)
    test = scaled(test[0]), test[1]
    classes = y.max() + 1
    y, labels = (np.eye(classes, dtype="float32")[given] for given in (y, test[1]))
    batches = Shuffled(x, y, replace(NETS[name][1], batch=128, cutout=0, seed=seed))
    form = LogFormat(weight_bits, steps)
    cnn = keras.models.load_model(Path(__file__).with_name(f"{name}.keras"))
    shown = Distilled(batches, cnn, distil) if distil else batches
    if start:
        chain = chain_of(keras.models.load_model(start))
    else:
        chain = normalized(cnn, scaled(np.random.default_rng(0).permutation(x)[:1000]))
    title = f"{name}_cat"
    makers = {"clip": Clip, "ttfs": lambda: TTFSActivation(timesteps, tau)}
    for phase, count, rate in zip(PHASES, epochs, rates, strict=True):
        chain = folded(chain) if phase == "log" else chain
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
        model = rebuilt(
            chain, makers.get(phase, makers["ttfs"]), form if phase == "log" else None, title
        )
        keras.mixed_precision.set_global_policy("float32")
        if count:
            train(model, shown, (test[0], labels), rate, count, decay, f"{output}.{phase}.backup")
        chain = chain_of(model)
    chain = [
        (
            layer,
            (
                [
                    log_quantize(w, form, layer.full_scale) if not i else w
                    for i, w in enumerate(weights)
                ]
                if weights
                else []
            ),
        )
        for layer, weights in chain
    ]
    stored = rebuilt(chain, makers["ttfs"], None, title)
    stored.save(output)
    write_record(
        stored,
        output,
        data,
        test,
        f"python models/cat.py {name} --data {Path(data).stem}"
        f" --epochs {' '.join(map(str, epochs))} --rates {' '.join(map(str, rates))}"
        + (f" --distil {distil}" if distil else "")
        + (f" --decay {decay}" if decay else "")
        + (f" --start {start.name}" if start else "")
        + f" --timesteps {timesteps} --tau {tau}"
        + f" --seed {seed}",
        {"timesteps": timesteps, "tau": tau, **form.to_dict()},
    )


def write_record(model, output, data, test, command, code):
    """An entry of the manifest, like those of train.py."""
    decisions = model.predict(test[0], batch_size=500, verbose=0).argmax(-1)
    record = {
        "file": output.name,
        "data": Path(data).stem,
        "input": "pixels scaled to [0, 1]",
        "test_accuracy": round(float((decisions == test[1]).mean()), 4),
        "test_samples": len(test[1]),
        "parameters": model.count_params(),
        "sha256": hashlib.sha256(output.read_bytes()).hexdigest(),
        "command": command,
        "code": code,
        "precision": "mixed_bfloat16",
        "versions": {
            "keras": keras.__version__,
            "backend": keras.backend.backend(),
            "python": platform.python_version(),
        },
    }
    manifest = output.with_name("manifest.json")
    entries = json.loads(manifest.read_text()) if manifest.exists() else {}
    entries[model.name] = record
    manifest.write_text(json.dumps(dict(sorted(entries.items())), indent=2) + "\n")
    click.echo(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
