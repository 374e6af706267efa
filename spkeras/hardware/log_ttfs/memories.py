"""Contents of the on-chip memories, and the words fetched from off-chip memory."""

from dataclasses import dataclass

from spkeras.hardware.log_ttfs.program import Program, ProgramLayer

_BITS_PER_KIB = 8 * 1024


@dataclass(frozen=True)
class Placement:
    """Placement of one layer in the memories.

    Attributes:
        weights: Number of weight words of the layer.
        streamed: Words fetched from off-chip memory for each sample.
        channels: Output channels whose accumulators are on the chip at a time.
        passes: Number of passes over the layer's input spikes: one per such share of its
            channels, and per share of a map that is larger than the memory.
    """

    weights: int
    streamed: int
    channels: int
    passes: int


def placements(program: Program) -> dict[str, Placement]:
    """Return where the weights and accumulators of each layer are, by layer.

    Weights are kept on the chip in the order of the layers until `weight_kib` are full. All
    others are fetched once for each sample, or once for each share of a map that does not fit.
    No policy fetches less with a memory of that size, since every sample needs every weight
    once. The accumulators in `membrane_kib` serve some output channels at a time, and these
    channels need only their own weights, so that accumulators never leave the chip.
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
    """Return the channels whose accumulators fit at a time, and the number of shares of a map."""
    config = program.config
    one_map = layer.positions * config.accumulator_bits
    capacity = max(config.membrane_kib * _BITS_PER_KIB, config.accumulator_bits)
    if one_map > capacity:
        return 1, -(-one_map // capacity)
    return min(capacity // one_map, layer.channels), 1


def groups(outputs: int, at_once: int, elements: int) -> int:
    """Return the cycles that a spike takes at one position, with outputs spread over elements.

    Args:
        outputs: Number of output channels that the spike reaches.
        at_once: Output channels on the chip at a time.
        elements: Number of processing elements.
    """
    full, rest = divmod(outputs, at_once)
    return full * -(-at_once // elements) + -(-rest // elements)
