"""The `spkeras` command: finds its subcommands when asked, and words all errors."""

import importlib
from difflib import get_close_matches
from typing import Any

import click

from spkeras import __version__
from spkeras.cli.quiet import quieten
from spkeras.errors import SpkerasError

# Name of the command: module whose `command` it is.
COMMANDS = {
    "convert": "spkeras.cli.convert",
    "evaluate": "spkeras.cli.evaluate",
    "hardware": "spkeras.cli.hardware",
    "finetune": "spkeras.cli.finetune",
    "inspect": "spkeras.cli.inspect",
    "thresholds": "spkeras.cli.thresholds",
    "verify": "spkeras.cli.verify",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; for an unknown one the message names the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = get_close_matches(args[0], COMMANDS) if args else []
            if not near or near[0] in error.message:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what a user can cure becomes one message and exit code 1."""
        try:
            return super().invoke(ctx)
        except SpkerasError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=LazyGroup)
@click.version_option(__version__, prog_name="spkeras")
def main() -> None:
    """Turn trained Keras CNNs into spiking networks, and measure what they are worth.

    \b
    spkeras inspect model.h5                       what will convert, and what will not
    spkeras convert model.h5 --data train.npz      writes model_snn.keras
    spkeras evaluate model_snn.keras --data test.npz
    """
    quieten()
