"""Recognition of files that are not Keras models, with a sentence on what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spkeras.ops.types import Json

AGAIN = "Load it in the program that wrote it and save the Keras model as .h5 or .keras."

# Position and first bytes; kind of such a file, and what to do.
KINDS: tuple[tuple[int, bytes, str], ...] = (
    (
        0,
        b"version https://git-lfs",
        "is a Git LFS pointer, not the model itself. Fetch the model with `git lfs pull`.",
    ),
    (4, b"TFL3", "is a TensorFlow Lite model, which no longer holds Keras layers. " + AGAIN),
    (0, b"\x08\x01\x12", "is a TensorFlow graph, which holds no Keras layers. " + AGAIN),
    (0, b"\x80", "is a Python pickle, which is code and never opened. " + AGAIN),
    (0, b"\x1f\x8b", "is compressed by gzip. Unpack it first."),
    (0, b"BZh", "is compressed by bzip2. Unpack it first."),
    (0, b"\xfd7zXZ", "is compressed by xz. Unpack it first."),
    (0, b"Rar!", "is a RAR archive. Unpack it first."),
    (0, b"7z\xbc\xaf", "is a 7-Zip archive. Unpack it first."),
    (257, b"ustar", "is a tar archive. Unpack it first."),
    (0, b"\x93NUMPY", "is a NumPy array, not a model."),
    (0, b"\x89PNG", "is an image, not a model."),
    (0, b"\xff\xd8\xff", "is an image, not a model."),
)
# Beginnings of text files, in lower case.
TEXTS: tuple[tuple[bytes, str], ...] = (
    (b"<", "is a web page or XML, not a model. Follow its link to the file itself (raw)."),
    (b"backend:", "is an architecture in YAML. Write it as JSON: model.to_json()."),
    (b"class_name:", "is an architecture in YAML. Write it as JSON: model.to_json()."),
    (b"import ", "is Python source. Run it and save the model as .h5 or .keras."),
    (b"from ", "is Python source. Run it and save the model as .h5 or .keras."),
)
# Members of the zips of other programs.
MEMBERS: tuple[tuple[str, str], ...] = (
    ("data.pkl", "is a PyTorch model. Rebuild it in Keras, or save a Keras model."),
    ("saved_model.pb", "is a zipped TensorFlow SavedModel. Unpack it and give the folder."),
)


def what_file(head: bytes) -> str:
    """Return a sentence on a file that is neither HDF5 nor zip nor JSON.

    Args:
        head: First bytes of the file, at least 32 if it has them.
    """
    if not head.strip():
        return "is empty."
    for place, mark, sentence in KINDS:
        if head[place : place + len(mark)] == mark:
            return sentence
    start = head.lstrip().lower()
    for mark, sentence in TEXTS:
        if start.startswith(mark):
            return sentence
    if b"onnx" in head or head[:1] == b"\x08" and b"pytorch" in head:
        return "is an ONNX model, which no longer holds Keras layers. " + AGAIN
    return f"starts with {head[:8]!r}: neither HDF5 nor zip nor JSON."


def what_zip(names: Sequence[str]) -> str:
    """Return a sentence on a zip without a Keras configuration.

    Args:
        names: Names of its members.
    """
    for member, sentence in MEMBERS:
        if any(name.replace("\\", "/").split("/")[-1] == member for name in names):
            return sentence
    inside = [name for name in names if name.endswith((".h5", ".hdf5", ".keras"))]
    if inside:
        return f"is a zip around {', '.join(inside[:3])}. Unpack it first."
    if names and all(name.endswith(".npy") for name in names):
        return "is a NumPy .npz file of arrays, not a model."
    return f"is a zip without config.json ({', '.join(names[:5])})."


def what_json(stored: Json) -> str:
    """Return a sentence on a JSON file that is not an architecture.

    Args:
        stored: Its decoded contents.
    """
    if isinstance(stored, dict) and "modelTopology" in stored:
        return (
            "is a TensorFlow.js model. Convert it back with `tensorflowjs_converter "
            "--input_format=tfjs_layers_model --output_format=keras`."
        )
    if isinstance(stored, dict) and isinstance(stored.get("layers"), list):
        return "is an architecture of Keras 0.x. Load and save it with Keras 1.x first."
    return "is JSON but not the architecture of a Keras model, as model.to_json() writes it."


def what_directory(path: Path) -> str:
    """Return a sentence on a directory that was given as a model.

    Args:
        path: The directory.
    """
    if (path / "saved_model.pbtxt").exists():
        return (
            "is a TensorFlow SavedModel folder, which holds a computation and not Keras "
            "layers. Load it in the TensorFlow that wrote it and save it as .h5 or .keras."
        )
    if (path / "config.json").exists():
        return "is an unpacked .keras folder. Zip its contents to one .keras file."
    if list(path.glob("*.index")) or (path / "checkpoint").exists():
        return "is a folder of TensorFlow checkpoints, which hold no layers. " + AGAIN
    return "is a directory, not a file."
