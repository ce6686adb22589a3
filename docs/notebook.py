"""Runs ``docs/notebook.ipynb`` in a kernel and keeps what its cells print and draw.

The cells are written by hand, in any notebook; ``python docs/notebook.py`` writes their outputs into the file, where
GitHub and the site show them. With ``--check`` it runs the cells and writes nothing: a cell that fails, or prints other
text than the file has, ends the script. Pictures are not compared: they depend on the versions of what draws them.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOK = Path(__file__).with_name("notebook.ipynb")


def executed(notebook: Any) -> Any:
    """The notebook with the outputs of its cells, and nothing that differs from run to run.

    Raises:
        CellExecutionError: if a cell fails.
    """
    os.environ |= {"MICROGPT_PROGRESS": "0", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    NotebookClient(notebook, timeout=600, kernel_name="python3", record_timing=False).execute()
    notebook.metadata.language_info = {"name": "python"}
    return notebook


def printed(notebook: Any) -> list[str]:
    """What each cell of code prints, apart from what it draws."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return ["".join(output.text for output in cell.outputs if output.output_type == "stream") for cell in cells]


def main() -> int:
    """Writes or checks. Returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare what is printed, and write nothing")
    arguments = parser.parse_args()
    known = nbformat.read(NOTEBOOK, 4)
    before = printed(known)
    try:
        now = executed(known)
    except CellExecutionError as error:
        print(f"{NOTEBOOK.name}: a cell fails:\n{error}", file=sys.stderr)
        return 1
    if not arguments.check:
        nbformat.write(now, NOTEBOOK)
        return 0
    stale = [place for place, pair in enumerate(zip(before, printed(now), strict=True), 1) if pair[0] != pair[1]]
    for place in stale:
        print(f"{NOTEBOOK.name}: cell {place} prints\n{printed(now)[place - 1]}and the file has\n{before[place - 1]}")
    if stale:
        print("run python docs/notebook.py")
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
