"""The command line."""

from spkeras.cli.group import main

__all__ = ["main"]
