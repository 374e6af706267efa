"""Models as files: HDF5 is composed in memory, since its library breaks on full disks."""

import io
from pathlib import Path
from typing import Any


def save_model(model: Any, path: Path) -> None:
    """Write a Keras model to a file in the format of its suffix.

    Args:
        model: The model.
        path: Ends in .keras, .h5 or .hdf5.

    Raises:
        OSError: the file cannot be written, such as on a full disk.
    """
    if path.suffix not in (".h5", ".hdf5"):
        model.save(path)
        return
    import h5py  # commands that only show their help load nothing heavy

    class InMemory(h5py.File):
        """An HDF5 file in memory that Keras takes for a path of its HDF5 format."""

        def __str__(self) -> str:
            return "memory.h5"

    buffer = io.BytesIO()
    with InMemory(buffer, "w") as file:
        model.save(file)
    path.write_bytes(buffer.getbuffer())
