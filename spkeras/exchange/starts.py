"""Initial potentials as currents of the first step: one more channel of an input.

NIR's neurons start at 0. The channel is 1 in the first step and 0 afterwards; convolutions and
linear layers turn it into the initial potential of each neuron, which its first current then contains.
"""

from dataclasses import replace

import numpy as np

from spkeras.exchange import parts as kinds
from spkeras.exchange.parts import Exchange, Part
from spkeras.ops.arrays import Float32Array

_SUFFIX = ":start"


def pulsed(network: Exchange) -> dict[str, Part]:
    """Return the input whose new channel delivers the potentials of each layer that does not start at 0.

    A map gets them from the first input with as many axes, since NIR turns no vector into a map; a
    vector from any of these inputs.
    """
    layers = [part for part in network.of(kinds.NEURONS) if part.arrays["initial"].any()]
    inputs: dict[int, Part] = {}
    for given in network.of(kinds.INPUT):
        inputs.setdefault(len(given.shape), given)
    maps = {len(part.shape) for part in layers if len(part.shape) > 1}
    least = min((axes for axes in inputs if axes in maps), default=next(iter(inputs)))
    return {part.name: inputs[len(part.shape) if len(part.shape) > 1 else least] for part in layers}


def with_pulses(network: Exchange) -> Exchange:
    """Return the network with the channels, and neurons that start at 0."""
    sources = {
        given.name: replace(given, shape=(given.shape[0] + 1, *given.shape[1:]))
        for given in pulsed(network).values()
    }
    feeding = {name: sources[given.name] for name, given in pulsed(network).items()}
    images: dict[str, str] = {}
    found: list[Part] = []
    for part in network.parts:
        source = sources.get(part.name)
        if source is not None:
            eye = np.eye(part.shape[0], source.shape[0])
            image = _picked(f"{part.name}:{kinds.IMAGE}", source, part.shape, eye)
            images[part.name] = image.name
            found += [source, replace(image, role=kinds.IMAGE)]
            continue
        inputs = tuple(images.get(name, name) for name in part.inputs)
        if part.name in feeding:
            found += [
                own for own in _pulse(part, feeding[part.name]) if own.name not in _names(found)
            ]
            initial = np.zeros_like(part.arrays["initial"])
            part = part.with_arrays(initial=initial)
            inputs = (*inputs, part.name + _SUFFIX)
        found.append(replace(part, inputs=inputs))
    return network.with_parts(found)


def _names(parts: list[Part]) -> set[str]:
    return {part.name for part in parts}


def _picked(name: str, source: Part, shape: tuple[int, ...], weight: np.ndarray) -> Part:
    """Return a part that maps the channels of the input at each position."""
    weight = np.asarray(weight, np.float32)
    bias = np.zeros(len(weight), np.float32)
    axes = len(source.shape) - 1
    if not axes:
        arrays = {"weight": weight, "bias": bias}
        return Part(name, kinds.AFFINE, (source.name,), shape, arrays=arrays)
    arrays = {"weight": weight.reshape(*weight.shape, *[1] * axes), "bias": bias}
    return _conv(name, source.name, shape, arrays=arrays, stride=(1,) * axes, padding=(0,) * axes)


def _conv(
    name: str,
    source: str,
    shape: tuple[int, ...],
    *,
    arrays: dict[str, np.ndarray],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
) -> Part:
    return Part(
        name,
        kinds.CONV,
        (source,),
        shape,
        arrays=arrays,
        stride=stride,
        padding=padding,
        dilation=(1,) * len(stride),
    )


def _pulse(part: Part, source: Part) -> list[Part]:
    """Return the parts from the input to the initial potentials of a layer; the last one is fed to it."""
    initial = np.asarray(part.arrays["initial"], np.float32)
    name, channels = part.name + _SUFFIX, source.shape[0]
    flat = initial.reshape(len(initial), -1)
    sampled = _sampling(source.shape[1:], part.shape[1:])
    if sampled is not None and (flat == flat[:, :1]).all():
        window, stride = sampled
        weight = np.zeros((len(flat), channels, *[window] * len(stride)), np.float32)
        weight.reshape(len(flat), channels, -1)[:, -1, 0] = flat[:, 0]
        own = _fed(name, source, part.shape, weight=weight, stride=stride)
        return [replace(own, role=kinds.PULSE)]
    unit = _unit(source)
    return [*unit, _of_unit(name, unit[0 if part.shape[1:] else -1], part, initial)]


