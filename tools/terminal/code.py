"""Code on the terminal: coloured by language; plain lines in a pipe."""

from __future__ import annotations

import sys
from typing import Any

from ..text.document import Code

__all__ = ["print_code"]

# Lines that are coloured at a time: the first ones appear at once, also of a program of a hundred thousand.
CHUNK = 200

_LEXERS = {"python": "python", "c": "c", "assembly": "gas", "diff": "diff"}


def print_code(code: Code) -> None:
    """Prints code."""
    if not sys.stdout.isatty():
        sys.stdout.write("".join(f"{line}\n" for line in code.text()))
        return
    lines, numbers, indent = code.lines, code.numbers, code.indent
    width = max((len(str(number)) for number in numbers), default=0)
    heads = [f"{indent}{number:>{width}}  " for number in numbers] or [indent] * len(lines)
    from rich.console import Console
    from rich.text import Text

    terminal, highlight = Console(), _highlighter(code.language)
    for start in range(0, len(lines), CHUNK):
        coloured = highlight("\n".join(lines[start : start + CHUNK]))
        if numbers or indent:
            own = zip(heads[start : start + CHUNK], coloured.split("\n", allow_blank=True), strict=True)
            coloured = Text("\n").join(Text.assemble((head, "dim"), line) for head, line in own)
        # soft_wrap: a line of code is a line, however the terminal breaks it.
        terminal.print(coloured, soft_wrap=True)


def _highlighter(language: str) -> Any:
    if language in _LEXERS:
        from rich.syntax import Syntax

        syntax = Syntax("", _LEXERS[language], theme="ansi_dark")

        def highlight(text: str) -> Any:
            coloured = syntax.highlight(text + "\n")
            coloured.right_crop(1)
            return coloured

        return highlight
    from rich.highlighter import RegexHighlighter
    from rich.text import Text

    class GraphHighlighter(RegexHighlighter):
        highlights = [  # noqa: RUF012
            r"(?m)(?P<dim>;.*)$",
            r"(?P<cyan>%\d+)",
            r"(?P<green>0x[\d.a-f]+p[+-]\d+)",
            r"= (?P<bold>[a-z]+)(?= )",
            r"(?m)^ *(?P<magenta>(graph|input|index|origin|output|scatter|block|function|schedule|layout|statements"
            r"|finish|program|zero|places|nest|step|for)\b)",
        ]

    highlighter = GraphHighlighter()
    return lambda text: highlighter(Text(text))
