"""Drawn: a picture that shows itself in a notebook, and can be saved."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from .picture import GraphvizError, Picture
from .render import FORMATS, render, svg_of
from .source import Links

__all__ = ["Drawing"]


class Drawing:
    """A drawing of a program. At the end of a notebook's cell, it shows itself.

    Attributes:
        picture: its boxes and arrows.
    """

    def __init__(self, picture: Picture) -> None:
        self.picture = picture

    def __repr__(self) -> str:
        return f"<drawing: {self.picture.title}, {self.picture.counts}>"

    @cached_property
    def svg(self) -> str:
        """The drawing, to stand in a page.

        Raises:
            GraphvizError: if ``dot`` is not there, or fails.
        """
        return svg_of(self.picture, Links(None, Path("drawing.svg")))

    def save(self, path: Path) -> None:
        """Writes the drawing to a file, as its ending says.

        Raises:
            ValueError: if there is no such format.
            GraphvizError: if it is a picture and ``dot`` is not there, or fails.
        """
        kind = path.suffix.lower().removeprefix(".")
        if kind not in FORMATS:
            raise ValueError(f"{path.name} should end in {', '.join('.' + name for name in FORMATS)}")
        render(self.picture, path, kind, Links(None, path))

    def _repr_svg_(self) -> str | None:
        try:
            return self.svg
        except GraphvizError:
            return None
