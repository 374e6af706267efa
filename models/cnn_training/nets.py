"""The architectures of the stored CNNs, and the recipe that each is trained with."""

from collections.abc import Callable

import keras
from keras import layers

from .recipe import Recipe

Chain = list[layers.Layer]


def digits_cnn() -> keras.Model:
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


def mnist_cnn() -> keras.Model:
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


def cifar10_vgg16(
    widths: tuple[int, ...] = (64, 128, 256, 192, 192), classes: int = 10
) -> keras.Model:
    """VGG16's pattern (Wu et al. 2022: batch norm and average pooling), narrow where it is deep."""
    x = inputs = keras.Input((32, 32, 3))
    for repeats, width in zip((2, 2, 3, 3, 3), widths, strict=True):
        for _ in range(repeats):
            x = apply(conv_bn_relu(width), x)
        x = layers.AveragePooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(widths[-1], use_bias=False)(x)
    x = norm()(x)
    x = layers.ReLU()(x)
    outputs = layers.Dense(classes, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="cifar10_vgg16")


def cifar10_vgg_star(
    widths: tuple[int, ...] = (64, 192, 384, 512), classes: int = 10
) -> keras.Model:
    """VGG-* of Yan et al. 2021 (average pooling, a last convolution without padding), narrower.

    Large images cost most in the first layers, parameters in the last: both are narrower than
    the published 128, 256, 512 and 1024.
    """
    x = inputs = keras.Input((32, 32, 3))
    for width in widths[:-1]:
        for _ in range(2):
            x = apply(conv_bn_relu(width), x)
        x = layers.AveragePooling2D(2)(x)
    x = layers.Conv2D(widths[-1], 3, use_bias=False)(x)
    x = layers.ReLU()(norm()(x))
    x = layers.AveragePooling2D(2)(x)
    x = layers.Flatten()(x)
    outputs = layers.Dense(classes, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="cifar10_vgg_star")


