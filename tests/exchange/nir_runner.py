"""NIR files, read with h5py and run in NumPy: no line of spkeras, of nir or of a simulator.

Time steps of 1; v += I, a spike where v > threshold (`strict`, as NIR states) or v >= threshold, then a
reset as the node's metadata say. Sums are float64: dyadic numbers lose nothing.
"""

import h5py
import numpy as np


def _text(item):
    value = item[()]
    return value.decode() if isinstance(value, bytes) else str(value)


def read(path):
    with h5py.File(path, "r") as file:
        nodes = {}
        for name, group in sorted(file["node/nodes"].items()):
            fields = {k: v[()] for k, v in group.items() if isinstance(v, h5py.Dataset)}
            about = {k: v[()] for k, v in group["metadata"].items()}
            nodes[name] = (_text(group["type"]), fields, about)
        edges = [(a.decode(), b.decode()) for a, b in file["node/edges"][()]]
    return nodes, edges


def _pairs(value, axes):
    return [int(n) for n in np.broadcast_to(np.ravel(value), (axes,))]


def _windows(x, window, stride, padding, dilation=(1, 1)):
    """Every window of a map (channels, *sizes): (channels, *positions, *window)."""
    x = np.pad(x, [(0, 0), *((p, p) for p in padding)])
    for axis, (k, s, d) in enumerate(zip(window, stride, dilation, strict=False), 1):
        count = (x.shape[axis] - d * (k - 1) - 1) // s + 1
        index = np.arange(count)[:, None] * s + np.arange(k) * d
        x = np.moveaxis(x.take(index.ravel(), axis), axis, -1)
        x = np.moveaxis(x.reshape(*x.shape[:-1], count, k), -2, axis)
    return x


def conv(x, fields):
    weight = fields["weight"].astype(float)
    axes = weight.ndim - 2
    stride, padding, dilation = (
        _pairs(fields[name], axes) for name in ("stride", "padding", "dilation")
    )
    groups = int(fields["groups"])
    windows = _windows(x, weight.shape[2:], stride, padding, dilation)
    out = []
    for group in range(groups):
        own = windows[group * weight.shape[1] : (group + 1) * weight.shape[1]]
        rows = weight[group * len(weight) // groups : (group + 1) * len(weight) // groups]
        last = list(range(1 + axes, 1 + 2 * axes))
        out.append(np.tensordot(rows, own, ([1, *range(2, 2 + axes)], [0, *last])))
    bias = fields["bias"].astype(float)
    return np.concatenate(out) + bias.reshape(-1, *[1] * axes)


def pool(x, fields, mean):
    axes = x.ndim - 1
    window, stride, padding = (
        _pairs(fields[name], axes) for name in ("kernel_size", "stride", "padding")
    )
    found = _windows(x, window, stride, padding).sum(axis=tuple(range(1 + axes, 1 + 2 * axes)))
    return found / np.prod(window) if mean else found


def run(path, frames, strict=True):
    """Counts of each layer of neurons, by the name in its metadata, and the mean output.

    A frame is the value of each input in the order of their nodes.
    """
    nodes, edges = read(path)
    potential, counts, total = {}, {}, 0.0
    for frame in frames:
        values, given = {}, iter(frame)
        for name, (kind, fields, about) in nodes.items():
            x = sum(values[a] for a, b in edges if b == name) if kind != "Input" else next(given)
            if kind in ("Conv1d", "Conv2d"):
                x = conv(x, fields)
            elif kind == "Affine":
                x = fields["weight"].astype(float) @ x + fields["bias"]
            elif kind in ("SumPool2d", "AvgPool2d"):
                x = pool(x, fields, kind == "AvgPool2d")
            elif kind == "Flatten":
                assert (int(fields["start_dim"]), int(fields["end_dim"])) == (0, -1)
                x = x.ravel()
            elif kind == "IF":
                v = potential.get(name, 0.0) + fields["r"] * x
                spikes = v > fields["v_threshold"] if strict else v >= fields["v_threshold"]
                soft = about["reset"] == b"subtract"
                potential[name] = np.where(spikes, v - fields["v_threshold"] if soft else 0.0, v)
                x = spikes.astype(float)
                layer = about["name"].decode()
                counts[layer] = counts.get(layer, 0) + x
            elif kind == "Output":
                total = total + x
            else:
                assert kind == "Input", kind
            values[name] = x
    return counts, total / len(frames)


def steps(path, samples, timesteps):
    """The frames of inputs: channels first, in units of their scales, with the pulse.

    Constant, or spikes at equal distances: floor(x (t + 1) + 1/2) - floor(x t + 1/2).
    """
    nodes, _ = read(path)
    inputs = [(fields, about) for kind, fields, about in nodes.values() if kind == "Input"]
    frames = [[] for _ in range(timesteps)]
    for (fields, about), sample in zip(inputs, samples, strict=True):
        image = np.moveaxis(sample, -1, 0) / about.get("scale", 1.0)
        for t, frame in enumerate(frames):
            more = fields["shape"][0] - len(image)
            assert more in (0, 1)
            pulse = np.full((more, *image.shape[1:]), float(t == 0))
            value = image
            if about["encoding"] == b"regular":
                value = np.floor(image * (t + 1) + 0.5) - np.floor(image * t + 0.5)
            frame.append(np.concatenate([value, pulse]))
    return frames
