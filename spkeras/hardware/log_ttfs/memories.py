"""What the on-chip memories hold, and what has to come from outside."""

from dataclasses import dataclass

from spkeras.hardware.log_ttfs.program import Program, ProgramLayer

_BITS_PER_KIB = 8 * 1024


@dataclass(frozen=True)
class Placement:
    """One layer in the memories.

    Attributes:
        weights: Its weight words.
        streamed: Words fetched from off-chip memory for each sample.
        channels: Output channels whose accumulators are on the chip at a time.
        passes: How often its input spikes are gone through: once for each such share of its
            channels, and, where one map alone is larger than the memory, of each map.
    """

    weights: int
    streamed: int
    channels: int
    passes: int


def placements(program: Program) -> dict[str, Placement]:
    """Where each layer's weights and accumulators are, by layer.

    Weights are kept on the chip in the order of the layers until `weight_kib` are full; all
    others are fetched once for each sample (once for each share of a map, where a map does not
    fit). No policy fetches less with a memory of that size, since every sample needs every
    weight once. Accumulators of `membrane_kib` serve some output channels at a time, which need
    their own weights alone, so that they never leave the chip.
    """
    config, result = program.config, {}
    room = config.weight_kib * _BITS_PER_KIB // config.weight_bits
    for layer in program.layers:
        words = sum(b.exponents.size for b in layer.branches if b.weighted)
        outside = max(words - room, 0)
        room = max(room - words, 0)
        channels, shares = _at_once(program, layer)
        passes = -(-layer.channels // channels) * shares
        result[layer.name] = Placement(words, outside * shares, channels, passes)
    return result


def _at_once(program: Program, layer: ProgramLayer) -> tuple[int, int]:
    """Channels whose accumulators fit at a time, and into how many shares a map is cut."""
    config = program.config
    one_map = layer.positions * config.accumulator_bits
    capacity = max(config.membrane_kib * _BITS_PER_KIB, config.accumulator_bits)
    if one_map > capacity:
        return 1, -(-one_map // capacity)
    return min(capacity // one_map, layer.channels), 1


def groups(outputs: int, at_once: int, elements: int) -> int:
    """How many cycles a spike takes at one position: outputs are shared out to the elements.

    Args:
        outputs: Output channels that it reaches.
        at_once: Output channels on the chip at a time.
        elements: Processing elements.
    """
    full, rest = divmod(outputs, at_once)
    return full * -(-at_once // elements) + -(-rest // elements)
