"""The stages of the compiler as text: what `show --stage` prints and `compile --dump` writes.

Graphs have a text form of their own (`compiler/ir/text.py`). The products behind them have none, because nothing reads
them back; they are written here to be read, with the names that the generated code uses.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ...compiler.ir.graph import Graph
from ...compiler.ir.names import value_names
from ...compiler.ir.ops import OPS
from ...compiler.ir.text import format_graph
from ...compiler.pipeline import GRAPH_STAGES, PYTHON_STAGES, Observer, Stage, compile_python
from ...compiler.python.allocate import Layout
from ...compiler.python.coarse import Block
from ...compiler.python.form_statements import Statements
from ...compiler.python.schedule import Schedule
from ..subject.subject import Subject

__all__ = [
    "GRAPHS",
    "PANES",
    "SIZES",
    "all_names",
    "describe",
    "describe_lines",
    "file_name",
    "graph_names",
    "stage_names",
    "stage_product",
]

WIDTH = 116

# The stages whose product is a graph.
GRAPHS = ("trace", *(stage.__name__ for stage in GRAPH_STAGES))

# What is made behind the graph, by the function that makes it, as the panes of a `Chain` are called.
PANES = {
    "emit_python": "python",
    "emit_python_map": "python",
    "form_loops": "loops",
    "emit_c": "c",
    "emit_straight_c": "straight",
    "assembly": "assembly",
}

# The program over named sizes.
SIZES = "sizes"


class _Found(Exception):  # noqa: N818 - a signal, no error
    """Ends a compilation at the stage that was asked for."""

    def __init__(self, product: Any) -> None:
        self.product = product


def graph_names(subject: Subject) -> list[str]:
    """Those whose product is a graph, in order."""
    return [name for name in GRAPHS if name != "differentiate" or subject.gradient is not None]


def stage_names(subject: Subject) -> list[str]:
    """The stages that a program goes through, in order."""
    return graph_names(subject) + [stage.__name__ for stage in PYTHON_STAGES if not subject.mapped]


def all_names(subject: Subject) -> list[str]:
    """The same, and what makes the other texts of the program."""
    names = stage_names(subject)
    other = "emit_python" if subject.mapped else "emit_python_map"
    names += (name for name in PANES if name not in (*names, other))
    return [*names, SIZES] if subject.is_sized else names


def stage_product(subject: Subject, name: str) -> Any:
    """What the stage called `name` makes of a program. Compiles up to there."""

    def watch(stage: Stage) -> None:
        if stage.name == name:
            raise _Found(stage.product)

    try:
        compile_all(subject, watch)
    except _Found as found:
        return found.product
    raise ValueError(f"there is no stage {name!r} in {subject.title}")


def compile_all(subject: Subject, observe: Observer) -> None:
    """Runs every stage of a program."""
    graph = subject.compile(observe)
    if not subject.mapped:
        compile_python(graph, observe)


def file_name(number: int, stage: Stage) -> str:
    """The file that a dump keeps a stage in: ``05_dce.txt``."""
    return f"{number:02d}_{stage.name}.{'py' if isinstance(stage.product, str) else 'txt'}"


def describe(product: Any) -> str:
    """The text of a stage's product; ends with a newline."""
    if isinstance(product, Graph):
        return format_graph(product)
    if isinstance(product, str):
        return product
    return "\n".join(text for text, _ in describe_lines(product)) + "\n"


# A line, and the nodes (roots of statements) that it speaks of.
Described = tuple[str, Sequence[int]]


def describe_lines(product: Any) -> Iterator[Described]:
    """The lines of that text for `Statements`, a `Schedule` or a `Layout`."""
    if isinstance(product, Statements):
        return _statements(product)
    if isinstance(product, Schedule):
        return _schedule(product)
    assert isinstance(product, Layout)
    return _layout(product)


def _statements(statements: Statements) -> Iterator[Described]:
    graph, names = statements.graph, value_names(statements.graph, statements.roots)
    yield f"statements {graph.name}: {len(graph)} operations in {len(statements.roots)} statements", ()
    yield "A line each: name, last operation, how many operations, where it is from, the statements it uses.", ()
    yield "", ()
    for statement, root in enumerate(statements.roots):
        count = len(statements.bodies[statement])
        head = f"{names[root]} = %{root} {OPS[graph.op[root]].name}, {count} operation{'s' * (count != 1)}"
        yield f"{head:<56} ; {graph.origins[graph.origin[root]]}", (root,)
        for text in _wrapped("<- ", (names[node] for node in statements.operands[statement])):
            yield text, (root,)


def _schedule(schedule: Schedule) -> Iterator[Described]:
    statements = schedule.statements
    names = value_names(statements.graph, statements.roots)
    numbers = {id(schedule.coarse.nodes[number]["block"]): number for number in schedule.coarse}
    edges = schedule.coarse.number_of_edges()
    yield f"schedule {statements.graph.name}: {len(schedule.blocks)} blocks, {edges} edges between them", ()
    yield (
        "A block each: its statements in the order in which they run. Behind <- stand the blocks that it waits for.",
        (),
    )
    for block, order in zip(schedule.blocks, schedule.order, strict=True):
        number = numbers[id(block)]
        roots = [statements.roots[statement] for statement in order]
        yield "", ()
        counts = f"{len(order)} statements, {block.operations} operations"
        yield f"block {number}: {_title(block)}; level {block.level}, {counts}", roots
        givers = sorted(schedule.coarse.pred[number].items())
        for text in _wrapped("<- ", (f"block {giver} ({edge['values']} values)" for giver, edge in givers), ", "):
            yield text, roots
        yield from _wrapped_nodes("", roots, [names[root] for root in roots])


def _layout(layout: Layout) -> Iterator[Described]:
    statements = layout.schedule.statements
    names, slots = value_names(statements.graph, statements.roots), layout.slots
    yield f"layout {statements.graph.name}: {len(layout.functions)} functions, {layout.memory} slots of memory", ()
    yield f"{len(slots)} of {len(statements.roots)} values pass between functions; the others are local variables.", ()
    for number, function in enumerate(layout.functions):
        roots = [statements.roots[statement] for _, members in function.parts for statement in members]
        yield "", ()
        yield f"function {number}: {len(roots)} statements", roots
        for block, members in function.parts:
            own = [statements.roots[statement] for statement in members]
            yield f"    {_title(block)}: {len(members)} statements", own
        yield from _slots("loads", function.loads, names, slots)
        yield from _slots("stores", function.stores, names, slots)
    yield "", ()
    yield "finish", layout.final_loads
    yield from _slots("loads", layout.final_loads, names, slots)


def _slots(what: str, nodes: Sequence[int], names: dict[int, str], slots: dict[int, int]) -> Iterator[Described]:
    return _wrapped_nodes(f"{what} {len(nodes)}: ", nodes, [f"{names[node]}@{slots[node]}" for node in nodes])


def _wrapped_nodes(label: str, nodes: Sequence[int], words: Sequence[str]) -> Iterator[Described]:
    """Wrapped words, a word for each of `nodes`."""
    at = 0
    for place, text in enumerate(_wrapped(label, words)):
        count = len(text.split()) - (len(label.split()) if place == 0 else 0)
        yield text, nodes[at : at + count]
        at += count


def _title(block: Block) -> str:
    return f"{block.role or 'top'} {'backward' if block.backward else 'forward'}"


def _wrapped(label: str, words: Iterable[str], separator: str = " ") -> list[str]:
    text = label + separator.join(words)
    if text == label:
        return []
    # Names are never broken, so that each can be found.
    return textwrap.wrap(
        text, WIDTH, initial_indent="    ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
