"""docs/mistakes.md: each mistake is told what the page says, at the user's line, and what to write instead works."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import DOCS, docs_script

SCRIPT = docs_script("mistakes")
PAGE = (DOCS / "mistakes.md").read_text("utf-8")

pytestmark = pytest.mark.usefixtures("python_alone")


@pytest.mark.parametrize("number", range(len(SCRIPT.MISTAKES)), ids=[each.title for each in SCRIPT.MISTAKES])
def test_a_mistake_is_told_what_the_page_says(number: int, tmp_path: Path) -> None:
    mistake = SCRIPT.MISTAKES[number]
    told = SCRIPT.run(SCRIPT.program(mistake.wrong), tmp_path)
    assert told is not None
    assert told.line == SCRIPT.marked_line(mistake)
    assert SCRIPT.section(number + 1, mistake, told) in PAGE
    assert SCRIPT.run(SCRIPT.program(mistake.right), tmp_path) is None


def test_nothing_else_stands_on_the_page() -> None:
    assert len(SCRIPT.MISTAKES) >= 20
    assert PAGE.startswith(SCRIPT.HEAD)
    assert PAGE.count("\n## ") == len(SCRIPT.MISTAKES)
