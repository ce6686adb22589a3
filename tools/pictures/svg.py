"""SVG, written element by element. Whatever text goes in is escaped; colours are classes, and `theme.css` has them.

Numbers have at most two decimals and attributes keep their order: the same picture gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

from markupsafe import Markup

__all__ = ["element", "group", "line", "picture", "standalone", "text", "theme"]


def element(name: str, content: Iterable[str] | str = "", /, **attributes: str | float | None) -> Markup:
    """``<name attribute="...">content</name>``.

    Args:
        content: markup stays as it is, all other text is escaped.
        attributes: ``fill_opacity`` is written ``fill-opacity``, ``class_`` is ``class``; None leaves one out.
    """
    parts = [
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _plain(value))
        for key, value in attributes.items()
        if value is not None
    ]
    inner = Markup("").join([content] if isinstance(content, str) else content)
    head = Markup("").join(parts)
    # The names are ours; only what stands in between comes from elsewhere.
    return Markup(f"<{name}{head}>{inner}</{name}>" if inner else f"<{name}{head}/>")


def _plain(value: str | float) -> str:
    if isinstance(value, str):
        return value
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def text(x: float, y: float, content: str, class_: str = "", anchor: str | None = None, **more: str | float) -> Markup:
    """A line of text; `anchor` is ``middle`` or ``end`` where it does not begin at `x`."""
    return element("text", content, x=x, y=y, class_=class_ or None, text_anchor=anchor, **more)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def group(parts: Iterable[str], **attributes: str | float | None) -> Markup:
    """Elements that belong together."""
    return element("g", Markup("\n").join(parts), **attributes)


def picture(width: float, height: float, parts: Iterable[str], description: str) -> Markup:
    """A picture to stand in a page: it shrinks with the page, and `description` is read out in its place."""
    return element(
        "svg",
        Markup("\n").join(["", *parts, ""]),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_plain(width)} {_plain(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=description,
    )


def standalone(drawn: Markup) -> str:
    """A picture as a file of its own, with the colours in it."""
    head, _, rest = drawn.partition(">")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}>\n<style>\n{theme()}</style>{rest}\n'


def theme() -> str:
    """The style sheet that pictures and pages share."""
    return files(__package__).joinpath("theme.css").read_text("utf-8")
