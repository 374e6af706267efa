"""Names that rooms without tensors need to know, too."""

NEURONS = ("binary", "signed", "burst", "signed_burst", "multi_threshold", "sigma_delta")
# Neurons whose spikes carry a sign and an exponent.
GRADED = ("multi_threshold", "sigma_delta")
CODES = ("rate", "differential", "delta")
# float32 tells 2^-23 apart from nothing beside 1.
MOST_LEVELS = 24
MOST_MANTISSA_BITS = 3
# Recipes for networks that were trained for spikes of a rate.
TRAINED = ("cq", "cq+", "low_latency", "qcfs")
# Where the thresholds of such a network come from.
LEARNED = ("learned", "trained")

# What runs a clock-driven network: a dense pass a step, or spike by spike.
ENGINES = ("auto", "dense", "events")
