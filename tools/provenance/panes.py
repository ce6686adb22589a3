"""The panes of a program: each text, with the operations that its lines carry out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...compiler.c.emit_straight_c import straight_lines
from ...compiler.ir.graph import Graph
from ...compiler.ir.ops import EQUAL, GATHER, GIVEN
from ...compiler.ir.text import format_graph
from ...compiler.loops.loop_ir import LoopProgram
from ...compiler.loops.loop_text import program_lines
from ...compiler.python.allocate import Layout
from ...compiler.python.emit_python import python_lines
from ...compiler.python.emit_python_map import python_map_lines
from ...compiler.python.form_statements import Statements
from ..passes import stages
from ..subject.c_program import CProgram
from ..subject.sources import source_lines
from ..subject.subject import Subject
from .pane import Pane
from .ragged import Ragged

__all__ = [
    "assembly_pane",
    "c_pane",
    "first_node_line",
    "graph_pane",
    "loops_pane",
    "nest_nodes",
    "python_pane",
    "python_stage_pane",
    "source_pane",
    "straight_pane",
]


def source_pane(graph: Graph, file: str, module: str) -> Pane:
    """A file of the model; its units are places of the graph's origins."""
    text = source_lines(module, file)
    members: list[list[int]] = [[] for _ in graph.origins]
    for node, origin in enumerate(graph.origin):
        if graph.op[node] not in GIVEN:  # numbers stand where they were first mentioned, which means nothing
            members[origin].append(node)
    last = max([len(text), *(place.line for place in graph.origins if place.file == file)])
    rows: list[list[int]] = [[] for _ in range(last)]
    for number, place in enumerate(graph.origins):
        if place.file == file and members[number]:
            rows[place.line - 1].append(number)
    notes = {line: "nothing was recorded here" for line, row in enumerate(rows) if not row}
    return Pane(file, "python", Ragged.of(rows), Ragged.of(members), len(graph), notes, lambda: text or [""] * last)


def first_node_line(graph: Graph) -> int:
    """The line of a graph's text, counted from 0, on which its first node stands."""
    return 1 + len(graph.inputs) + len(graph.indices) + len(graph.origins)


def graph_pane(name: str, graph: Graph, nodes: Ragged, size: int) -> Pane:
    """A stage's graph; its units are its nodes."""
    head = first_node_line(graph)
    rows: list[Sequence[int]] = [()] * head
    rows += ((node,) for node in range(len(graph)))
    for output in graph.outputs:
        rows.append([node for node in output.nodes if node >= 0])
        rows += ((scatter.node,) for scatter in output.scatters)
    notes = dict.fromkeys(range(head), "what the graph is given, and where it comes from")
    return Pane(name, "graph", Ragged.of(rows), nodes, size, notes, lambda: format_graph(graph).splitlines())


class _StatementUnits:
    """Units for Python: the statements, and behind them the leaves."""

    def __init__(self, statements: Statements) -> None:
        self._statement_of = statements.statement_of
        graph = statements.graph
        self._leaves: dict[int, int] = {}
        for node, statement in enumerate(statements.statement_of):
            if statement < 0:
                self._leaves[node] = len(statements.roots) + len(self._leaves)
        bodies = []
        for body in statements.bodies:
            # A choice by an index is part of every statement that makes it.
            choices = {
                operand for node in body for operand in graph.operands(node) if graph.op[operand] in (GATHER, EQUAL)
            }
            bodies.append([*sorted(choices), *body])
        self.nodes = Ragged.of([*bodies, *([node] for node in self._leaves)])

    def of(self, nodes: Iterable[int]) -> list[int]:
        """The units of roots and leaves."""
        found = (
            self._statement_of[node] if self._statement_of[node] >= 0 else self._leaves[node]
            for node in nodes
            if node >= 0
        )
        return list(dict.fromkeys(found))


