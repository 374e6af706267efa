"""The operation table: the meaning of its rows, shared by the compiler and the kernels."""

from enum import IntEnum


class Kind(IntEnum):
    """The kind of an operation."""

    CONTRACT = 0  # adds events through a convolution or a dense layer to the state
    WINDOW = 1  # adds events through a channelwise window to the state
    REMAP = 2  # moves events to other positions: concatenation, cropping
    GATHER = 3  # turns sums of the state into events, and clears them
    FIRE = 4  # neurons of one potential and at most one spike per step
    COUNT = 5  # neurons of several or negative spikes per step, or with max pooling
    READ = 6  # writes the output after this step
    PASS = 7  # adds events to the state at their positions


class Field(IntEnum):
    """Columns of the operation table; those that a kind does not use hold 0."""

    KIND = 0
    START = 1  # first step, from 0, at which it acts
    SOURCE = 2  # slot of the events that it reads
    SLOT = 3  # slot of the events that it writes
    TARGET = 4  # start of its values in the sample's state
    SIZE = 5  # number of elements that it writes
    CHANNELS = 6  # channels of its input
    WIDTH = 7  # positions in a row of its input
    ROWS = 8  # start of the table of its rows (CONTRACT: of its positions)
    COLUMNS = 9  # start of the table of its columns
    WEIGHTS = 10  # start of its weights
    STRIDE = 11  # distance from the weights of one channel to those of the next
    GROUPED = 12  # input channels of a group
    SPREAD = 13  # output channels of a group, or of each channel
    BIAS = 14  # start of its constant current
    OWN = 15  # whether the constant current depends on the sample
    BIAS_PERIOD = 16  # elements after which the constant current repeats
    THRESHOLD = 17  # start of its thresholds
    PERIOD = 18  # elements after which the thresholds repeat
    ZERO = 19  # whether potentials are reset to zero
    SENT = 20  # start of the spikes sent so far, in the state
    LOW = 21  # smallest number of spikes in one step
    HIGH = 22  # largest number of spikes in one step
    POOL = 23  # start of the table of its pooling windows; -1 for none
    COUNTED = 24  # index of its first neuron among all neurons, or of its first output
    LAYER = 25  # index among the layers of neurons
    NUMBERS = 26  # start of initial potential, negative slope and bound; or of axis factors
    RECEIVED = 27  # number of input elements, before pooling
    FRESH = 28  # whether it is the first to write into its slot
    INVERSE = 29  # place * INVERSE >> SHIFT = place // CHANNELS
    SHIFT = 30
    LINE = 31  # distance from one row of its target to the next
    LEAD = 32  # distance from one row of its weights to the next


FIELDS = len(Field)
