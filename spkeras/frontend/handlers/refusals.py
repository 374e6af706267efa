"""Reasons why some Keras layers cannot be converted, and what to do instead."""

_RECURRENT = (
    "keeps a state from step to step",
    "use Conv1D layers over the whole sequence",
)
_OUTSIDE = ("turns raw data into numbers", "apply it to the data before the network")
_AUGMENT = ("changes images, not weights", "apply it to the data before the network")

REASONS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        (
            "LSTM",
            "GRU",
            "SimpleRNN",
            "RNN",
            "Bidirectional",
            "ConvLSTM1D",
            "ConvLSTM2D",
            "ConvLSTM3D",
            "StackedRNNCells",
        ),
        _RECURRENT,
    ),
    **dict.fromkeys(
        (
            "CategoryEncoding",
            "Discretization",
            "HashedCrossing",
            "Hashing",
            "IntegerLookup",
            "MelSpectrogram",
            "STFTSpectrogram",
            "StringLookup",
            "TextVectorization",
        ),
        _OUTSIDE,
    ),
    **dict.fromkeys(
        (
            "AutoContrast",
            "ContrastLimitedAdaptiveHistogramEqualization",
            "Equalization",
            "MaxNumBoundingBoxes",
            "Pipeline",
            "Solarization",
        ),
        _AUGMENT,
    ),
    "Embedding": ("looks rows up by integers", "feed the looked-up vectors to the network"),
    "Lambda": (
        "holds Python code",
        (
            "rebuild it from Keras layers or keras.ops, or register a handler "
            "(spkeras.register_layer)"
        ),
    ),
    "Masking": ("leaves out steps by their values", "use sequences of one length"),
    **dict.fromkeys(
        ("FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"),
        ("holds a model of another library", "rebuild it from Keras layers"),
    ),
    "ReversibleEmbedding": (
        "looks rows up by integers",
        "feed the looked-up vectors to the network",
    ),
    **dict.fromkeys(
        (
            "Equal",
            "Greater",
            "GreaterEqual",
            "Less",
            "LessEqual",
            "LogicalAnd",
            "LogicalNot",
            "LogicalOr",
            "NotEqual",
            "Where",
        ),
        ("decides by comparison", "use relu, maximum, minimum, sign or clip"),
    ),
    **dict.fromkeys(
        ("Argmax", "Argmin", "Argsort", "Sort", "TopK"),
        ("sorts values", "do it on the network's outputs, or use max and min"),
    ),
}


def reason(kind: str, module: str) -> tuple[str, str]:
    """Return what was received and what to do, for a class without a handler.

    Args:
        kind: Name of the class.
        module: Module that defines it.
    """
    if not module.startswith("keras."):
        return f"a class of {module!r}, not of Keras", (
            "rebuild it from Keras layers or keras.ops, or register a handler "
            "(spkeras.register_layer)"
        )
    known = REASONS.get(kind)
    return known or ("not supported", "rebuild this part from supported Keras layers")
