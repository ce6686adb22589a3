"""docs/commands.md is what `--help` says: of every command, at 80 columns. Renewed by --renew-golden."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from microgpt.tools.cli import COMMANDS, cli

if TYPE_CHECKING:
    from conftest import Golden

HEAD = """\
# Commands

What `microgpt COMMAND --help` says, for reading and searching. Made from it, and checked by a test.
"""


def help_of(*words: str) -> str:
    result = CliRunner().invoke(cli, [*words, "--help"], prog_name="microgpt", terminal_width=80)
    assert result.exit_code == 0
    return f"\n## microgpt {' '.join(words)}".rstrip() + f"\n\n```\n{result.stdout}```\n"


def sections() -> Iterator[str]:
    yield help_of()
    for name in COMMANDS:
        yield help_of(name)
        command = cli.get_command(click.Context(cli), name)
        if isinstance(command, click.Group):
            yield from (help_of(name, part) for part in command.list_commands(click.Context(command)))


def test_the_reference_is_up_to_date(golden: "Golden"):
    golden.check("../../docs/commands.md", HEAD + "".join(sections()))


@pytest.mark.parametrize("section", list(sections()), ids=lambda section: section.split("\n")[1][3:])
def test_every_command_is_explained(section: str):
    """In 80 columns, with examples, and a word on each option."""
    assert max(map(len, section.splitlines())) <= 80
    _, _, body = section.partition("```\n")
    assert "Examples:\n" in body
    options = body.partition("\nOptions:\n")[2].partition("\n\n")[0].splitlines()
    for line, after in zip(options, [*options[1:], ""], strict=True):
        if line.startswith("  -"):
            explained = len(line.split("  ")) > 2 or after.startswith(" " * 10)
            assert explained, line
