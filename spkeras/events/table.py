"""The operation table: the meaning of its rows, shared by the compiler and the kernels.

A *site* is a sum and what becomes of it: neurons, events or an answer. Its row is followed by one
row for each of the operations that add to the sum.
"""

from enum import IntEnum

# Numbers that a vector of the kernels holds; on processors with narrower registers the compiler
# splits it.
LANES = 16


class Kind(IntEnum):
    """The kind of an operation."""

    # Sites.
    FIRE = 0  # neurons of one potential and at most one spike per step
    VALUE = 1  # all other neurons: several, negative or graded spikes, kept values, max pooling
    GATHER = 2  # events of the sums that are not zero
    READ = 3  # writes the output after this step
    # Operations that add to the sum of a site.
    CONTRACT = 4  # adds events through a convolution or a dense layer
    DEPTHWISE = 5  # adds events through a window of each channel
    WINDOW = 6  # the same, for any factors of the axes, event by event
    PLACE = 7  # adds events at other positions, times a factor
    PASS = 8  # adds events at their positions
    # Neither.
    REMAP = 9  # moves events to other positions: concatenation, cropping


class Field(IntEnum):
    """Columns of the operation table; those that a kind does not use hold 0."""

    KIND = 0
    START = 1  # first step, from 0, at which it acts
    SOURCE = 2  # slot of the events that it reads
    SLOT = 3  # slot of the events that it writes
    TARGET = 4  # start of its values in the sample's state
    SIZE = 5  # number of elements that it writes
    CHANNELS = 6  # channels of its input; of a site, of its sum
    WIDTH = 7  # positions in a row of its input; of a site, of its sum
    ROWS = 8  # start of the table of its rows, or of its places
    COLUMNS = 9  # start of the table of its columns
    WEIGHTS = 10  # start of its weights
    STRIDE = 11  # distance from the weights of one channel to those of the next
    TAPS = 12  # rows of weights; the next one is zero
    SPREAD = 13  # output channels, in all or of each channel
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
    INPUTS = 27  # number of operations that add to a site's sum; sources of a REMAP
    LINES = 28  # rows of positions of a site's sum
    BAND = 29  # rows of a site's sum that are computed at once
    CHUNK = 30  # steps that are computed at once
    VALUED = 31  # whether the events that it reads have sizes
    LARGE = 32  # elements of its input as an array
    ONCE = 33  # whether the constant current arrives in the first step only
    DIFFERENTIAL = 34  # whether spikes of a step have the weight 1 / step
    LEVELS = 35  # exponents of a graded spike; 0 for whole spikes
    MANTISSA = 36  # bits after the leading one of a graded spike


FIELDS = len(Field)


class Region(IntEnum):
    """Columns of the table of event slots; the same for each step of a block."""

    PLACES = 0  # start of the events' positions and sizes, at the first step
    ROOM = 1  # distance to those of the next step
    POINTERS = 2  # start of the pointers to the first event of each position
    LENGTH = 3  # distance to those of the next step: positions, and one
    VALUED = 4  # whether events have sizes; those without are of size 1


REGIONS = len(Region)
