"""docs/functions.md, and the docstrings of the functions that it is about: what they show is what comes."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

import microgpt
from microgpt.runtime.machine.toolchain import ToolchainError

PAGE = Path(__file__).parents[2] / "docs" / "functions.md"


@pytest.fixture(autouse=True)
def python_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Small programs: what C compilers make of them is tested elsewhere."""

    def fail() -> NoReturn:
        raise ToolchainError("there is no C compiler")

    monkeypatch.setattr("microgpt.runtime.machine.find_toolchain.find_toolchain", fail)
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path / "cache"))


def run(text: str, name: str) -> int:
    """How many examples of a text there are, all of which have to show what comes."""
    test = doctest.DocTestParser().get_doctest(text, {"microgpt": microgpt}, name, name, 0)
    told: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=told.append)
    assert result.failed == 0, "".join(told)
    return result.attempted


def test_the_page() -> None:
    pytest.importorskip("scipy", reason="scipy is not installed")
    assert run(PAGE.read_text("utf-8").replace("```", "\n"), "functions.md") > 30


@pytest.mark.parametrize(
    "function",
    [microgpt.compile, microgpt.jacobian, microgpt.hessian, microgpt.hvp, microgpt.CompiledFunction.first_nan],
)
def test_docstrings(function: Callable[..., Any]) -> None:
    assert run(function.__doc__ or "", function.__name__) >= 2
