"""Listing: a text of a program, or the part of it that belongs to lines, scopes or operations, as a document."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...compiler.c.emit_straight_c import emit_straight_c
from ...compiler.loops.loop_text import program_lines
from ...runtime.executable.estimate import Estimate, check
from ...runtime.machine.assembly import assembly
from ...runtime.machine.find_toolchain import find_toolchain
from ...runtime.machine.toolchain import ToolchainError
from ...runtime.reporting import Report, silent
from ..passes import stages
from ..subject.subject import Subject
from ..text.document import Document
from .ask import ask
from .chain import Chain, Selection
from .interleave import Group, interleave

__all__ = ["BELOW", "Question", "list_program", "pane_of"]

# Lines of each text that stand below a line of the model.
BELOW = 6
_INTERLEAVED = ("dce", "loops", "python", "c", "assembly")
# Made from the whole library of a model.
_OF_LIBRARY = ("loops", "c", "assembly")
_LANGUAGES = {"python": "python", "c": "c", "straight": "c", "assembly": "assembly", "loops": "loops", "sizes": "loops"}
_NOTHING = "no operation that is needed in the end comes from there"


@dataclass(frozen=True)
class Question:
    """What is asked of a program.

    Attributes:
        panes: see `Chain.pane_names`; several only to interleave.
        lines, scopes, operations: see `ask`; nothing for the whole text.
        pattern: a regular expression that lines must have a match of.
        interleave: whether to show, below each line of the model, what has become of it.
        limit: the most lines; of each text, where they are interleaved.
        numbered: whether to number the lines.
        jobs: how many programs to compile at a time.
    """

    panes: Sequence[str]
    lines: Sequence[str] = ()
    scopes: Sequence[str] = ()
    operations: Sequence[str] = ()
    pattern: str | None = None
    interleave: bool = False
    limit: int | None = None
    numbered: bool = False
    jobs: int | None = None

    @property
    def selects(self) -> bool:
        """Whether a part is asked for."""
        return bool(self.lines or self.scopes or self.operations or self.interleave)


def pane_of(subject: Subject, name: str) -> str:
    """The pane of a stage, which people may also call by what it holds: ``python`` for ``emit_python``.

    Raises:
        ValueError: if there is no such stage.
    """
    names = stages.all_names(subject)
    if name not in names and name not in stages.PANES.values():
        raise ValueError(f"there is no stage {name!r}; the stages are {', '.join(names)}")
    return stages.PANES.get(name, name)


def list_program(
    subject: Subject,
    question: Question,
    report: Report = silent,
    expect: Callable[[Estimate | None], None] = check,
) -> Document:
    """The answer.

    Args:
        report: takes what is being compiled.
        expect: is told what making the texts will take; raises if that is too much.

    Raises:
        ValueError: if something asked about is not there.
        ToolchainError: if a C compiler is needed, and there is none.
    """
    expression = re.compile(question.pattern) if question.pattern is not None else None
    if not question.selects:
        (pane,) = question.panes
        text = _text(pane, subject, question.jobs, report, expect)
        chosen = [(place, line) for place, line in enumerate(text, 1) if expression is None or expression.search(line)]
        return _lines(chosen, pane, question)
    if question.interleave:
        expect(subject.page_estimate())
    else:
        of_library = question.panes[0] in _OF_LIBRARY and not subject.is_large
        expect(subject.c_estimate() if of_library else subject.graph_estimate())
    chain = Chain(subject)
    stage = next((pane for pane in question.panes if pane in chain.graphs), "dce")
    found = ask(chain, question.lines, question.scopes, question.operations, stage)
    if question.interleave:
        return _interleaved(found or chain.from_nodes(range(len(chain.graph))), question, expression)
    assert found is not None
    pane = question.panes[0]
    text = chain.pane(pane).lines
    chosen = [(place, text[place - 1]) for place in found.lines(pane)]
    notes = [] if chosen else [_NOTHING]
    chosen = [entry for entry in chosen if expression is None or expression.search(entry[1])]
    document = _lines(chosen, pane, question, len(found.nodes))
    document.notes[:0] = notes
    return document


def _text(
    pane: str, subject: Subject, jobs: int | None, report: Report, expect: Callable[[Estimate | None], None]
) -> Sequence[str]:
    """A whole text."""
    if pane == "c":
        return subject.c_source(report).splitlines()
    if pane == "assembly":
        return assembly(find_toolchain(), subject.c_source(report)).lines
    if pane == "python":
        if subject.is_large:
            expect(subject.graph_estimate())
        return subject.python_source(report, jobs).splitlines()
    if pane == stages.SIZES:
        return list(program_lines(subject.loops_over_sizes()))
    if pane == "loops" and subject.is_large:
        return list(program_lines(subject.loops_alone()[0]))
    expect(subject.c_estimate() if pane == "loops" else subject.graph_estimate())
    if pane == "straight":
        return emit_straight_c(stages.stage_product(subject, "dce"), "run", comments=True).splitlines()
    if pane == "loops":
        return Chain(subject).pane(pane).lines
    return stages.describe(stages.stage_product(subject, pane)).splitlines()


def _lines(chosen: Sequence[tuple[int, str]], pane: str, question: Question, operations: int | None = None) -> Document:
    total = len(chosen)
    shown = chosen[: question.limit]
    listed = [{"line": place, "text": text} for place, text in shown]
    data: dict[str, Any] = {"pane": pane, "total": total, "lines": listed}
    if operations is not None:
        data["operations"] = operations
    document = Document(data=data)
    if not chosen and question.pattern is not None:
        document.notes.append(f"no line contains {question.pattern!r}")
    numbers = [place for place, _ in shown] if question.numbered else []
    document.code([text for _, text in shown], _LANGUAGES.get(pane, "graph"), numbers)
    if total > len(shown):
        document.notes.append(f"{total - len(shown)} more lines")
    return document


def _interleaved(selection: Selection, question: Question, expression: re.Pattern[str] | None) -> Document:
    document = Document()
    panes = list(question.panes)
    if not panes:
        panes = list(_INTERLEAVED)
        try:
            find_toolchain()
        except ToolchainError:
            document.notes.append("there is no assembly: no C compiler can be used; see `microgpt doctor`")
            panes.remove("assembly")
    groups = list(interleave(selection, panes, question.limit or BELOW, expression))
    document.data = {"operations": len(selection.nodes), "groups": [_group(group) for group in groups]}
    for group in groups:
        if document.parts:
            document.gap()
        _add_group(document, group)
    if not groups:
        document.notes.append(_NOTHING)
    return document


def _group(group: Group) -> dict[str, Any]:
    return {
        "file": group.file,
        "line": group.line,
        "text": group.text,
        "direction": "backward" if group.backward else "forward",
        "operations": group.operations,
        "panes": [
            {
                "pane": excerpt.pane,
                "total": excerpt.total,
                "lines": [{"line": place, "text": text} for place, text in excerpt.lines],
            }
            for excerpt in group.excerpts
        ],
    }


def _add_group(document: Document, group: Group) -> None:
    direction = "backward" if group.backward else "forward"
    many = f"{group.operations} operation{'s' * (group.operations != 1)}"
    document.say(f"{group.file}:{group.line} {direction}, {many}", style="bold")
    document.code([group.text], "python", indent="    ")
    for excerpt in group.excerpts:
        document.say(f"  {excerpt.pane}", style="bold cyan")
        numbers = [place for place, _ in excerpt.lines]
        document.code([text for _, text in excerpt.lines], excerpt.language, numbers, "    ")
        if excerpt.total > len(excerpt.lines):
            document.say(f"    ... {excerpt.total - len(excerpt.lines):,} more", style="dim")
