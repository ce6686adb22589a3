"""No built-in `sum` over floats: from Python 3.12 on it compensates for rounding, so its bits differ."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from microgpt.compiler.arithmetic import add_up

ROOT = Path(__file__).parents[2]
NUMBERS = [1.0, 1e100, 1.0, -1e100]


def test_numbers_are_added_from_the_left() -> None:
    assert add_up(NUMBERS) == ((1.0 + 1e100) + 1.0) + -1e100 == 0.0
    assert add_up(iter([0.1] * 10)) == 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1
    assert add_up([]) == 0.0


WRONG = """
from array import array
from collections.abc import Iterable
from math import isfinite

def mean(losses: list[float]) -> float:
    return (1 / len(losses)) * sum(losses)

def finite(parts: array[float], start: float) -> bool:
    return (
        isfinite(sum(parts))
        or any(sum(x * x for x in row) for row in [parts])
        or sum([1, 2], start) > 0.0
    )
"""
RIGHT = """
from math import fsum
from typing import Any

def count(rows: list[list[float]], flags: list[bool], scalars: list[Any]) -> float:
    total: float = sum(scalars)
    return sum(map(len, rows)) + sum(flags) + sum(x > 0.0 for x in rows[0]) + fsum(rows[0]) + total

def checked(part: list[float]) -> float:
    return sum(part)  # type: ignore[float-sum]  # with a reason
"""


def test_the_rule_finds_sums_of_floats_and_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="the rule is a plugin of mypy, which is installed for development only")
    for name, text in {"wrong": WRONG, "right": RIGHT}.items():
        (tmp_path / f"{name}.py").write_text(text)
    config = tmp_path / "mypy.ini"
    config.write_text(f"[mypy]\nstrict = True\nplugins = {ROOT / '.ci' / 'float_sum.py'}\n")
    command = [sys.executable, "-m", "mypy", "--config-file", config, "--cache-dir", tmp_path / "cache"]
    result = subprocess.run(
        [*command, "wrong.py", "right.py"], check=False, cwd=tmp_path, capture_output=True, text=True
    )
    found = [line.split(": error: ")[0] for line in result.stdout.splitlines() if "[float-sum]" in line]
    assert found == ["wrong.py:7", "wrong.py:11", "wrong.py:12", "wrong.py:13"], result.stdout + result.stderr
    assert "Found 4 errors in 1 file" in result.stdout


def test_the_rule_is_in_force() -> None:
    assert 'plugins = [".ci/float_sum.py"]' in (ROOT / "pyproject.toml").read_text("utf-8")
