"""The notebook of the tutorial: each cell runs in a kernel, and prints what the file shows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import DOCS

NOTEBOOK = DOCS / "notebook.ipynb"


def cells() -> list[dict[str, object]]:
    found = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    return [cell for cell in found if cell["cell_type"] == "code"]


def test_each_of_twelve_cells_shows_something():
    assert len(cells()) == 12
    assert all(cell["outputs"] for cell in cells())


def test_nothing_in_it_differs_from_run_to_run():
    assert all(not cell["metadata"] for cell in cells())
    assert [cell["execution_count"] for cell in cells()] == [*range(1, 13)]
    assert "ipykernel_" not in NOTEBOOK.read_text("utf-8")


@pytest.mark.slow
def test_the_cells_run_and_print_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("nbclient", reason="nbclient is not installed: pip install '.[test]'")
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(tmp_path))
    script = [sys.executable, DOCS / "notebook.py", "--check"]
    result = subprocess.run(script, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
