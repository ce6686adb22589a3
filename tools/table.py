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
    if width is not None and words[0]:
        # Words may take several lines, so that the figures beside them have their place.
        widths[0] = min(widths[0], max(LEAST_WORD, width - sum(widths[1:]) - len(columns) + 1))
    height = max(len(heads) for heads, _ in columns)
    heads = [[""] * (height - len(heads)) + heads for heads, _ in columns]
    rule = ["-" * width for width in widths]
    for number, line in enumerate((*zip(*heads, strict=True), rule)):
        for part in _broken(line, widths[0], words[0]):
            yield _joined(part, widths, words), number < height
    for line in zip(*(cells for _, cells in columns), strict=True):
        for part in _broken(line, widths[0], words[0]):
            yield _joined(part, widths, words), False


def _broken(line: Sequence[str], width: int, words: bool) -> Iterator[Sequence[str]]:
    """A row as lines, if its first cell has more words than fit; the figures stand in the last of them."""
    if not words or _length(line[0]) <= width:
        yield line
        return
    *before, last = wrap(line[0], width, subsequent_indent="  ") or [""]
    yield from ([part] + [""] * (len(line) - 1) for part in before)
    yield [last, *line[1:]]


def _joined(line: Sequence[str], widths: Sequence[int], words: Sequence[bool]) -> str:
    cells = []
    for cell, width, is_word in zip(line, widths, words, strict=True):
        space = " " * (width - _length(cell))
        cells.append(cell + space if is_word else space + cell)
    return " ".join(cells).rstrip()


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
