"""Vocabulary shared with modules that must not import Keras."""

NEURONS = ("binary", "signed", "burst", "signed_burst", "multi_threshold", "sigma_delta")
# Neurons whose spikes have a sign and an exponent.
GRADED = ("multi_threshold", "sigma_delta")
CODES = ("rate", "differential", "delta")
# float32 resolves 2^-23 beside 1: exponents 0 to 23.
MOST_LEVELS = 24
MOST_MANTISSA_BITS = 3

# Engines of a clock-driven network: a dense pass per step, or spike by spike.
ENGINES = ("auto", "dense", "events")
