"""The linear operations of a converted network as PyTorch modules, channels first."""

from typing import Any

import numpy as np
import torch
from torch import nn

from tests.benchmarks.stages import Stage


class Synapses(nn.Module):
    """The linear operations of a stage: spikes of its sources to a current."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.sources = stage.sources
        self.plan, known = [], dict(zip(stage.sources, stage.source_shapes, strict=True))
        for number, node in enumerate(stage.nodes):
            if node.op != "add":
                self.add_module(f"m{number}", module_of(node, known[node.inputs[0]]))
            self.plan.append((node.name, node.op, tuple(node.inputs), f"m{number}"))
            known[node.name] = node.shape

    def forward(self, *values: Any) -> Any:
        known = dict(zip(self.sources, values, strict=True))
        last = values[0]
        for name, op, inputs, module in self.plan:
            if op == "add":
                last = known[inputs[0]]
                for other in inputs[1:]:
                    last = last + known[other]
            else:
                last = getattr(self, module)(known[inputs[0]])
            known[name] = last
        return last


def channels_first(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape (height, width, channels) as PyTorch orders it."""
    return (shape[-1], *shape[:-1])


def per_channel(values: np.ndarray, shape: tuple[int, ...]) -> Any:
    """Return numbers () or (channels,) so that they broadcast over a current of this shape."""
    tensor = torch.tensor(np.asarray(values, np.float32))
    return tensor.reshape(-1, *[1] * (len(shape) - 1)) if tensor.ndim else tensor


class Scale(nn.Module):
    """An affine operation of each channel."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        offset = node.arrays.get("offset", np.zeros(()))
        self.register_buffer("factor", per_channel(node.arrays["scale"], node.shape))
        self.register_buffer("offset", per_channel(offset, node.shape))

    def forward(self, x: Any) -> Any:
        return x * self.factor + self.offset


class Flatten(nn.Module):
    """Flattens in the order of Keras, channels last."""

    def forward(self, x: Any) -> Any:
        return x.permute(0, 2, 3, 1).flatten(1)


def module_of(node: Any, size: tuple[int, ...]) -> Any:
    """Return a linear operation as a PyTorch module, channels first.

    Args:
        node: Of the graph.
        size: Shape of its input, channels last.
    """
    if node.op == "conv":
        return convolution(node, size)
    if node.op == "dense":
        return dense(node)
    if node.op == "average_pool" and node["padding"] == "valid":
        return nn.AvgPool2d(node["pool_size"], node["strides"])
    if node.op == "global_average_pool":
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    if node.op == "reshape" and len(node.shape) == 1:
        return Flatten()
    if node.op == "scale" and np.ndim(node.arrays["scale"]) <= 1:
        return Scale(node)
    raise SystemExit(f"{node.name}: no PyTorch module for {node.op}")


def convolution(node: Any, size: tuple[int, ...]) -> Any:
    """Return a convolution, with the padding of Keras: the larger half after the image."""
    kernel, around = node.arrays["kernel"], []
    for axis in (1, 0):
        stride, taps = node["strides"][axis], kernel.shape[axis]
        reach = (taps - 1) * node["dilation"][axis] + 1
        total = max((node.shape[axis] - 1) * stride + reach - size[axis], 0)
        total = total if node["padding"] == "same" else 0
        around += [total // 2, total - total // 2]
    bias = node.arrays.get("bias")
    layer = nn.Conv2d(
        size[-1],
        kernel.shape[3],
        kernel.shape[:2],
        node["strides"],
        dilation=node["dilation"],
        groups=node["groups"],
        bias=bias is not None,
    )
    fill(layer, kernel.transpose(3, 2, 0, 1), bias)
    left, right, top, bottom = around
    if left != right or top != bottom:
        return nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), layer)
    layer.padding = (top, left)
    return layer


def dense(node: Any) -> Any:
    """Return a fully connected layer."""
    bias = node.arrays.get("bias")
    layer = nn.Linear(*node.arrays["kernel"].shape, bias=bias is not None)
    fill(layer, node.arrays["kernel"].T, bias)
    return layer


def fill(layer: Any, weight: np.ndarray, bias: np.ndarray | None) -> None:
    """Put weights into a layer."""
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(np.array(weight)))
        if bias is not None:
            layer.bias.copy_(torch.tensor(np.array(bias)))


def padded_before(layer: Any) -> Any:
    """Return a convolution without a padding layer: taps of zero take the place of one side.

    A padding of b before and b + 1 after the image equals a padding of b + 1 on both sides and
    a kernel with one more tap in front, of zeros. Other layers are returned as they are.
    """
    if not isinstance(layer, nn.Sequential) or not isinstance(layer[0], nn.ZeroPad2d):
        return layer
    left, right, top, bottom = layer[0].padding
    old, front = layer[1], (right - left, bottom - top)
    weight = nn.functional.pad(old.weight.detach(), (front[0], 0, front[1], 0))
    new = nn.Conv2d(
        old.in_channels,
        old.out_channels,
        tuple(weight.shape[2:]),
        old.stride,
        padding=(bottom, right),
        groups=old.groups,
        bias=old.bias is not None,
    )
    fill(new, weight.numpy(), None if old.bias is None else old.bias.detach().numpy())
    return new
