"""A Keras CNN as a PyTorch module that shares its graph: layer for layer, weights carried over.

PyTorch trains in bfloat16 with channels last where Keras adds copies and casts. After the
training `store` writes the weights back, so that what is kept is an ordinary Keras model.
"""

from collections.abc import Callable
from typing import cast

import keras
import numpy as np
import torch
from keras import layers
from torch import Tensor, nn
from torch.nn import functional as F

Step = Callable[..., Tensor]


class Convolution(nn.Module):
    """Keras's convolution and depthwise convolution, with its padding of "same"."""

    def __init__(self, layer: layers.Layer) -> None:
        super().__init__()
        self.depthwise = isinstance(layer, layers.DepthwiseConv2D)
        self.strides, self.kernel = layer.strides, layer.kernel_size
        self.same = layer.padding == "same"
        channels = layer.input.shape[-1]
        self.groups = channels if self.depthwise else 1
        shape = (layer.output.shape[-1], channels // self.groups, *self.kernel)
        self.weight = nn.Parameter(torch.empty(shape).contiguous(memory_format=torch.channels_last))
        self.bias = nn.Parameter(torch.empty(shape[0])) if layer.use_bias else None

    def load(self, weights: list[np.ndarray]) -> None:
        kernel = torch.tensor(weights[0])
        self.weight.data.copy_(
            kernel.permute(2, 3, 0, 1).reshape(self.weight.shape)
            if self.depthwise
            else kernel.permute(3, 2, 0, 1)
        )
        if self.bias is not None:
            self.bias.data.copy_(torch.tensor(weights[1]))

    def stored(self) -> list[np.ndarray]:
        kernel = self.weight.detach()
        if self.depthwise:
            kernel = kernel.reshape(self.groups, -1, *self.kernel).permute(2, 3, 0, 1)
        else:
            kernel = kernel.permute(2, 3, 1, 0)
        return [_array(kernel), *([_array(self.bias)] if self.bias is not None else [])]

    def forward(self, x: Tensor) -> Tensor:
        edges = [
            max((-(-size // stride) - 1) * stride + kernel - size, 0) if self.same else 0
            for size, stride, kernel in zip(x.shape[2:], self.strides, self.kernel, strict=True)
        ]
        before = [edge // 2 for edge in edges]
        if any(edge % 2 for edge in edges):
            (top, left), (high, wide) = before, edges
            x, before = F.pad(x, (left, wide - left, top, high - top)), [0, 0]
        return F.conv2d(x, self.weight, self.bias, self.strides, before, groups=self.groups)


class Norm(nn.BatchNorm2d):
    """Batch norm over the last axis of Keras; without scale or centre where Keras has none."""

    def __init__(self, layer: layers.BatchNormalization) -> None:
        super().__init__(layer.output.shape[-1], layer.epsilon, momentum=0.1)
        self.scale, self.center = layer.scale, layer.center
        self.weight.requires_grad_(self.scale)
        self.bias.requires_grad_(self.center)

    def load(self, weights: list[np.ndarray]) -> None:
        for mine, value in zip(self._mine(), weights, strict=True):
            mine.data.copy_(torch.tensor(value))

    def stored(self) -> list[np.ndarray]:
        return [_array(mine) for mine in self._mine()]

    def _mine(self) -> list[Tensor]:
        learned = [self.weight] * self.scale + [self.bias] * self.center
        return [*learned, cast(Tensor, self.running_mean), cast(Tensor, self.running_var)]

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if x.ndim == 4 else x[:, :, None, None]).reshape(x.shape)


class Linear(nn.Linear):
    """A dense layer; `factor` multiplies the kernel."""

    def __init__(self, layer: layers.Dense, factor: float = 1.0) -> None:
        super().__init__(layer.input.shape[-1], layer.units, bias=layer.use_bias)
        self.factor = factor

    def load(self, weights: list[np.ndarray]) -> None:
        self.weight.data.copy_(torch.tensor(weights[0]).T / self.factor)
        if self.bias is not None:
            self.bias.data.copy_(torch.tensor(weights[1]))

    def stored(self) -> list[np.ndarray]:
        kernel = _array(self.weight.T * self.factor)
        return [kernel, *([_array(self.bias)] if self.bias is not None else [])]

    def forward(self, x: Tensor) -> Tensor:
        y = F.linear(x, self.weight) * self.factor
        return y if self.bias is None else y + self.bias


ACTIVATIONS: dict[str, Step] = {
    "linear": lambda x: x,
    "relu": F.relu,
    "silu": F.silu,
    "sigmoid": torch.sigmoid,
}


def _rectifier(layer: layers.ReLU) -> Step:
    most = layer.max_value
    return F.relu if most is None else lambda x: torch.clamp(x, 0.0, float(most))


def _mean(layer: layers.GlobalAveragePooling2D) -> Step:
    return lambda x: x.mean((2, 3), keepdim=layer.keepdims)


# What a Keras layer without weights computes on batches with the channels in the second axis.
PLAIN: dict[type, Callable[..., Step]] = {
    layers.ReLU: _rectifier,
    layers.Activation: lambda layer: ACTIVATIONS[layer.activation.__name__],
    layers.AveragePooling2D: lambda layer: nn.AvgPool2d(layer.pool_size, layer.strides),
    layers.GlobalAveragePooling2D: _mean,
    layers.Flatten: lambda layer: lambda x: x.permute(0, 2, 3, 1).flatten(1),
    layers.Dropout: lambda layer: nn.Dropout(layer.rate),
    layers.Add: lambda layer: lambda xs: sum(xs[1:], xs[0]),
    layers.Multiply: lambda layer: lambda xs: xs[0] * xs[1],
    layers.Concatenate: lambda layer: lambda xs: torch.cat(xs, 1),
}
WEIGHTED: dict[type, Callable[..., nn.Module]] = {
    layers.Conv2D: Convolution,
    layers.DepthwiseConv2D: Convolution,
    layers.BatchNormalization: Norm,
    layers.Dense: Linear,
}


class TorchGraph(nn.Module):
    """The logits of a Keras model that ends in a softmax; inputs are channels first, in [0, 1]."""

    def __init__(self, model: keras.Model, logit_scale: float = 1.0) -> None:
        super().__init__()
        # No attribute for the model: with Keras on PyTorch its weights would count as the graph's.
        self.ends = id(model.inputs[0]), id(model.outputs[0])
        self.computed = [x for x in model.layers if not isinstance(x, layers.InputLayer)]
        last = self.computed[-1]
        if not isinstance(last, layers.Dense) or last.activation is not keras.activations.softmax:
            raise TypeError(f"{model.name}: the last layer is no Dense with softmax. Add one.")
        self.weighted: list[tuple[layers.Layer, nn.Module]] = []
        self.steps: list[Step] = []
        for position, layer in enumerate(self.computed):
            # Automatic names of layers count on from one model to the next: no names of weights.
            name = f"{position}_{type(layer).__name__}"
            if type(layer) in PLAIN:
                self.steps.append(PLAIN[type(layer)](layer))
                if isinstance(self.steps[-1], nn.Module):
                    self.add_module(name, self.steps[-1])
                continue
            if type(layer) not in WEIGHTED:
                raise TypeError(
                    f"{layer.name}: no PyTorch form of {type(layer).__name__}. Layers that have one: "
                    + ", ".join(sorted(kind.__name__ for kind in (*PLAIN, *WEIGHTED)))
                )
            module = Linear(layer, logit_scale) if layer is last else WEIGHTED[type(layer)](layer)
            self.add_module(name, module)
            self.weighted.append((layer, module))
            self.steps.append(_activated(layer, module))
        self.load()

    def forward(self, x: Tensor) -> Tensor:
        values = {self.ends[0]: x}
        for layer, step in zip(self.computed, self.steps, strict=True):
            given = layer.input
            values[id(layer.output)] = step(
                [values[id(part)] for part in given]
                if isinstance(given, list)
                else values[id(given)]
            )
        return values[self.ends[1]]

    def load(self) -> None:
        """Read the weights of the Keras model."""
        for layer, module in self.weighted:
            module.load(layer.get_weights())

    def store(self) -> None:
        """Write the weights into the Keras model."""
        for layer, module in self.weighted:
            layer.set_weights(module.stored())


def _activated(layer: layers.Layer, module: Step) -> Step:
    function = getattr(layer, "activation", None)
    if function is None or function is keras.activations.softmax:
        return module
    activation = ACTIVATIONS[function.__name__]
    return lambda x: activation(module(x))


def _array(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().float().numpy())
