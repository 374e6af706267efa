"""Hooks of the documentation site: links that leave docs/, the commands, the interface."""

import re
from posixpath import join, normpath

import commands
import interface

_SOURCE = "https://github.com/spkeras/spkeras/blob/main"
_LINK = re.compile(r"\]\(((?:\.\./)+[^)]+)\)")
_MADE = {"<!-- commands -->": commands.page, "<!-- interface -->": interface.page}


def on_page_markdown(markdown, page, config, files):
    """Complete generated pages, and let links to files of the repository lead to its site."""
    for mark, make in _MADE.items():
        if mark in markdown:
            markdown = markdown.replace(mark, make())
    folder = join("docs", page.file.src_uri, "..")

    def outward(match):
        target = normpath(join(folder, match[1]))
        return match[0] if target.startswith("docs/") else f"]({_SOURCE}/{target})"

    return _LINK.sub(outward, markdown)
