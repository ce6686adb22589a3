"""What a command line can ask a chain for: ``gpt.py:148``, a scope, ``%123``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from ..subject.places import role_names
from .chain import Chain, Selection

__all__ = ["QuestionError", "ask"]

_LINE = re.compile(r"(?:(?P<file>.+):)?(?P<first>\d+)(?:-(?P<last>\d+))?", re.ASCII)
_OPERATION = re.compile(r"%?(\d+)", re.ASCII)


class QuestionError(ValueError):
    """What is asked about cannot be read, or is not there.

    Attributes:
        about: ``line``, ``scope`` or ``op``.
    """

    def __init__(self, about: str, problem: str) -> None:
        super().__init__(problem)
        self.about = about


def ask(
    chain: Chain, lines: Sequence[str] = (), scopes: Sequence[str] = (), operations: Sequence[str] = (), stage: str = ""
) -> Selection | None:
    """What belongs to one of the lines, and to one of the scopes, and to one of the operations; None if none is given.

    Args:
        lines: of the model: ``gpt.py:148`` or ``gpt.py:148-150``.
        scopes: see `Chain.from_scope`.
        operations: ``%123``, numbers of nodes of `stage`.

    Raises:
        QuestionError: for what cannot be read, or is not there.
    """
    questions: tuple[tuple[Sequence[str], Callable[[str], Selection]], ...] = (
        (lines, lambda text: _line(chain, text)),
        (scopes, lambda text: _scope(chain, text)),
        (operations, lambda text: _operation(chain, stage, text)),
    )
    found: Selection | None = None
    for texts, answer in questions:
        if texts:
            selection = _either(chain, map(answer, texts))
            found = selection if found is None else _both(found, selection)
    return found


def _either(chain: Chain, selections: Iterable[Selection]) -> Selection:
    nodes: set[int] = set()
    seeds: dict[tuple[str, int], None] = {}
    origins: frozenset[int] = frozenset()
    for selection in selections:
        nodes.update(selection.nodes)
        seeds.update(dict.fromkeys(selection.seeds))
        origins |= selection.origins or frozenset()
    return Selection(chain, tuple(sorted(nodes)), tuple(seeds), origins or None)


def _both(one: Selection, two: Selection) -> Selection:
    other = set(two.nodes)
    origins = None if one.origins is None or two.origins is None else one.origins & two.origins
    return Selection(one.chain, tuple(node for node in one.nodes if node in other), (), origins)


def _line(chain: Chain, text: str) -> Selection:
    match = _LINE.fullmatch(text)
    if match is None:
        example = next(iter(chain.files), "gpt.py")
        raise QuestionError(
            "line", f"{text} is not a line of the model; write for example {example}:7 or {example}:7-9"
        )
    file = match["file"] or (next(iter(chain.files)) if len(chain.files) == 1 else "")
    if file not in chain.files:
        problem = f"not {file}" if file else f"so write for example {next(iter(chain.files), 'gpt.py')}:{text}"
        raise QuestionError("line", f"{text}: this program comes from {', '.join(chain.files)}, {problem}")
    first, last = int(match["first"]), int(match["last"] or match["first"])
    count = len(chain.pane(file).units)
    if not 1 <= first <= last <= count:
        raise QuestionError("line", f"{text}: {file} has lines 1 to {count}")
    return chain.from_source(file, first, last)


def _scope(chain: Chain, text: str) -> Selection:
    selection = chain.from_scope(text)
    if not selection.nodes:
        roles = role_names(chain.graph)
        known = ", ".join(roles[:8]) + (", ..." if len(roles) > 8 else "")
        raise QuestionError("scope", f"{text}: there is no such scope; without their numbers they are {known}")
    return selection


def _operation(chain: Chain, stage: str, text: str) -> Selection:
    match = _OPERATION.fullmatch(text)
    if match is None:
        raise QuestionError("op", f"{text} is not an operation; write for example %123")
    size = len(chain.graphs[stage])
    if int(match[1]) >= size:
        raise QuestionError("op", f"{text}: {stage} has operations %0 to %{size - 1}")
    return chain.from_node(stage, int(match[1]))
