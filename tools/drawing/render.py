"""Rendering: from a picture to a file, by the program `dot` where the format needs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ...runtime.storage.files import write_atomically
from .dot import to_dot
from .picture import GraphvizError, Picture
from .source import Links

__all__ = ["FORMATS", "TIME_LIMIT", "render", "svg_of"]

# Those that `dot` draws, and those that need no `dot`.
FORMATS = ("svg", "png", "pdf", "dot", "json", "graphml")

# Seconds. Pictures within the limits of `graph` take one or two; beyond, dot can work for hours.
TIME_LIMIT = 60.0


def render(picture: Picture, path: Path, kind: str, links: Links, seconds: float = TIME_LIMIT) -> None:
    """Writes `picture` to `path` (``-``: to stdout) in the format `kind`. What `dot` cannot draw is kept beside it.

    Args:
        seconds: how long `dot` may take.

    Raises:
        GraphvizError: if there is no `dot`, or it fails, or takes too long.
    """
    if kind in ("json", "graphml"):
        from .export import to_graphml, to_json  # with networkx, which takes a while to import

        content = (to_json if kind == "json" else to_graphml)(picture, links)
    else:
        content = to_dot(picture, links).source.encode()
        if kind != "dot":
            content = _drawn(content, Path(f"microgpt.{kind}") if str(path) == "-" else path, kind, seconds)
    if str(path) == "-":
        sys.stdout.buffer.write(content)
    else:
        write_atomically(path, content)


def svg_of(picture: Picture, links: Links, seconds: float = TIME_LIMIT) -> str:
    """The picture as SVG, to stand in a page.

    Raises:
        GraphvizError: if there is no `dot`, or it fails, or takes too long.
    """
    drawn = _run_dot(to_dot(picture, links).source.encode(), "svg", seconds).decode()
    return drawn[drawn.index("<svg") :]


def _drawn(source: bytes, path: Path, kind: str, seconds: float) -> bytes:
    try:
        return _run_dot(source, kind, seconds)
    except GraphvizError as problem:
        text = path.with_suffix(".dot")
        write_atomically(text, source)
        raise GraphvizError(
            f"{problem}; then `dot -T{kind} -o {path} {text}` draws what has been written to {text}"
        ) from None


def _run_dot(source: bytes, kind: str, seconds: float) -> bytes:
    try:
        result = subprocess.run(["dot", f"-T{kind}"], input=source, capture_output=True, timeout=seconds, check=False)
    except OSError:
        # No wheel bundles Graphviz that is kept up and freely licensed, so the system has to.
        problem = (
            "the program `dot` is not installed; install Graphviz with the system's package manager (apt install "
            "graphviz, dnf install graphviz, brew install graphviz, winget install Graphviz.Graphviz)"
        )
    except subprocess.TimeoutExpired:
        problem = f"`dot` has not finished within {seconds:g} s; draw less, or give it more with --timeout"
    else:
        if result.returncode == 0:
            return result.stdout
        last = result.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"exit status {result.returncode}"]
        problem = f"`dot` failed: {last[0]}"
    raise GraphvizError(problem)
