"""What a timing was taken on: processor and versions."""

import importlib.metadata
import platform
from pathlib import Path

PACKAGES = ("spkeras", "keras", "tensorflow", "jax", "numba", "torch", "spikingjelly", "sinabs",
            "snntorch", "numpy")  # fmt: skip
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")


def processor() -> str:
    """Return the name of the processor, and which vector units it has."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor()
    lines = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in lines.items()}
    flags = [flag for flag in FLAGS if flag in fields.get("flags", "").split()]
    return f"{fields.get('model name', 'unknown')} ({', '.join(flags)})"


def versions() -> dict[str, str]:
    """Return the versions of Python and of what takes part."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
