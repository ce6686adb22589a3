"""Make: the page of one program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

from ...compiler.errors import ProofError
from ...compiler.ir.graph import Graph
from ...compiler.loops.loop_ir import LoopProgram
from ...runtime.machine.toolchain import ToolchainError
from ..checks.function_check import points_near
from ..loops.known import know
from ..provenance import panes
from ..provenance.chain import Chain
from ..provenance.pane import Pane
from ..provenance.ragged import Ragged
from ..subject.function import FunctionSubject
from ..subject.sources import source_files
from ..subject.subject import Subject
from .assemble import assemble
from .collect import Shown, collect
from .joined import joined, starts
from .measure import measure
from .places import places_of
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
# How a program came to be, and what the panes between model and C are: with a graph, and without one.
GRAPH_WORDS = {
    "how": "The compiler records one run of it as a graph of operations, adds the backward pass, tidies up, and writes "
    "the rest as straight-line Python and as loops in C.",
    "ir_note": "the graph, an operation a line",
    "middle": "python",
    "middle_title": "Python",
    "middle_note": "generated, straight-line",
}
PLACES_WORDS = {
    "how": "The compiler has learned the loops of such models from small ones, and writes them at this model's sizes "
    "as C. A graph with an operation for every scalar is not made: an operation here is a place in a loop, and stands "
    "for all that are carried out there, choices by an index included. Its details have the formula of the loop. Which "
    "line it comes from is known from a small model of as many layers.",
    "ir_note": "the places in the loops, and how often each is carried out",
    "middle": "loops",
    "middle_title": "Loops",
    "middle_note": "at the model's sizes",
}


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
    if subject.is_large and values is None and not timed:
        return _large_page(subject, warn)
    chain = Chain(subject)
    sources = source_names(chain.graph, chain.files)
    files = [chain.pane(file) for file in sources]
    made, missing = _panes(
        {"source": lambda: joined(files), **{name: partial(chain.pane, name) for name in ("python", "c", "assembly")}},
        warn,
    )
    if values is None and isinstance(subject, FunctionSubject) and not subject.rows:
        values = partial(at_point, point=points_near(subject, 1)[0])
    shown = values(chain.graph) if values else None
    times = measure(chain, *subject.ordinary_inputs()) if timed else None
    begins = dict(zip(sources, starts(files), strict=True))
    collected = collect(Shown.of_chain(chain), made, missing, begins, shown, times)
    words = {
        "title": subject.title,
        "assembly_note": "what the C compiler makes of it" if "assembly" in made else "",
        "counts": f"{collected.operations:,} operations, {collected.backward:,} of them backward",
        "source_note": f"{', '.join(sources)}: operations{', µs' if times else ''} per line",
        "values_note": VALUES if shown else NO_VALUES,
        "texts_label": shown.label if shown else "",
        "time_note": f"Beside it, {times.note}." if times else "",
        **GRAPH_WORDS,
    }
    return assemble(collected.blocks, words)


def _large_page(subject: Subject, warn: Callable[[str], None]) -> str:
    """The page of a program whose graph is not made: of the places in its loops."""
    places = places_of(know(subject), subject)
    graph, program = places.graph, subject.c_alone()
    files = source_files(graph)
    sources = source_names(graph, files)
    own = [panes.source_pane(graph, file, files[file]) for file in sources]
    nodes, size = _with_copies(places.nodes_of_nest, program.program), len(graph)
    made, missing = _panes(
        {
            "source": lambda: joined(own),
            "loops": lambda: panes.loops_pane(program.program, nodes, size),
            "c": lambda: panes.c_pane(program, nodes, size),
            "assembly": lambda: panes.assembly_pane(program, nodes, size),
        },
        warn,
    )
    collected = collect(Shown.of_places(places), made, missing, dict(zip(sources, starts(own), strict=True)))
    words = {
        "title": subject.title,
        "assembly_note": "what the C compiler makes of it" if "assembly" in made else "",
        "counts": f"{collected.operations:,} operations, {collected.backward:,} of them backward, in "
        f"{len(places.statements)} loops",
        "source_note": f"{', '.join(sources)}: operations per line",
        "values_note": "",
        "texts_label": "",
        "time_note": "",
        **PLACES_WORDS,
    }
    return assemble(collected.blocks, words)


def _with_copies(nodes_of_nest: Ragged, program: LoopProgram) -> Ragged:
    """What the nests of a program carry out, with nothing for those that copy a matrix.

    Raises:
        ProofError: if there are other nests beside those; a mistake of the compiler.
    """
    copies = [nest.body.array.space == "copy" for nest in program.nests]
    if copies.count(False) != len(nodes_of_nest):
        raise ProofError(f"{program.name} has {copies.count(False)} loops that compute, and not {len(nodes_of_nest)}")
    own = iter(nodes_of_nest)
    return Ragged.of(() if is_copy else next(own) for is_copy in copies)


def source_names(graph: Graph, files: Mapping[str, str]) -> list[str]:
    """The source files, the one that most operations come from first."""
    counts = Counter(graph.origins[number].file for number in graph.origin)
    return sorted(files, key=lambda file: (-counts[file], file))


def _panes(
    make: Mapping[str, Callable[[], Pane]], warn: Callable[[str], None]
) -> tuple[dict[str, Pane], dict[str, str]]:
    """The listings; without a C compiler, there is no assembly, and why."""
    made, missing = {}, {}
    for name, pane in make.items():
        try:
            made[name] = pane()
        except ToolchainError as error:
            missing[name] = f"There was no C compiler when this page was made, so there is no {name}."
            warn(f"the page has no {name}: {str(error).partition(chr(10))[0]}")
    return made, missing
