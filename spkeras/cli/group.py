"""The `spkeras` command: it imports a subcommand when it is needed, and words all errors."""

import importlib
from difflib import get_close_matches
from typing import Any

import click

from spkeras import __version__
from spkeras.cli import plugins
from spkeras.cli.generated import GroupedCommand
from spkeras.cli.messages import interrupted
from spkeras.cli.quiet import quieten
from spkeras.errors import SpkerasError

# Name of the command: module whose `command` it is.
COMMANDS = {
    "convert": "spkeras.cli.convert",
    "demo": "spkeras.cli.demo",
    "evaluate": "spkeras.cli.evaluate",
    "export": "spkeras.cli.export",
    "hardware": "spkeras.cli.hardware",
    "finetune": "spkeras.cli.finetune",
    "info": "spkeras.cli.info",
    "inspect": "spkeras.cli.inspect",
    "report": "spkeras.cli.report",
    "reproduce": "spkeras.cli.reproduce",
    "sweep": "spkeras.cli.sweep",
    "thresholds": "spkeras.cli.thresholds",
    "tune": "spkeras.cli.tune",
    "verify": "spkeras.cli.verify",
}
# As a shell sees a process that SIGINT ended.
INTERRUPTED = 130


class Group(click.Group):
    """A group that suggests a name for a misspelt command."""

    command_class = GroupedCommand

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return a command; for an unknown one the message names the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = get_close_matches(args[0], self.list_commands(ctx)) if args else []
            if not near or near[0] in error.message:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", ctx) from None


class LazyGroup(Group):
    """A group that imports its commands when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of this name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Import the plugins first: commands offer what these register."""
        try:
            plugins.load(list(plugins.named(args)))
        except SpkerasError as error:
            raise click.ClickException(str(error)) from error
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a refusal and Ctrl-C become one message and an exit code."""
        try:
            return super().invoke(ctx)
        except SpkerasError as error:
            raise click.ClickException(str(error)) from error
        except UnicodeEncodeError as error:  # surrogates, which no file system takes
            raise click.ClickException(f"{error.object!r}: no name that a file can have") from error
        except KeyboardInterrupt:
            interrupted(ctx)
            ctx.exit(INTERRUPTED)


EPILOG = """\b
Exit codes:
  0    done
  1    refused: the file, the data or the settings cannot be used; the message says why
  2    usage: a command or an option that does not exist, or a value out of its range
  130  interrupted by Ctrl-C; no output file is left half-written, and a checkpoint is named
"""


@click.group(cls=LazyGroup, epilog=EPILOG)
@click.version_option(__version__, prog_name="spkeras")
def main() -> None:
    """Convert trained Keras CNNs into spiking neural networks, and measure them.

    \b
    spkeras demo                                   convert and evaluate a small CNN of the package
    spkeras inspect model.h5                       list what converts and what does not
    spkeras convert model.h5 --data train.npz      write model_snn.keras
    spkeras evaluate model_snn.keras --data test.npz
    """
    quieten()
