"""docs/mistakes.md: each mistake is told what the page says, at the user's line, and what to write instead works."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

from microgpt.runtime.machine.toolchain import ToolchainError

DOCS = Path(__file__).parents[2] / "docs"


def _script() -> Any:
    specification = importlib.util.spec_from_file_location("mistakes", DOCS / "mistakes.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["mistakes"] = module  # dataclasses look for it
    specification.loader.exec_module(module)
    return module


SCRIPT = _script()
PAGE = (DOCS / "mistakes.md").read_text("utf-8")


@pytest.fixture(autouse=True)
def python_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Small programs: what C compilers make of them is tested elsewhere."""

    def fail() -> NoReturn:
        raise ToolchainError("there is no C compiler")

    monkeypatch.setattr("microgpt.runtime.machine.toolchain.find_toolchain", fail)
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path / "cache"))


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
