"""Train the stored CNNs: `python models/train.py NAME --data SET -o models/NAME.keras`.

Every net in this folder comes from this script with its defaults; `manifest.json` keeps
what came out. Inputs are scaled to [0, 1] and nothing else, so that a constant current
equals a pixel. `SET` is an `.npz` with `x_train`, `y_train`, `x_test`, `y_test`, the name
of a `keras.datasets` set, or `digits` (scikit-learn's bundled 8x8 digits).
"""

import hashlib
import json
import platform
from pathlib import Path

import click
import keras
import numpy as np
from keras import layers


def digits_cnn():
    """Two convolutions with batch norm and average pooling, for 8x8 digits."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            *conv_bn_relu(16),
            *conv_bn_relu(32),
            layers.AveragePooling2D(2),
            *conv_bn_relu(32),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ],
        name="digits_cnn",
    )


def mnist_cnn():
    """LeNet's pattern with batch norm and average pooling."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *conv_bn_relu(16),
            *conv_bn_relu(16),
            layers.AveragePooling2D(2),
            *conv_bn_relu(32),
            *conv_bn_relu(32),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ],
        name="mnist_cnn",
    )


def cifar10_vgg16(widths=(24, 48, 96, 176, 176), classes=10):
    """VGG16's pattern (Wu et al. 2022: batch norm and average pooling), narrow."""
    x = inputs = keras.Input((32, 32, 3))
    for repeats, width in zip((2, 2, 3, 3, 3), widths, strict=True):
        for _ in range(repeats):
            x = apply(conv_bn_relu(width), x)
        x = layers.AveragePooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(widths[-1], use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    outputs = layers.Dense(classes, activation="softmax", dtype="float32")(x)
    return keras.Model(inputs, outputs, name="cifar10_vgg16")


def cifar10_vgg_star(width=48, classes=10):
    """VGG-* of Yan et al. 2021 (average pooling, a last convolution without padding), narrow."""
    x = inputs = keras.Input((32, 32, 3))
    for stage in range(3):
        for _ in range(2):
            x = apply(conv_bn_relu(width << stage), x)
        x = layers.AveragePooling2D(2)(x)
    x = layers.Conv2D(width << 3, 3, use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.AveragePooling2D(2)(x)
    x = layers.Dropout(0.15)(layers.Flatten()(x))
    outputs = layers.Dense(classes, activation="softmax", dtype="float32")(x)
    return keras.Model(inputs, outputs, name="cifar10_vgg_star")


def cifar10_mobilenet_v1(width=20):
    """MobileNet's pattern (Howard et al. 2017) for 32x32: depthwise, then pointwise."""
    x = inputs = keras.Input((32, 32, 3))
    x = apply(conv_bn_relu(width), x)
    for multiple, strides in ((2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (8, 1), (16, 2), (16, 1)):
        x = layers.DepthwiseConv2D(3, strides, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = apply(conv_bn_relu(multiple * width, kernel=1), x)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(10, activation="softmax", dtype="float32")(x)
    return keras.Model(inputs, outputs, name="cifar10_mobilenet_v1")


def cifar10_mobilenet_v2():
    """MobileNetV2's pattern (Sandler et al. 2018) for 32x32: ReLU6, linear ends that add up."""
    x = inputs = keras.Input((32, 32, 3))
    x = layers.ReLU(6.0)(apply(conv_bn(16), x))
    for width, strides in ((24, 2), (24, 1), (48, 2), (48, 1), (48, 1), (96, 1), (96, 1)):
        start, expanded = x, 4 * x.shape[-1]
        x = layers.ReLU(6.0)(apply(conv_bn(expanded, kernel=1), x))
        x = layers.DepthwiseConv2D(3, strides, padding="same", use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
        x = apply(conv_bn(width, kernel=1), x)
        x = layers.Add()([start, x]) if start.shape == x.shape else x
    x = layers.ReLU(6.0)(apply(conv_bn(256, kernel=1), x))
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(10, activation="softmax", dtype="float32")(x)
    return keras.Model(inputs, outputs, name="cifar10_mobilenet_v2")


def cifar10_densenet(growth=12):
    """DenseNet's pattern (Huang et al. 2017) with the activation last, as in Yan et al. 2023."""
    x = inputs = keras.Input((32, 32, 3))
    x = apply(conv_bn_relu(2 * growth), x)
    for stage, depth in enumerate((4, 6, 8)):
        if stage:
            x = apply(conv_bn_relu(x.shape[-1] // 2, kernel=1), x)
            x = layers.AveragePooling2D(2)(x)
        for _ in range(depth):
            x = layers.Concatenate()([x, apply(conv_bn_relu(growth), x)])
    x = apply(conv_bn_relu(x.shape[-1], kernel=1), x)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(10, activation="softmax", dtype="float32")(x)
    return keras.Model(inputs, outputs, name="cifar10_densenet")


def cifar10_resnet20(width=16, classes=10):
    """ResNet20 of He et al. 2016, with projection shortcuts."""
    x = inputs = keras.Input((32, 32, 3))
    x = apply(conv_bn_relu(width), x)
    for stage in range(3):
        for block in range(3):
            strides = 2 if stage and not block else 1
            shortcut = x
            x = apply(conv_bn_relu(width << stage, strides), x)
            x = apply(conv_bn(width << stage), x)
            if strides > 1:
                shortcut = apply(conv_bn(width << stage, strides, kernel=1), shortcut)
            x = layers.ReLU()(layers.Add()([x, shortcut]))
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(classes, activation="softmax", dtype="float32")(x)
    return keras.Model(inputs, outputs, name="cifar10_resnet20")


def cifar100_vgg16():
    """The same pattern for 100 classes."""
    model = cifar10_vgg16(classes=100)
    return keras.Model(model.inputs, model.outputs, name="cifar100_vgg16")


def cifar10_efficientnet():
    """EfficientNetV2's pattern (Tan & Le 2021) for 32x32: swish and squeeze-and-excite.

    Early blocks expand with one 3x3 convolution, late ones with a depthwise one and gates.
    """
    x = inputs = keras.Input((32, 32, 3))
    x = apply(conv_bn_swish(16), x)
    for width, strides, fused in ((24, 2, True), (48, 2, True), (48, 1, False), (64, 1, False)):
        x = inverted_residual(x, width, strides, fused)
        x = inverted_residual(x, width, 1, fused)
    x = apply(conv_bn_swish(192, kernel=1), x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2)(x)
    outputs = layers.Dense(10, activation="softmax", dtype="float32")(x)
    return keras.Model(inputs, outputs, name="cifar10_efficientnet")


def inverted_residual(x, width, strides, fused, expansion=4):
    """Expand, filter each channel, weigh the channels, project; linear ends are added."""
    start, expanded = x, expansion * x.shape[-1]
    if fused:
        x = apply(conv_bn_swish(expanded, strides), x)
    else:
        x = apply(conv_bn_swish(expanded, kernel=1), x)
        x = layers.DepthwiseConv2D(3, strides, padding="same", use_bias=False)(x)
        x = layers.Activation("swish")(layers.BatchNormalization()(x))
        x = squeeze_and_excite(x, start.shape[-1] // 4)
    x = apply(conv_bn(width, kernel=1), x)
    return layers.Add()([start, x]) if start.shape == x.shape else x


def squeeze_and_excite(x, width):
    """Hu et al. 2018: the mean over positions decides how much each channel counts."""
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(width, 1, activation="swish")(gate)
    gate = layers.Conv2D(x.shape[-1], 1, activation="sigmoid")(gate)
    return layers.Multiply()([x, gate])


def conv_bn(width, strides=1, kernel=3):
    convolution = layers.Conv2D(width, kernel, strides, padding="same", use_bias=False)
    return [convolution, layers.BatchNormalization()]


def conv_bn_relu(width, strides=1, kernel=3):
    return [*conv_bn(width, strides, kernel), layers.ReLU()]


def conv_bn_swish(width, strides=1, kernel=3):
    return [*conv_bn(width, strides, kernel), layers.Activation("swish")]


def apply(chain, x):
    for layer in chain:
        x = layer(x)
    return x


# name: (build, epochs, batch size, peak learning rate, largest shift in pixels, flip)
NETS = {
    "digits_cnn": (digits_cnn, 60, 64, 0.05, 1, False),
    "mnist_cnn": (mnist_cnn, 12, 128, 0.05, 2, False),
    "cifar10_vgg16": (cifar10_vgg16, 30, 128, 0.1, 4, True),
    "cifar10_vgg_star": (cifar10_vgg_star, 36, 128, 0.1, 4, True),
    "cifar10_mobilenet_v1": (cifar10_mobilenet_v1, 10, 128, 0.1, 4, True),
    "cifar10_mobilenet_v2": (cifar10_mobilenet_v2, 12, 128, 0.1, 4, True),
    "cifar10_densenet": (cifar10_densenet, 12, 128, 0.1, 4, True),
    "cifar10_resnet20": (cifar10_resnet20, 28, 128, 0.1, 4, True),
    "cifar10_efficientnet": (cifar10_efficientnet, 30, 128, 0.1, 4, True),
    "cifar100_vgg16": (cifar100_vgg16, 40, 128, 0.1, 4, True),
}


class Augmented(keras.utils.PyDataset):
    """Batches in a new order each epoch, shifted and (where it keeps the class) flipped."""

    def __init__(self, x, y, batch_size, shift, flip, seed, cutout=0):
        super().__init__()
        padding = ((0, 0), (shift, shift), (shift, shift), (0, 0))
        self.padded, self.y, self.size = np.pad(x, padding), y, x.shape[1]
        self.batch_size, self.shift, self.flip, self.cutout = batch_size, shift, flip, cutout
        self.rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self):
        return len(self.y) // self.batch_size

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.y))

    def __getitem__(self, index):
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        corners = self.rng.integers(0, 2 * self.shift + 1, (len(chosen), 2))
        x = np.stack(
            [
                self.padded[i, top : top + self.size, left : left + self.size]
                for i, (top, left) in zip(chosen, corners, strict=True)
            ]
        )
        if self.flip:
            mirrored = self.rng.random(len(chosen)) < 0.5
            x[mirrored] = x[mirrored, :, ::-1]
        if self.cutout:
            # A square of zeros anywhere in each image (DeVries & Taylor 2017).
            for image, (top, left) in zip(
                x, self.rng.integers(0, self.size, (len(chosen), 2)), strict=True
            ):
                half = self.cutout // 2
                image[max(top - half, 0) : top + half, max(left - half, 0) : left + half] = 0
        return x.astype("float32"), self.y[chosen]


def read(name):
    """(x_train, y_train), (x_test, y_test), images in [0, 1] with a channel axis."""
    if name == "digits":
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        order = np.random.default_rng(0).permutation(len(y))
        x, y = x[order].reshape(-1, 8, 8) / 16, y[order]
        parts = (x[:1297], y[:1297]), (x[1297:], y[1297:])
    elif name.endswith(".npz"):
        with np.load(name) as file:
            parts = tuple((file[f"x_{part}"], file[f"y_{part}"]) for part in ("train", "test"))
    else:
        parts = getattr(keras.datasets, name).load_data()
    return tuple((prepare(x), y.reshape(-1)) for x, y in parts)


def prepare(x):
    x = x.astype("float32") / (255 if x.dtype == np.uint8 else 1)
    return x if x.ndim == 4 else x[..., None]


@click.command(help=__doc__)
@click.argument("name", type=click.Choice(list(NETS)))
@click.option("--data", required=True, help="Data set (see above).")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path))
@click.option("--epochs", type=int, help="Instead of the net's own number.")
@click.option("--rate", type=float, help="Peak learning rate, instead of the net's own.")
@click.option("--start", type=click.Path(exists=True, path_type=Path), help="Go on from this net.")
@click.option("--cutout", default=0, help="Side of a square that is blanked in each image.")
@click.option("--seed", default=1, show_default=True)
@click.option("--float32", is_flag=True, help="Instead of mixed bfloat16 (twice as slow).")
def main(name, data, output, epochs, rate, start, cutout, seed, float32):
    keras.utils.set_random_seed(seed)
    build, own_epochs, batch_size, own_rate, shift, flip = NETS[name]
    epochs, rate = epochs or own_epochs, rate or own_rate
    (x, y), test = read(data)
    batches = Augmented(x, y, batch_size, shift, flip, seed, cutout)
    keras.mixed_precision.set_global_policy("float32" if float32 else "mixed_bfloat16")
    model = build()
    keras.mixed_precision.set_global_policy("float32")
    if start:
        model.set_weights(keras.models.load_model(start).get_weights())
    warmup, steps = 2 * len(batches), epochs * len(batches)
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 10, steps - warmup, warmup_target=rate, warmup_steps=warmup
    )
    # Decoupled decay of 5e-3 with momentum 0.9 is the usual L2 of 5e-4.
    optimizer = keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True, weight_decay=5e-3)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    backup = keras.callbacks.BackupAndRestore(f"{output}.backup")
    model.fit(batches, epochs=epochs, validation_data=test, verbose=2, callbacks=[backup])
    stored = build()
    stored.set_weights(model.get_weights())
    decisions = stored.predict(test[0], batch_size=500, verbose=0).argmax(-1)
    accuracy = (decisions == test[1]).mean()
    stored.save(output)
    flags = {"epochs": epochs, "rate": rate, "cutout": cutout, "seed": seed}
    record = {
        "file": output.name,
        "data": Path(data).stem,
        "input": "pixels scaled to [0, 1]",
        "test_accuracy": round(float(accuracy), 4),
        "test_samples": len(test[1]),
        "parameters": stored.count_params(),
        "sha256": hashlib.sha256(output.read_bytes()).hexdigest(),
        "command": f"python models/train.py {name} --data {Path(data).stem} "
        + " ".join(f"--{flag} {value}" for flag, value in flags.items() if value)
        + (f" --start {start.name}" if start else ""),
        "precision": "float32" if float32 else "mixed_bfloat16",
        "versions": {
            "keras": keras.__version__,
            "backend": keras.backend.backend(),
            "python": platform.python_version(),
        },
    }
    manifest = output.with_name("manifest.json")
    entries = json.loads(manifest.read_text()) if manifest.exists() else {}
    entries[name] = record
    manifest.write_text(json.dumps(dict(sorted(entries.items())), indent=2) + "\n")
    click.echo(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
