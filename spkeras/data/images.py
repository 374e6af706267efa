"""Images from folders of class folders."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spkeras.data.samples import Data, fallback_note, other
from spkeras.errors import DataError
from spkeras.ops.sampling import chosen

IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_PARTS = {"train": ("train", "training"), "test": ("test", "val", "validation")}
_COLOURS = {1: "grayscale", 3: "rgb", 4: "rgba"}


def channels_first(size: Sequence[int] | None) -> bool:
    """Return whether a size is that of images with their channels first.

    Images have 1, 3 or 4 channels: the size is, if that fits its first axis and not its last one.
    """
    return size is not None and len(size) == 3 and size[0] in _COLOURS and size[2] not in _COLOURS


def read_folder(
    folder: Path, part: str, samples: int | None, image_size: Sequence[int] | None
) -> Data:
    """Read images from one folder per class, as `image_dataset_from_directory` reads them.

    Classes are numbered by sorted name, pixels are 0..255, and images of another size are
    resized bilinearly.
    """
    if image_size is None or len(image_size) not in (2, 3) or None in image_size:
        raise DataError(
            f"{folder}: a folder of images needs the size to read them at, received "
            f"image_size={image_size}; give (height, width) or (height, width, channels)"
        )
    root, taken = _part(folder, part)
    files = _files(root)
    taken_files = [files[index] for index in chosen(len(files), samples)]
    x = np.stack([_image(path, image_size) for path, _ in taken_files])
    y = np.array([label for _, label in taken_files])
    notes = fallback_note(str(folder), part, taken)
    return Data((x,), y, str(folder), notes=notes, part=taken)


def _part(folder: Path, part: str) -> tuple[Path, str]:
    """Return the folder that holds the class folders, and the part found ("" if neither)."""
    for taken in (part, other(part)):
        for name in _PARTS[taken]:
            if (folder / name).is_dir():
                return folder / name, taken
    return folder, ""


def _files(root: Path) -> list[tuple[Path, int]]:
    classes = sorted(path for path in root.iterdir() if path.is_dir())
    found = [
        (path, label)
        for label, folder in enumerate(classes)
        for path in _below(folder)
        if path.suffix.lower() in IMAGES
    ]
    if not found:
        raise DataError(
            f"{root}: holds no images in class folders ({len(classes)} folders); "
            f"allowed: one folder per class with {', '.join(IMAGES)}"
        )
    return found


def _below(folder: Path) -> list[Path]:
    """Return all files below a folder, sorted; links to folders are not followed."""

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror})") from error

    walk = os.walk(folder, onerror=refuse)
    return sorted(Path(place, name) for place, _, names in walk for name in names)


def _image(path: Path, size: Sequence[int]) -> np.ndarray:
    import keras

    channels = size[2] if len(size) == 3 else 3
    if channels not in _COLOURS:
        raise DataError(f"{path}: images have 1, 3 or 4 channels, the model takes {channels}")
    if not path.is_file():  # opening a pipe waits for its writer
        raise DataError(f"{path}: is no file that can be read; allowed: images")
    try:
        with warnings.catch_warnings():
            # Pillow warns of images beyond its limit of pixels, and refuses those twice as large.
            warnings.filterwarnings("error", "Image size", Warning)
            pixels = np.asarray(keras.utils.load_img(path, color_mode=_COLOURS[channels]))
    except Exception as error:  # Pillow raises all kinds for damaged images
        raise DataError(f"{path}: cannot be read as an image ({error})") from error
    pixels = pixels.astype("float32")
    pixels = pixels.reshape(*pixels.shape[:2], channels)
    if pixels.shape[:2] != tuple(size[:2]):
        pixels = np.asarray(
            keras.ops.image.resize(pixels, tuple(size[:2]), data_format="channels_last")
        )
    return pixels
