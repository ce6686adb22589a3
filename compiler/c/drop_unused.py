"""Drop from C text the definitions that a program does not use.

In: definitions as the files of the folder ``text`` are written, each from the left margin to its last brace, semicolon
or line; and the program that stands behind them. Out: the same text without the definitions that the program does not
reach, by the names in it. Pragmas, and includes outside of conditionals, stay. A name that is defined in several
branches of a conditional is kept in all of them. A comment, or an include in a conditional, stays with the definitions
below it, up to the next such line or empty line.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

__all__ = ["defined_names", "drop_unused"]

_NAME = re.compile(r"[A-Za-z_]\w*")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_ATTRIBUTE = re.compile(r" ?__attribute__\(\([^;{\n]*?\)\)(?= |;)| UNUSED\b")
_DEFINED = re.compile(
    r"^(?:#(?:define|undef) (\w+)|typedef struct \{.*\} (\w+);|"
    r"(?:typedef|static|INLINE)\b[^(={;\n]*?(\w+)(?= ?[\[(=;]))",
    re.MULTILINE,
)


def defined_names(text: str) -> set[str]:
    """The names that C text defines outside of functions, at the left margin."""
    return {name for names in _DEFINED.findall(_ATTRIBUTE.sub("", text)) for name in names if name}


def drop_unused(text: str, program: str) -> str:
    """The definitions in a text that a program needs.

    Args:
        text: definitions.
        program: what stands behind them.
    """
    block, items = _parsed(text)
    by_name: dict[str, list[_Item]] = defaultdict(list)
    for item in items:
        for name in item.defines:
            by_name[name].append(item)
    kept: set[int] = set()
    seen: set[str] = set()
    names = _names(program)
    todo = [item for item in items if item.stays]
    while names or todo:
        for item in todo:
            kept.add(item.number)
            names |= item.uses
        names -= seen
        seen |= names
        todo = [item for name in names for item in by_name.get(name, ()) if item.number not in kept]
        names = set()
    return "".join(_written(block, kept))


@dataclass(frozen=True)
class _Item:
    """A definition, or a directive that is no conditional.

    Attributes:
        uses: the names in it, and in the conditions that it stands under.
        stays: whether it is needed whatever the program uses.
    """

    number: int
    text: str
    defines: frozenset[str]
    uses: frozenset[str]
    stays: bool


@dataclass
class _Paragraph:
    """What a comment is about.

    Attributes:
        comment: it, with the empty lines before it; or an include.
        parts: definitions; or conditionals, as pairs of a directive and what stands under it.
    """

    comment: str = ""
    parts: list[_Item | list[tuple[str, _Block]]] = field(default_factory=list)


_Block = list[_Paragraph]


def _names(text: str) -> set[str]:
    return set(_NAME.findall(text))


@cache
def _parsed(text: str) -> tuple[_Block, list[_Item]]:
    items: list[_Item] = []
    root: _Block = [_Paragraph()]
    blocks, conditions = [root], [""]
    for piece in _pieces(text.splitlines(keepends=True)):
        block, word = blocks[-1], piece.split(maxsplit=1)[:1]
        if not word or piece.startswith("/*") or (word[0] == "#include" and len(blocks) > 1):
            if block[-1].parts:
                block.append(_Paragraph())
            block[-1].comment += piece
        elif word[0] in ("#if", "#ifdef", "#ifndef"):
            blocks.append([_Paragraph()])
            conditions.append(piece)
            block[-1].parts.append([(piece, blocks[-1])])
        elif word[0] in ("#elif", "#else"):
            blocks[-1] = [_Paragraph()]
            conditions[-1] += piece
            _conditional(blocks[-2]).append((piece, blocks[-1]))
        elif word[0] == "#endif":
            del blocks[-1], conditions[-1]
            _conditional(blocks[-1]).append((piece, []))
        else:
            plain = _COMMENT.sub("", piece)
            uses = frozenset(_names(plain + "".join(conditions)))
            stays = word[0] in ("#pragma", "#include")
            items.append(_Item(len(items), piece, frozenset(defined_names(plain)), uses, stays))
            block[-1].parts.append(items[-1])
    return root, items


def _conditional(block: _Block) -> list[tuple[str, _Block]]:
    last = block[-1].parts[-1]
    assert isinstance(last, list)
    return last


def _pieces(lines: Iterable[str]) -> Iterator[str]:
    """Empty lines, comments, directives, and definitions, each in one piece."""
    piece, depth = "", 0
    for line in lines:
        piece += line
        if piece.startswith("/*"):
            if "*/" not in piece:
                continue
        elif piece.startswith("#"):
            if line.endswith("\\\n"):
                continue
        else:
            plain = _COMMENT.sub("", line)
            depth += sum(map(plain.count, "({")) - sum(map(plain.count, ")}"))
            if depth or (plain.strip() and not plain.rstrip().endswith((";", "}"))):
                continue
        yield piece
        piece = ""
    yield piece


def _written(block: _Block, kept: set[int]) -> Iterator[str]:
    for paragraph in block:
        texts: list[str] = []
        for part in paragraph.parts:
            if isinstance(part, _Item):
                texts += [part.text] * (part.number in kept)
                continue
            branches = [(directive, "".join(_written(inside, kept))) for directive, inside in part]
            if any(text for _, text in branches):
                texts += [directive + text for directive, text in branches]
        if texts:
            yield "".join([paragraph.comment, *texts])
