"""Make: the page of one program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from ...compiler.ir.graph import Graph
from ...runtime.machine.toolchain import ToolchainError
from ..checks.function_check import points_near
from ..provenance.chain import Chain
from ..provenance.pane import Pane
from ..subject.function import FunctionSubject
from ..subject.subject import Subject
from .assemble import assemble
from .collect import collect
from .joined import joined
from .measure import measure
from .values import Documents, at_point

__all__ = ["make_page"]


VALUES = (
    "Details show the value of an operation and its gradient for what is chosen above, and which operations the "
    "gradient comes from; each of these can be followed."
)
NO_VALUES = (
    "A page that is made with --values and --text also shows the value of every operation, and where its gradient "
    "comes from."
)


def make_page(
    subject: Subject,
    values: Callable[[Graph], Documents] | None = None,
    timed: bool = False,
    warn: Callable[[str], None] = lambda what: None,
) -> str:
    """The page: HTML. The same input gives the same bytes, unless it is `timed`.

    Args:
        values: of the graph, the inputs whose values the page shows; by default, of a function, its example.
        timed: whether to measure the loops.
        warn: is told what the page has to do without.

    Raises:
        CompileError: if the program cannot be compiled.
        ToolchainError: if it is to be timed and there is no C compiler.
        ValueError: if a text cannot be read.
    """
    chain = Chain(subject)
    sources = source_names(chain)
    panes, missing = _panes(chain, sources, warn)
    if values is None and isinstance(subject, FunctionSubject) and not subject.rows:
        values = partial(at_point, point=points_near(subject, 1)[0])
    shown = values(chain.graph) if values else None
    times = measure(chain, *subject.ordinary_inputs()) if timed else None
    collected = collect(chain, panes, missing, sources, shown, times)
    words = {
        "title": subject.title,
        "counts": f"{collected.operations:,} operations, {collected.backward:,} of them backward",
        "source_note": f"{', '.join(sources)}: operations{', µs' if times else ''} per line",
        "assembly_note": "what the C compiler makes of it" if "assembly" in panes else "",
        "values_note": VALUES if shown else NO_VALUES,
        "texts_label": shown.label if shown else "",
        "time_note": f"Beside it, {times.note}." if times else "",
    }
    return assemble(collected.blocks, words)


def source_names(chain: Chain) -> list[str]:
    """The source files, the one that most operations come from first."""
    origins, files = chain.graph.origins, chain.files
    counts = Counter(origins[number].file for number in chain.graph.origin)
    return sorted(files, key=lambda file: (-counts[file], file))


def _panes(chain: Chain, sources: Sequence[str], warn: Callable[[str], None]) -> tuple[dict[str, Pane], dict[str, str]]:
    files = [chain.pane(file) for file in sources]
    panes = {"source": joined(files), "python": chain.pane("python"), "c": chain.pane("c")}
    missing = {}
    try:
        panes["assembly"] = chain.pane("assembly")
    except ToolchainError as error:
        missing["assembly"] = "There was no C compiler when this page was made, so there is no assembly."
        warn(f"the page has no assembly: {str(error).partition(chr(10))[0]}")
    return panes, missing