def cifar10_mobilenet_v1(width: int = 32) -> keras.Model:
    """MobileNet's pattern (Howard et al. 2017) for 32x32: depthwise, then pointwise."""
    x = inputs = keras.Input((32, 32, 3))
    x = apply(conv_bn_relu(width), x)
    for multiple, strides in ((2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (8, 1), (16, 2), (16, 1)):
        x = layers.DepthwiseConv2D(3, strides, padding="same", use_bias=False)(x)
        x = layers.ReLU()(norm()(x))
        x = apply(conv_bn_relu(multiple * width, kernel=1), x)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(10, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="cifar10_mobilenet_v1")


def cifar10_mobilenet_v2() -> keras.Model:
    """MobileNetV2's pattern (Sandler et al. 2018) for 32x32: ReLU6, linear ends that add up."""
    x = inputs = keras.Input((32, 32, 3))
    x = layers.ReLU(6.0)(apply(conv_bn(24), x))
    widths = (24, 40, 40, 80, 80, 80, 128, 128)
    for width, strides in zip(widths, (1, 2, 1, 2, 1, 1, 1, 1), strict=True):
        start, expanded = x, 4 * x.shape[-1]
        x = layers.ReLU(6.0)(apply(conv_bn(expanded, kernel=1), x))
        x = layers.DepthwiseConv2D(3, strides, padding="same", use_bias=False)(x)
        x = layers.ReLU(6.0)(norm()(x))
        x = apply(conv_bn(width, kernel=1), x)
        x = layers.Add()([start, x]) if start.shape == x.shape else x
    x = layers.ReLU(6.0)(apply(conv_bn(384, kernel=1), x))
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(10, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="cifar10_mobilenet_v2")


def cifar10_densenet(growth: int = 24) -> keras.Model:
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
    outputs = layers.Dense(10, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="cifar10_densenet")


def cifar10_resnet20(width: int = 48, classes: int = 10) -> keras.Model:
    """ResNet20 of He et al. 2016, three times as wide, with projection shortcuts."""
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
    outputs = layers.Dense(classes, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="cifar10_resnet20")


def cifar100_vgg16() -> keras.Model:
    """The same pattern for 100 classes."""
    model = cifar10_vgg16(classes=100)
    return keras.Model(model.inputs, model.outputs, name="cifar100_vgg16")


def cifar100_resnet20() -> keras.Model:
    """ResNet20, four times as wide, for 100 classes."""
    model = cifar10_resnet20(width=64, classes=100)
    return keras.Model(model.inputs, model.outputs, name="cifar100_resnet20")


def cifar10_efficientnet() -> keras.Model:
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
    outputs = layers.Dense(10, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="cifar10_efficientnet")


def inverted_residual(
    x: keras.KerasTensor, width: int, strides: int, fused: bool, expansion: int = 4
) -> keras.KerasTensor:
    """Expand, filter each channel, weigh the channels, project; linear ends are added."""
    start, expanded = x, expansion * x.shape[-1]
    if fused:
        x = apply(conv_bn_swish(expanded, strides), x)
    else:
        x = apply(conv_bn_swish(expanded, kernel=1), x)
        x = layers.DepthwiseConv2D(3, strides, padding="same", use_bias=False)(x)
        x = layers.Activation("swish")(norm()(x))
        x = squeeze_and_excite(x, start.shape[-1] // 4)
    x = apply(conv_bn(width, kernel=1), x)
    return layers.Add()([start, x]) if start.shape == x.shape else x


def squeeze_and_excite(x: keras.KerasTensor, width: int) -> keras.KerasTensor:
    """Hu et al. 2018: the mean over positions decides how much each channel counts."""
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(width, 1, activation="swish")(gate)
    gate = layers.Conv2D(x.shape[-1], 1, activation="sigmoid")(gate)
    return layers.Multiply()([x, gate])


def norm() -> layers.Layer:
    """Batch norm without scale: the next layer has one."""
    return layers.BatchNormalization(scale=False)


def conv_bn(width: int, strides: int = 1, kernel: int = 3) -> Chain:
    convolution = layers.Conv2D(width, kernel, strides, padding="same", use_bias=False)
    return [convolution, norm()]


def conv_bn_relu(width: int, strides: int = 1, kernel: int = 3) -> Chain:
    return [*conv_bn(width, strides, kernel), layers.ReLU()]


def conv_bn_swish(width: int, strides: int = 1, kernel: int = 3) -> Chain:
    return [*conv_bn(width, strides, kernel), layers.Activation("swish")]


def apply(chain: Chain, x: keras.KerasTensor) -> keras.KerasTensor:
    for layer in chain:
        x = layer(x)
    return x


DIGITS = Recipe(
    epochs=60, batch=64, part=64, flips="none", shift=1, rate=0.1, smoothing=0.1, held_out=200
)
MNIST = Recipe(epochs=12, batch=128, flips="none", shift=2, rate=0.2, smoothing=0.1, held_out=5000)
CIFAR = Recipe(epochs=60, cutout=10)
SMALL = Recipe(epochs=60, cutout=6, bias_rate=8)

# name: (build, recipe)
NETS: dict[str, tuple[Callable[[], keras.Model], Recipe]] = {
    "digits_cnn": (digits_cnn, DIGITS),
    "mnist_cnn": (mnist_cnn, MNIST),
    "cifar10_vgg16": (cifar10_vgg16, CIFAR),
    "cifar10_vgg_star": (cifar10_vgg_star, CIFAR),
    "cifar10_mobilenet_v1": (cifar10_mobilenet_v1, SMALL),
    "cifar10_mobilenet_v2": (cifar10_mobilenet_v2, SMALL),
    "cifar10_densenet": (cifar10_densenet, SMALL),
    "cifar10_resnet20": (cifar10_resnet20, CIFAR),
    "cifar10_efficientnet": (cifar10_efficientnet, SMALL),
    "cifar100_vgg16": (cifar100_vgg16, CIFAR),
    "cifar100_resnet20": (cifar100_resnet20, CIFAR),
}
