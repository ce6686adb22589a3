"""Tables of figures as lines of text, for any width: bars give way first, then columns move below, then words are
broken. Figures are never cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

__all__ = ["table_lines"]

# The least that a bar or a word is shrunk to, in columns of the terminal.
LEAST_BAR, LEAST_WORD = 5, 8

# A column: the lines of its heading, and its cells.
_Column = tuple[list[str], list[str]]


def table_lines(
    headings: Sequence[str], rows: Sequence[Sequence[str]], left: int = 0, bars: bool = False, width: int | None = None
) -> Iterator[tuple[str, bool]]:
    """The lines of a table, and whether each belongs to the headings, which are broken at ``_``, at spaces, and in the
    middle of long words.

    Args:
        left: how many columns, of the first, hold words: they begin where their heading begins.
        bars: whether the last column holds bars, which begin there too.
        width: of the terminal; None if nothing need fit.
    """
    columns = [
        ([heading] if place < left else _break(heading), [row[place] for row in rows])
        for place, heading in enumerate(headings)
    ]
    words = {*range(left), *([len(headings) - 1] if bars else [])}
    if width is not None and bars and _width(columns) > width:
        room = width - _width(columns[:-1]) - 1
        if room < LEAST_BAR:
            words.discard(len(columns) - 1)
            columns.pop()
        else:
            heads, cells = columns[-1]
            columns[-1] = heads, _shrunk(cells, room)
    for number, block in enumerate(_blocks(columns, max(left, 1), width)):
        if number:
            yield "", False
        yield from _lines([columns[place] for place in block], [place in words for place in block], width)


def _blocks(columns: Sequence[_Column], keys: int, width: int | None) -> Iterator[list[int]]:
    """The columns of each part of a table that is too wide: the first `keys` come again in each."""
    first = list(range(min(keys, len(columns))))
    block = list(first)
    for place in range(len(first), len(columns)):
        wider = [*block, place]
        if width is not None and len(block) > len(first) and _width([columns[p] for p in wider]) > width:
            yield block
            wider = [*first, place]
        block = wider
    yield block


def _lines(columns: list[_Column], words: list[bool], width: int | None) -> Iterator[tuple[str, bool]]:
    widths = [_column_width(column) for column in columns]
    if width is not None:
        # Words may take several lines, the longest first, so that the figures beside them have their place.
        for place in sorted(range(len(words)), key=lambda place: -widths[place]):
            if words[place]:
                excess = sum(widths) + len(widths) - 1 - width
                widths[place] = max(widths[place] - max(excess, 0), min(LEAST_WORD, widths[place]))
    height = max(len(heads) for heads, _ in columns)
    heads = [[""] * (height - len(heads)) + heads for heads, _ in columns]
    for line in zip(*heads, strict=True):
        yield from ((text, True) for text in _row(line, widths, words))
    yield " ".join("-" * width for width in widths), True
    for line in zip(*(cells for _, cells in columns), strict=True):
        yield from ((text, False) for text in _row(line, widths, words))


def _row(line: Sequence[str], widths: Sequence[int], words: Sequence[bool]) -> Iterator[str]:
    """A row as lines: several, if there are more words than fit. The figures stand in the last."""
    parts = [
        wrap(cell, width, subsequent_indent="  ") if _length(cell) > width else [cell]
        for cell, width in zip(line, widths, strict=True)
    ]
    height = max(map(len, parts))
    for place, is_word in enumerate(words):
        empty = [""] * (height - len(parts[place]))
        parts[place] = parts[place] + empty if is_word else empty + parts[place]
    for cells in zip(*parts, strict=True):
        spaces = [" " * (width - _length(cell)) for cell, width in zip(cells, widths, strict=True)]
        texts = [c + s if is_word else s + c for c, s, is_word in zip(cells, spaces, words, strict=True)]
        yield " ".join(texts).rstrip()


def _shrunk(bars: Sequence[str], room: int) -> list[str]:
    """The bars in proportion, none of them longer than `room`; what was something stays something."""
    longest = max(map(len, bars), default=0)
    if longest <= room:
        return list(bars)
    return [bar[: max(round(len(bar) * room / longest), int(bool(bar)))] for bar in bars]


def _width(columns: Sequence[_Column]) -> int:
    return sum(map(_column_width, columns)) + len(columns) - 1


def _column_width(column: _Column) -> int:
    heads, cells = column
    return max(map(_length, (*heads, *cells)), default=0)


def _length(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _break(heading: str) -> list[str]:
    parts: list[str] = []
    for word in heading.replace("_", "_ ").split():
        # Words that stay short together share a line; long ones are cut, which happens to hyphenate ours well.
        cut = [word] if len(word) <= 9 else [word[:-5] + "-", word[-5:]]
        if parts and parts[-1].endswith("_") and len(parts[-1]) + len(cut[0]) <= 7:
            parts[-1] += cut.pop(0)
        parts += cut
    return parts
