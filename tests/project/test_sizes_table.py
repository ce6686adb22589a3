"""The table of what compiling costs over sizes: the page shows the figures, and the script measures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from helpers import DOCS, skip_without_compiler

from microgpt.tools.checks.sizes_table import BEGIN, END, section

ROWS = json.loads((DOCS / "performance.json").read_text("utf-8"))


def test_the_page_shows_the_figures() -> None:
    page = (DOCS / "performance.md").read_text("utf-8")
    assert page.count(BEGIN) == page.count(END) == 1
    assert section(ROWS) in page


def test_the_figures_are_those_that_the_page_speaks_of() -> None:
    """Where a graph has more than 100,000 operations, learning the loops costs less; and so it does in memory."""
    found = {(row["kind"], *row["sizes"]): row for row in ROWS}
    sized, flat = found["perceptron", 256, 256], found["flat", 256, 256]
    assert sized["own"] < flat["own"]
    assert sized["memory"] < flat["memory"]
    assert {("model", 1, 16, 4, 16), ("model", 2, 64, 4, 64), ("perceptron", 1024, 1024)} <= found.keys()


def test_a_row_is_measured(tmp_path: Path) -> None:
    skip_without_compiler()
    command = [sys.executable, "-m", "microgpt.tools.checks.sizes_table", "--row", "perceptron", "8", "6"]
    environment = {"MICROGPT_CACHE_DIR": str(tmp_path), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    row = json.loads(result.stdout)
    assert row.keys() == {"own", "others", "memory", "bytes", "step"}
    assert all(number > 0 for number in row.values())
