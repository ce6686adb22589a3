"""Writes docs/commands.md from the help of every command, at 80 columns; ``--check`` fails if the page is stale."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
from click.testing import CliRunner

from microgpt.tools.cli import COMMANDS, cli

PAGE = Path(__file__).with_name("commands.md")

HEAD = """\
# Command line

The output of `microgpt COMMAND --help` for every command, written by `python docs/commands.py`.
"""


def page() -> str:
    """The text."""
    return HEAD + "".join(sections())


def sections() -> Iterator[str]:
    """A section for each command, those of groups included."""
    yield _section()
    for name in COMMANDS:
        yield _section(name)
        command = cli.get_command(click.Context(cli), name)
        if isinstance(command, click.Group):
            yield from (_section(name, part) for part in command.list_commands(click.Context(command)))


def _section(*words: str) -> str:
    result = CliRunner().invoke(cli, [*words, "--help"], prog_name="microgpt", terminal_width=80)
    assert result.exit_code == 0, result.output
    return f"\n## microgpt {' '.join(words)}".rstrip() + f"\n\n```text\n{result.stdout}```\n"


def main() -> int:
    """Writes the page, or with ``--check`` compares it."""
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text("utf-8") != page():
        print(f"{PAGE.name} is not what --help prints; run python docs/commands.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
