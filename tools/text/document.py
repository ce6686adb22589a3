"""Document: paragraphs, tables and code as one value, which the command line prints and a notebook shows.

What a command says is made once, as a `Document`; `terminal.console` prints it for the width and the colours of a
terminal. ``str()`` of it is the same text for a file or a pipe, and notebooks show it as HTML.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from .escape import escaped
from .table import table_lines

__all__ = ["BAR", "Code", "Document", "Paragraph", "Part", "Table", "bar", "wrapped"]

BAR = "█"


def bar(share: float, width: int) -> str:
    """A bar for a share of 1, at most `width` columns long; what is not nothing has a column at least."""
    return BAR * min(width, max(round(share * width), int(share > 0)))


@dataclass(frozen=True)
class Paragraph:
    """A sentence or two; nothing at all is an empty line.

    Attributes:
        width: the most columns of a line; None for a single line.
        style: on a terminal, as rich calls it.
    """

    text: str = ""
    width: int | None = None
    style: str = ""


@dataclass(frozen=True)
class Table:
    """Columns of figures; see `table_lines`."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 0
    bars: bool = False


@dataclass(frozen=True)
class Code:
    """Lines of code.

    Attributes:
        language: ``python``, ``c``, ``assembly``, ``graph``, ``loops`` or ``diff``.
        numbers: of the lines, to stand before them; none by default.
    """

    lines: Sequence[str]
    language: str
    numbers: Sequence[int] = ()
    indent: str = ""

    def text(self) -> Iterator[str]:
        """Its lines, with numbers and indent."""
        width = max((len(str(number)) for number in self.numbers), default=0)
        heads = [f"{self.indent}{number:>{width}}  " for number in self.numbers] or [self.indent] * len(self.lines)
        return (f"{head}{line}" for head, line in zip(heads, self.lines, strict=True))


Part = Paragraph | Table | Code


@dataclass
class Document:
    """What there is to say, part by part.

    Shows itself at a Python prompt and in a notebook; ``print`` it in a script.

    Attributes:
        parts: paragraphs, tables and code.
        data: the same as plain data: what ``--json`` prints.
        notes: what there is to say beside it, such as how many lines have been left out.
    """

    parts: list[Part] = field(default_factory=list)
    data: Mapping[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def say(self, text: str, width: int | None = None, style: str = "") -> None:
        """Adds a paragraph."""
        self.parts.append(Paragraph(text, width, style))

    def gap(self) -> None:
        """Adds an empty line."""
        self.parts.append(Paragraph())

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]], left: int = 0, bars: bool = False) -> None:
        """Adds a table."""
        cells = [[escaped(cell) for cell in row] for row in rows]
        self.parts.append(Table(headings, cells, left, bars))

    def code(self, lines: Sequence[str], language: str, numbers: Sequence[int] = (), indent: str = "") -> None:
        """Adds code."""
        self.parts.append(Code(lines, language, numbers, indent))

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def __repr__(self) -> str:
        return str(self)

    def _lines(self) -> Iterator[str]:
        for part in self.parts:
            match part:
                case Paragraph():
                    yield from wrapped(part.text, part.width)
                case Table():
                    yield from (line for line, _ in table_lines(part.headings, part.rows, part.left, part.bars))
                case Code():
                    yield from part.text()

    def _repr_html_(self) -> str:
        return "".join(map(_html, self.parts))


def wrapped(text: str, width: int | None, indent: str = "") -> list[str]:
    """A paragraph in lines of at most `width` columns."""
    if width is None or len(text) <= width:
        return [text]
    return textwrap.wrap(text, width, break_on_hyphens=False, subsequent_indent=indent)


def _html(part: Part) -> str:
    match part:
        case Paragraph():
            tag = "b" if "bold" in part.style else "span"
            return f"<p style='margin:.6em 0 .3em'><{tag}>{escape(part.text)}</{tag}></p>" if part.text else ""
        case Code():
            text = escape("\n".join(part.text()))
            return f"<pre style='max-height:40em;overflow:auto;line-height:1.35'>{text}</pre>"
        case Table():
            right, left = "text-align:right", "text-align:left"
            words = {*range(part.left), *([len(part.headings) - 1] if part.bars else [])}
            style = [left if place in words else right for place in range(len(part.headings))]
            head = "".join(
                f"<th style='{each}'>{escape(text)}</th>" for each, text in zip(style, part.headings, strict=True)
            )
            rows = "".join(
                "<tr>"
                + "".join(f"<td style='{each}'>{escape(cell)}</td>" for each, cell in zip(style, row, strict=True))
                + "</tr>"
                for row in part.rows
            )
            return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
