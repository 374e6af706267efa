"""Reasons why some Keras layers cannot be converted, and what to do instead."""

_DATA = "apply it to the data before the network"
_REBUILD = "rebuild it from Keras layers"
_REGISTER = f"{_REBUILD} or keras.ops, or register a handler (spkeras.register_layer)"

# Names of classes, what they do, and what to do instead.
REFUSED = (
    (
        "CategoryEncoding Discretization HashedCrossing Hashing IntegerLookup MelSpectrogram "
        "STFTSpectrogram StringLookup TextVectorization",
        ("turns raw data into numbers", _DATA),
    ),
    (
        "AutoContrast ContrastLimitedAdaptiveHistogramEqualization Equalization "
        "MaxNumBoundingBoxes Pipeline Solarization",
        ("changes images, not weights", _DATA),
    ),
    (
        "Embedding ReversibleEmbedding",
        ("looks rows up by integers", "feed the looked-up vectors to the network"),
    ),
    ("Lambda", ("holds Python code beyond keras.ops", _REGISTER)),
    ("Masking", ("leaves out steps by their values", "use sequences of one length")),
    (
        "FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper",
        ("holds a model of another library", _REBUILD),
    ),
    (
        "Equal Greater GreaterEqual Less LessEqual LogicalAnd LogicalNot LogicalOr NotEqual Where",
        ("decides by comparison", "use relu, maximum, minimum, sign or clip"),
    ),
    (
        "Argmax Argmin Argsort Sort TopK",
        ("sorts values", "do it on the network's outputs, or use max and min"),
    ),
)
REASONS = {name: why for names, why in REFUSED for name in names.split()}


def reason(kind: str, module: str) -> tuple[str, str]:
    """Return what was received and what to do, for a class without a handler.

    Args:
        kind: Name of the class.
        module: Module that defines it.
    """
    if not module.startswith("keras."):
        return f"a class of {module!r}, not of Keras", _REGISTER
    known = REASONS.get(kind)
    return known or ("not supported", "rebuild this part from supported Keras layers")
