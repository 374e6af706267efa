"""The reference of the command line, from the commands themselves: `python docs/site/commands.py`."""

import click

from spkeras.cli import main


def page():
    """Return one section for each command, with its help as the terminal shows it."""
    return "\n".join(_section(words, command) for words, command in [((), main), *_commands(main)])


def _commands(group, words=()):
    """Names and objects of all commands, those of groups after their group."""
    context = click.Context(group, info_name="spkeras")
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*words, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, (*words, name))


def _section(words, command):
    line = " ".join(("spkeras", *words))
    context = click.Context(command, info_name=line, max_content_width=80, terminal_width=80)
    return f"## {line}\n\n```text\n{command.get_help(context)}\n```\n"


if __name__ == "__main__":
    print(page())
