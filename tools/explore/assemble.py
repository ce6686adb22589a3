"""Assemble: the page, one file with its style, its scripts and its data in it, that fetches nothing.

In: blocks of data by name, and the words of the shell. Out: HTML. Style and script are allowed by their hashes, and
nothing else is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from importlib.resources import files

from ..pictures.content_policy import content_policy

__all__ = ["SCRIPTS", "assemble"]

# In the order in which they build upon each other.
SCRIPTS = (
    "unpack.js", "graph.js", "relation.js", "values.js", "syntax.js", "heat.js", "ruler.js", "listing.js",
    "selection.js", "levels.js", "layout.js", "drawing.js", "details.js", "split.js", "frame.js", "search.js", "app.js",
)  # fmt: skip

_PLACE = re.compile(r"\{\{(\w+)\}\}")


def assemble(blocks: Mapping[str, str], words: Mapping[str, str]) -> str:
    """The page.

    Args:
        blocks: base64 by name.
        words: plain text for the places of the shell, by name.
    """
    style = _resource("explore.css")
    script = "\n".join(['(() => {\n"use strict";', *(_resource(name) for name in SCRIPTS), "})();"])
    data = "\n".join(
        f'<script type="application/octet-stream" id="data-{escape(name)}">{block}</script>'
        for name, block in blocks.items()
    )
    filled = {name: escape(text) for name, text in words.items()}
    # What is put in is not looked at again, so that braces in it stay what they are.
    filled |= {"policy": content_policy(style, script), "style": style, "script": script, "data": data}
    return _PLACE.sub(lambda match: filled[match[1]], _resource("page.html"))


def _resource(name: str) -> str:
    return (files(__package__) / "page" / name).read_text("utf-8")
