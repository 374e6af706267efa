"""The connection to a Ray cluster, for as long as work lasts."""

import importlib
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from spkeras.errors import ClusterError, OptionError

# Starts a cluster of this machine's processors that ends with the work.
LOCAL = "local"
# Seconds in which an address must answer.
_PATIENCE = 10.0


def ray_module() -> Any:
    """Ray.

    Raises:
        OptionError: it is not installed.
    """
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise OptionError(
            f"Ray cannot be imported ({error}); pip install spkeras[ray], or leave --ray out"
        ) from error


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Ray, connected; a connection that was there before is used and left as it is.

    Args:
        address: "local", "auto", host:port, or ray://host:port.

    Raises:
        OptionError: Ray is not installed.
        ClusterError: nobody answers at the address.
    """
    # A cluster of one machine for one run has nothing to report to anybody.
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
    """See whether anybody listens there; Ray itself would try for minutes."""
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


def smallest_node(ray: Any) -> int:
    """Processors of the smallest machine in the cluster that has any."""
    alive = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
    return int(min((number for number in alive if number >= 1), default=1))
