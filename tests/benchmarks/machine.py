"""What a measurement was taken on: processor, versions, and the memory of a process."""

import importlib.metadata
import platform
import resource
from pathlib import Path

PACKAGES = (
    "spkeras",
    "keras",
    "tensorflow",
    "jax",
    "numba",
    "torch",
    "spikingjelly",
    "sinabs",
    "snntorch",
    "numpy",
)
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


def peak() -> float:
    """Return the largest resident memory of this process so far, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        # `ru_maxrss` counts the memory of the process that started this one.
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM:"))
        return round(int(line.split()[1]) / 1024, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
