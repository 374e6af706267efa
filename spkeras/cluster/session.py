"""Connection to a Ray cluster for the duration of an evaluation or sweep."""

import importlib
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from urllib.parse import urlsplit

from spkeras.errors import ClusterError, OptionError

# Address that starts a cluster of this machine's processors, ended with the work.
LOCAL = "local"
# Seconds within which an address must answer.
_PATIENCE = 10.0


def ray_module() -> ModuleType:
    """Import Ray.

    Raises:
        OptionError: Ray is not installed.
    """
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise OptionError(
            f"Ray cannot be imported ({error}); pip install spkeras[ray], or leave --ray out"
        ) from error


@contextmanager
def connected(address: str) -> Iterator[ModuleType]:
    """Connect to Ray; a connection that exists already is used and left open.

    Args:
        address: "local", "auto", host:port, or ray://host:port.

    Raises:
        OptionError: Ray is not installed.
        ClusterError: no cluster answers at the address.
    """
    # Usage statistics are off unless the user sets the variable: no data leaves by default.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray = ray_module()
    if ray.is_initialized():
        yield ray
        return
    if address not in (LOCAL, "auto"):
        _knock(address)
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address == LOCAL:
            ray.init(address=LOCAL, include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise _unreachable(address, error) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Check that a socket answers at the address; Ray would retry for minutes."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        if not parts.hostname or not parts.port:
            raise ValueError("no host:port")
        socket.create_connection((parts.hostname, parts.port), _PATIENCE).close()
    except (OSError, ValueError) as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> ClusterError:
    return ClusterError(
        f"Ray at {address!r}: {error}; start a cluster (`ray start --head`) and give its "
        "host:port, or 'local' for this machine's processors"
    )


def smallest_node(ray: ModuleType) -> int:
    """Return the processors of the smallest machine in the cluster that has at least one."""
    alive = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
    return int(min((number for number in alive if number >= 1), default=1))
