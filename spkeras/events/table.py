"""The operation table: what one row of it means, for whoever writes it and whoever runs it."""

from enum import IntEnum


class Kind(IntEnum):
    """What an operation does."""

    CONTRACT = 0  # events through a convolution or a dense layer, into the state
    WINDOW = 1  # events through what keeps channels apart, into the state
    REMAP = 2  # events to other places: concatenation, cropping
    GATHER = 3  # what has been summed in the state becomes events, and is cleared
    FIRE = 4  # one potential per neuron, one spike a step
    COUNT = 5  # several spikes a step, of either sign, behind a max pooling
    READ = 6  # the answer after this step
    PASS = 7  # events as they stand, into the state


class Field(IntEnum):
    """Columns of the operation table; those that a kind does not use hold 0."""

    KIND = 0
    START = 1  # first step, from 0, at which it acts
    SOURCE = 2  # slot of the events that it reads
    SLOT = 3  # slot of the events that it writes
    TARGET = 4  # where it writes in the sample's state
    SIZE = 5  # elements of what it writes
    CHANNELS = 6  # of what it reads
    WIDTH = 7  # positions in a row of what it reads
    ROWS = 8  # where the table of its rows (CONTRACT: of its positions) starts
    COLUMNS = 9  # where the table of its columns starts
    WEIGHTS = 10  # where its weights start
    STRIDE = 11  # from the weights of one channel to those of the next
    GROUPED = 12  # channels of a group
    SPREAD = 13  # channels out: of a group, or of each channel
    BIAS = 14  # where its constant current starts
    OWN = 15  # whether that is one of the sample's own
    BIAS_PERIOD = 16  # elements after which the constant current repeats
    THRESHOLD = 17  # where its thresholds start
    PERIOD = 18  # elements after which the thresholds repeat
    ZERO = 19  # whether it is reset to zero
    SENT = 20  # where in the state the spikes sent so far start
    LOW = 21  # fewest spikes in one step
    HIGH = 22  # most spikes in one step
    POOL = 23  # where the table of its pooling windows starts; -1 for none
    COUNTED = 24  # its first neuron among all neurons; its first value among all outputs
    LAYER = 25  # its number among the layers of neurons
    NUMBERS = 26  # where alpha, negative slope and bound stand; where axis factors start
    RECEIVED = 27  # elements that it receives, before pooling
    FRESH = 28  # whether it is the first to write into its slot
    INVERSE = 29  # place * INVERSE >> SHIFT = place // CHANNELS
    SHIFT = 30
    LINE = 31  # from one row of its target to the next
    LEAD = 32  # from one row of its weights to the next


FIELDS = len(Field)
