"""Why some Keras layers cannot be converted, and what to do instead: one sentence per kind."""

GRADED = "needs accumulated values (a graded code); not available with rate coding"

_NORM = (GRADED, "use BatchNormalization")
_ATTENTION = (GRADED, "use a network without attention")
_RECURRENT = (
    "keeps a state of its own from step to step",
    "use Conv1D layers over the whole sequence",
)
_OUTSIDE = ("turns raw data into numbers", "apply it to the data before the network")
_AUGMENT = ("changes images, not weights", "apply it to the data before the network")

REASONS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("LayerNormalization", "RMSNormalization", "GroupNormalization", "UnitNormalization"),
        _NORM,
    ),
    **dict.fromkeys(
        ("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupedQueryAttention"),
        _ATTENTION,
    ),
    "GroupQueryAttention": _ATTENTION,
    "Dot": (GRADED, "use Dense or Add"),
    **dict.fromkeys(
        ("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D",
         "ConvLSTM3D", "StackedRNNCells"),
        _RECURRENT,
    ),
    **dict.fromkeys(
        ("CategoryEncoding", "Discretization", "HashedCrossing", "Hashing", "IntegerLookup",
         "MelSpectrogram", "STFTSpectrogram", "StringLookup", "TextVectorization"),
        _OUTSIDE,
    ),
    **dict.fromkeys(
        ("AutoContrast", "CLAHE", "Equalization", "MaxNumBoundingBoxes", "Solarization"),
        _AUGMENT,
    ),
    "Embedding": ("looks rows up by integers", "feed the looked-up vectors to the network"),
    "EinsumDense": ("multiplies along freely chosen axes", "use Dense, with Permute if needed"),
    "Lambda": ("holds Python code", "rebuild it from Keras layers or keras.ops"),
    "Masking": ("leaves out steps by their values", "use sequences of one length"),
    "SpectralNormalization": (
        "normalizes the kernel of the layer it wraps",
        "use the wrapped layer with the normalized kernel",
    ),
    "Matmul": ("multiplies matrices", "use a Dense layer"),
    "Divide": (GRADED, "divide by a constant only"),
    "TrueDivide": (GRADED, "divide by a constant only"),
}  # fmt: skip


def reason(kind: str, module: str) -> tuple[str, str]:
    """What was received and what to do, for a class without a handler.

    Args:
        kind: Name of the class.
        module: Module it was defined in.
    """
    if not module.startswith("keras."):
        return f"a class of {module!r}, not of Keras", "rebuild it from Keras layers or keras.ops"
    known = REASONS.get(kind)
    return known or ("not supported", "rebuild this part from supported Keras layers")
