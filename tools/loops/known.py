"""Known: a program of loops with what a small model of the same structure says of each place in it.

The loops of a model of any size are instances of one program over sizes, and so are those of a small one, which are
carried out on the small one's graph. So each place of a statement is known by the operations that it carries out there.
That both programs differ in their numbers alone is checked, as is that the small one carries out its graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ...compiler.errors import ProofError
from ...compiler.ir.graph import Graph
from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import LoopProgram, Nest, turns
from ...compiler.loops.map_numbers import NumberMap
from ...compiler.loops.place import Addressing
from ...compiler.loops.unroll import unroll
from ...compiler.pipeline import Stage
from ..subject.subject import Subject
from .pieces import cut
from .terms import READ, Statement, Taken

__all__ = ["STRUCTURE", "Found", "Known", "Piece", "know"]

# What is left of loops without their numbers.
STRUCTURE = NumberMap(lambda number: 0, lambda text: "", lambda array: array.name)  # type: ignore[arg-type, return-value]


@dataclass(frozen=True)
class Piece:
    """A piece of a nest.

    Attributes:
        nest: the piece.
        owner: the number of the nest that it is cut from.
        statement: its places.
        taken: how often they are carried out.
        nodes: of each place, the nodes of the small graph that are carried out there; none for reads.
        values: the nodes that the piece stores, copies or adds, point by point; -1 for none.
    """

    nest: Nest
    owner: int
    statement: Statement
    taken: Taken
    nodes: Sequence[Sequence[int]]
    values: Sequence[int]


@dataclass(frozen=True)
class Found:
    """Loops, as they were found: without copies of matrices.

    Attributes:
        program: its nests.
        layout: of the memory that they work on.
    """

    program: LoopProgram
    layout: Layout


@dataclass(frozen=True)
class Known:
    """What is known of a program.

    Attributes:
        found: the loops.
        pieces: of its nests.
        traced, graph: of the small model, as it was traced, and clean.
        small: the loops of that.
        where: of the small graph's nodes, where they are in the memory of its loops.
        numbered: how many positions, heads and so on the small model has, and the program.
    """

    found: Found
    pieces: Sequence[Piece]
    traced: Graph
    graph: Graph
    small: Found
    where: Addressing
    numbered: Mapping[str, tuple[int, int]]


def know(subject: Subject) -> Known:
    """What is known of a program whose graph is not made.

    Raises:
        ProofError: if the small one is not like it; a mistake of the compiler.
    """
    small = subject.small_one()
    stages: list[Stage] = []
    graph = small.compile(stages.append)
    found, own = Found(*subject.loops_as_found()), Found(*small.loops_as_found())
    pieces, owners = cut(found.program)
    small_pieces, _ = cut(own.program)
    if STRUCTURE(pieces.nests) != STRUCTURE(small_pieces.nests):
        raise ProofError(f"the loops of {found.program.name} are not like those of {own.program.name}")
    where, nodes, values = _carried_out(small_pieces, graph, own.layout, small.interface(graph))
    statements = [Statement(nest) for nest in pieces.nests]
    taken = [statement.taken() for statement in statements]
    parts = [Piece(*each) for each in zip(pieces.nests, owners, statements, taken, nodes, values, strict=True)]
    for part in parts:
        for number, (term, own_nodes) in enumerate(zip(part.statement.terms, part.nodes, strict=True)):
            if term.op != READ and bool(own_nodes) != bool(part.taken.counts[number]):
                raise ProofError(f"{part.nest.label}: an operation is not carried out at all sizes")
    counts = subject.numbered()
    numbered = {name: (count, counts[name]) for name, count in small.numbered().items()}
    return Known(found, parts, stages[0].product, graph, own, where, numbered)


def _carried_out(
    program: LoopProgram, graph: Graph, layout: Layout, interface: Addressing
) -> tuple[Addressing, list[list[list[int]]], list[Sequence[int]]]:
    """Where the graph's nodes are stored; by piece and term, which are carried out there; and by piece, the values."""
    unrolled = unroll(program, graph, layout, interface.inputs)
    results = {
        interface.outputs[output.name] + offset for output in graph.outputs for offset in range(len(output.nodes))
    }
    at, inside = list(interface.nodes), dict(interface.coordinates)
    found: list[list[list[int]]] = []
    for number, nest in enumerate(program.nests):
        statement = Statement(nest)
        nodes: list[list[int]] = [[] for _ in statement.terms]
        address = layout.address(nest.body.array, nest.body.index)
        for row, point in enumerate(turns(nest), unrolled.first_point[number]):
            own = unrolled.nodes[unrolled.first_node[row] : unrolled.first_node[row + 1]]
            for term, node in zip(statement.carried_out(point), own, strict=True):
                nodes[term].append(node)
            stored = unrolled.values[row]
            if stored >= 0 and not nest.adds and at[stored] < 0:
                at[stored] = address.at(point)
                if at[stored] not in results:
                    inside[stored] = ()
        found.append(nodes)
    return (
        replace(interface, nodes=at, coordinates=inside),
        found,
        [*map(unrolled.values_of, range(len(program.nests)))],
    )