def _sampling(
    sizes: tuple[int, ...], wanted: tuple[int, ...]
) -> tuple[int, tuple[int, ...]] | None:
    """Return the window and strides of a convolution without padding between two sizes of maps."""
    if not wanted or len(sizes) != len(wanted):
        return None
    for window in range(1, min(sizes) + 1):
        stride = [(size - window) // number + 1 for size, number in zip(sizes, wanted, strict=True)]
        found = zip(sizes, stride, wanted, strict=True)
        if all((size - window) // step + 1 == number for size, step, number in found):
            return window, tuple(stride)
    return None


def _fed(
    name: str,
    source: Part,
    shape: tuple[int, ...],
    *,
    weight: Float32Array,
    stride: tuple[int, ...],
) -> Part:
    arrays = {"weight": weight, "bias": np.zeros(len(weight), np.float32)}
    if not stride:
        return Part(name, kinds.AFFINE, (source.name,), shape, arrays=arrays)
    padding = (0,) * len(stride)
    return _conv(name, source.name, shape, arrays=arrays, stride=stride, padding=padding)


def _unit(source: Part) -> list[Part]:
    """Return the parts that reduce the channel to one number, as a map and as a vector."""
    axes = len(source.shape) - 1
    weight = np.zeros((1, source.shape[0], *[1] * axes), np.float32)
    weight[0, -1] = 1
    shape = (1,) * len(source.shape)
    own = _fed(source.name + _SUFFIX, source, shape, weight=weight, stride=source.shape[1:])
    own = replace(own, role=kinds.PULSE)
    if not axes:
        return [own]
    return [own, Part(f"{own.name}:flatten", kinds.FLATTEN, (own.name,), (1,), role=kinds.PULSE)]


def _of_unit(name: str, unit: Part, part: Part, initial: Float32Array) -> Part:
    """Return the part from one number to the potentials of a layer."""
    window = part.shape[1:]
    if not window:
        own = _fed(name, unit, part.shape, weight=initial.reshape(-1, 1), stride=())
        return replace(own, role=kinds.PULSE)
    # Each output reads one tap: the padding leaves one place for the number.
    turned = np.flip(initial, tuple(range(1, initial.ndim)))
    arrays = {
        "weight": np.ascontiguousarray(turned[:, None]),
        "bias": np.zeros(len(initial), np.float32),
    }
    own = _conv(
        name,
        unit.name,
        part.shape,
        arrays=arrays,
        stride=(1,) * len(window),
        padding=tuple(size - 1 for size in window),
    )
    return replace(own, role=kinds.PULSE)


def without_pulses(network: Exchange) -> Exchange:
    """Return the network that `with_pulses` was given."""
    roles = {part.name: part for part in network.parts if part.role}
    images = {part.name: part.inputs[0] for part in roles.values() if part.role == kinds.IMAGE}
    if not images:
        return network
    found = []
    for part in network.parts:
        if part.name in roles:
            continue
        pulses = [roles[name] for name in part.inputs if name in roles and name not in images]
        inputs = tuple(
            images.get(name, name) for name in part.inputs if roles.get(name) not in pulses
        )
        if part.kind == kinds.INPUT and part.name in images.values():
            part = replace(part, shape=(part.shape[0] - 1, *part.shape[1:]))
        if part.kind == kinds.NEURONS:
            for pulse in pulses:
                part = part.with_arrays(initial=part.arrays["initial"] + _potential(pulse, part))
        found.append(replace(part, inputs=inputs))
    return network.with_parts(found)


def _potential(pulse: Part, part: Part) -> Float32Array:
    """Return the initial potentials that a pulse delivers."""
    weight = np.asarray(pulse.arrays["weight"], np.float32)
    axes = len(part.shape) - 1
    if axes and weight.shape[1] == 1:
        turned = weight[:, 0]
        return np.flip(turned, tuple(range(1, turned.ndim))).reshape(part.shape)
    values = weight.reshape(*weight.shape[:2], -1)[:, -1, 0]
    return np.broadcast_to(values.reshape(-1, *[1] * axes), part.shape).astype(np.float32)
