"""Rendering: from a drawing in the language of Graphviz to a file, by the program `dot`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import graphviz

from ...runtime.files import write_atomically
from ..failures import ENVIRONMENT, CommandError

__all__ = ["FORMATS", "render"]

FORMATS = ("svg", "png", "pdf", "dot")

# Seconds. Drawings within the limits of `graph` take one or two; beyond, dot can work for hours.
TIME_LIMIT = 60.0


def render(drawing: graphviz.Digraph, path: Path) -> None:
    """Writes `drawing` to `path`, in the format of its suffix. Without `dot` to draw it, the text is kept beside it.

    Raises:
        CommandError: if there is no `dot`, or it fails.
    """
    suffix = path.suffix.lower().removeprefix(".")
    source = drawing.source.encode()
    if suffix == "dot":
        write_atomically(path, source)
        return
    try:
        result = subprocess.run(
            ["dot", f"-T{suffix}"], input=source, capture_output=True, timeout=TIME_LIMIT, check=False
        )
    except OSError:
        problem = (
            "the program `dot` is not installed; install Graphviz (apt install graphviz, brew install graphviz, or "
            "graphviz.org/download)"
        )
    except subprocess.TimeoutExpired:
        problem = f"`dot` has not finished within {TIME_LIMIT:.0f} s; draw a smaller scope"
    else:
        if result.returncode == 0:
            write_atomically(path, result.stdout)
            return
        last = result.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"exit status {result.returncode}"]
        problem = f"`dot` failed: {last[0]}"
    text = path.with_suffix(".dot")
    write_atomically(text, source)
    raise CommandError(
        f"{problem}; then `dot -T{suffix} -o {path} {text}` draws what has been written to {text}", ENVIRONMENT
    )
