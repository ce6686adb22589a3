"""docs/commands.md is the help of every command, and each help explains its options and has examples."""

import pytest
from helpers import DOCS, docs_script

SCRIPT = docs_script("commands")


def test_the_page_is_up_to_date():
    assert (DOCS / "commands.md").read_text("utf-8") == SCRIPT.page(), "run python docs/commands.py"


@pytest.mark.parametrize("section", list(SCRIPT.sections()), ids=lambda section: section.split("\n")[1][3:])
def test_every_command_is_explained(section: str):
    """In 80 columns, with examples, and a word on each option."""
    assert max(map(len, section.splitlines())) <= 80
    _, _, body = section.partition("```text\n")
    assert "Examples:\n" in body
    options = body.partition("\nOptions:\n")[2].partition("\n\n")[0].splitlines()
    for line, after in zip(options, [*options[1:], ""], strict=True):
        if line.startswith("  -"):
            explained = len(line.split("  ")) > 2 or after.startswith(" " * 10)
            assert explained, line
