"""Images as PNG data for a page, without a picture library."""

import base64
import struct
import zlib

import numpy as np


def png(image: np.ndarray) -> str:
    """Return an image as a `data:` address.

    Args:
        image: uint8 (height, width, 1 or 3).
    """
    height, width, channels = image.shape
    # Each row begins with its filter, 0: none.
    rows = np.zeros((height, 1 + width * channels), np.uint8)
    rows[:, 1:] = image.reshape(height, -1)
    colour = 0 if channels == 1 else 2
    parts = (
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)),
        _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
        _chunk(b"IEND", b""),
    )
    content = b"\x89PNG\r\n\x1a\n" + b"".join(parts)
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