def python_stage_pane(name: str, product: object, statements: Statements) -> Pane:
    """What a stage between the graph and the text of the Python makes."""
    units = _StatementUnits(statements)
    lines = list(stages.describe_lines(product))
    rows = [units.of(nodes) for _, nodes in lines]
    notes = {place: "a heading" for place, row in enumerate(rows) if not row}
    size = len(statements.graph)
    return Pane(name, "graph", Ragged.of(rows), units.nodes, size, notes, lambda: [text for text, _ in lines])


def python_pane(subject: Subject, statements: Statements, layout: Layout | None) -> Pane:
    """The Python module of a program."""
    if layout:
        written = python_lines(layout, subject.heading)
    else:
        written = python_map_lines(statements, subject.mapped, subject.heading)
    units = _StatementUnits(statements)
    lines, rows, notes = [], [], {}
    for place, line in enumerate(written):
        lines.append(line.text)
        rows.append(units.of(line.nodes))
        if not rows[-1]:
            notes[place] = f"{line.purpose.value} of the module"
    return Pane("python", "python", Ragged.of(rows), units.nodes, len(statements.graph), notes, lambda: lines)


def straight_pane(graph: Graph) -> Pane:
    """The graph as C, operation by operation."""
    lines = list(straight_lines(graph, "run", comments=True))
    notes = {place: "frame of the file" for place, (_, node) in enumerate(lines) if node < 0}
    units = Ragged.singles(node for _, node in lines)
    # A comparison of an index is spelled out where it is used.
    nodes = Ragged.of(
        [*(operand for operand in graph.operands(node) if graph.op[operand] == EQUAL), node]
        for node in range(len(graph))
    )
    return Pane("straight", "c", units, nodes, len(graph), notes, lambda: [text for text, _ in lines])


def nest_nodes(graph: Graph, program: CProgram) -> Ragged:
    """What each nest carries out. Numbers and inputs that it only mentions are not among it."""
    assert program.unrolled is not None
    rows = []
    for nest in range(len(program.program.nests)):
        own = {node for node in program.unrolled.nodes_of(nest) if graph.op[node] not in GIVEN}
        rows.append(sorted(own or {node for node in program.unrolled.values_of(nest) if node >= 0}))
    return Ragged.of(rows)


def loops_pane(program: LoopProgram, nodes: Ragged, size: int) -> Pane:
    """The loops of a program.

    Args:
        nodes: what each nest carries out.
        size: of the graph that these are nodes of.
    """
    text = list(program_lines(program))
    head = next(place for place, line in enumerate(text) if line.startswith("nest"))
    rows: list[Sequence[int]] = [()] * head
    notes = dict.fromkeys(range(head), "the program's name, its arrays and zeros, and what its choices choose from")
    for number, nest in enumerate(program.nests):
        lines = 2 + len(nest.loops)
        if not nodes[number]:
            notes.update(dict.fromkeys(range(len(rows), len(rows) + lines), "a copy, which computes nothing"))
        rows += [(number,) if nodes[number] else ()] * lines
    return Pane("loops", "loops", Ragged.of(rows), nodes, size, notes, lambda: text)


def c_pane(program: CProgram, nodes: Ragged, size: int) -> Pane:
    """The C library, likewise. Its kernels are shared, so a line may belong to several nests."""
    rows = program.nests_of_lines()
    notes = {line: note for line, note in program.notes().items() if not rows[line]}
    text = program.text
    return Pane("c", "c", Ragged.of(rows), nodes, size, notes, text.splitlines)


def assembly_pane(program: CProgram, nodes: Ragged, size: int) -> Pane:
    """The assembly of the C library, likewise."""
    listing = program.assembly
    of_c, notes_of_c = program.nests_of_lines(), program.notes()
    rows: list[Sequence[int]] = []
    notes: dict[int, str] = {}
    for place, line in enumerate(listing.owner):
        rows.append(of_c[line - 1] if line else ())
        if not rows[-1]:
            notes[place] = notes_of_c.get(line - 1, "data, or for the linker") if line else "data, or for the linker"
    return Pane("assembly", "assembly", Ragged.of(rows), nodes, size, notes, lambda: listing.lines)
