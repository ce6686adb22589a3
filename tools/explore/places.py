"""Places: a program whose graph is not made, as a graph of the places in its loops.

In: what is known of its loops. Out: a `Graph` with an operation for each place of a statement, which stands for all
that are carried out there, and how many these are. A place takes from the places of its own statement, and from the
statements that assign what it reads. Of a fold, an addition takes what it adds, and what other places have added
before.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ...compiler.ir.graph import Graph, Origin, Table, Tensor
from ...compiler.ir.ops import CONST, EQUAL, GATHER, GIVEN, INDEX, INPUT
from ...compiler.loops.loop_ir import Array, Const, Equal, Expr, Gather, Load
from ..drawing.roles import scope_key
from ..drawing.vectors import Vectors, vectors_of_loops
from ..loops.flow import flow
from ..loops.known import STRUCTURE, Known, Piece
from ..loops.terms import READ, Term
from ..provenance.ragged import Ragged
from ..subject.subject import Subject
from .blocks import blocks

__all__ = ["Places", "places_of"]

# What is no value of a statement, but is compared or chosen anew wherever it is needed.
_SPELLED_OUT = (EQUAL, GATHER)


@dataclass(frozen=True)
class Places:
    """Places of statements.

    Attributes:
        graph: a node for each.
        times: how many operations each stands for.
        roots: of each, the one that makes the value of its statement; -1 for leaves.
        names: of those, what their statements assign to.
        nodes_of_nest: by number of a nest, its places.
        statement_of: of each place, the number of its nest; -1 for leaves.
        statements: of each nest, its formula, and the ranges of its variables.
        block_names, block_of_traced: see `blocks`.
    """

    graph: Graph
    times: Sequence[int]
    roots: Sequence[int]
    names: Mapping[int, str]
    nodes_of_nest: Ragged
    statement_of: Sequence[int]
    statements: Sequence[tuple[str, str]]
    block_names: Sequence[str]
    block_of_traced: Sequence[int]


def places_of(known: Known, subject: Subject) -> Places:
    """The places of a program."""
    return _Writer(known, subject).write()


@dataclass
class _Node:
    """A place, while they are collected.

    Attributes:
        small: nodes of the small graph that are carried out there.
    """

    op: int
    nest: int
    attribute: int = 0
    origin: Origin = field(default_factory=lambda: Origin("", "", "", 0, ""))
    operands: list[int] = field(default_factory=list)
    small: list[int] = field(default_factory=list)
    times: int = 0


class _Writer:
    def __init__(self, known: Known, subject: Subject) -> None:
        self.known, self.small, self.name = known, known.graph, known.found.program.name
        self.inputs, self.indices = subject.arguments()
        self.vectors: Vectors = vectors_of_loops(known, subject)
        self.nodes: list[_Node] = []
        self.by_key: dict[object, int] = {}
        self.constants: dict[str, int] = {}
        # Between pieces, since what is read in one layer has been made in that.
        groups = [
            [None if nodes and self.small.op[nodes[0]] in _SPELLED_OUT else number for nodes in piece.nodes]
            for number, piece in enumerate(known.pieces)
        ]
        self.handed = flow(known, groups, self.indices).handed
        # By piece, what makes its value; and by array, the pieces that assign to it.
        self.roots: list[dict[int, None]] = [{} for _ in known.pieces]
        self.assigning: dict[str, list[int]] = defaultdict(list)
        for number, piece in enumerate(known.pieces):
            if not piece.nest.adds:
                self.assigning[_whole(piece.nest.body.array)].append(number)

    def write(self) -> Places:
        for number in range(len(self.known.pieces)):
            self._piece(number)
        nodes, graph = self.nodes, self._graph()
        rows: list[list[int]] = [[] for _ in self.vectors.boxes]
        for number, node in enumerate(nodes):
            if node.nest >= 0 and node.op not in GIVEN:
                rows[node.nest].append(number)
        for number, box_rows in enumerate(rows):
            box_rows += [] if box_rows else self._moved(number)
        made: list[dict[int, None]] = [{} for _ in rows]
        for piece, own in zip(self.known.pieces, self.roots, strict=True):
            made[piece.owner].update(own)
        # Several places make the value of a statement that is not everywhere a sum.
        roots = [
            -1 if node.op in GIVEN else number if number in made[node.nest] else max(made[node.nest], default=number)
            for number, node in enumerate(nodes)
        ]
        names = {
            root: self.vectors.boxes[nodes[root].nest].full_formula.partition(" = ")[0]
            for root in sorted(set(roots))
            if root >= 0
        }
        sources, block_names, block_of_traced = self._sources()
        graph.source[:] = array("i", sources)
        return Places(
            graph,
            [node.times for node in nodes],
            roots,
            names,
            Ragged.of(rows),
            [-1 if node.op in GIVEN else node.nest for node in nodes],
            [(box.full_formula, str(box.facts.get("for", ""))) for box in self.vectors.boxes],
            block_names,
            block_of_traced,
        )

    def _moved(self, nest: int) -> list[int]:
        """Of a nest that copies values, the places that have made them."""
        givers = [giver for giver, user in self.handed if self.known.pieces[user].owner == nest]
        return sorted({root for giver in givers for root in self.roots[giver]})

    def _piece(self, at: int) -> None:
        piece = self.known.pieces[at]
        terms, counts = piece.statement.terms, piece.taken.counts
        givers: dict[int, list[int]] = defaultdict(list)
        for giver, user in piece.taken.edges:
            givers[user].append(giver)
        made: dict[int, list[int]] = {}
        for number, term in enumerate(terms):
            if not counts[number]:
                continue
            if term.op == READ:
                made[number] = self._read(at, term.expr)
            elif isinstance(term.expr, Const) and not term.adds:
                made[number] = [self._constant(piece.owner, term.expr.text)]
            else:
                taken = [] if term.adds else self._chosen(at, term.expr)
                taken += (each for giver in givers[number] for each in made.get(giver, ()))
                own = self._place(piece, number, term)
                made[number] = [own]
                node = self.nodes[own]
                node.times += counts[number]
                node.small += piece.nodes[number]
                # An operation may take one value twice. A sum adds what may be many to what itself has made.
                known = [] if node.operands or term.adds else [each for each in taken if each < own]
                node.operands += known or [
                    each for each in dict.fromkeys(taken) if each < own and each not in node.operands
                ]
        for number in piece.taken.roots:
            if terms[number].op != READ:
                self.roots[at].update(dict.fromkeys(made[number]))

    def _place(self, piece: Piece, number: int, term: Term) -> int:
        """The node of a place: one for what differs in its numbers alone, and comes from the same line."""
        first = piece.nodes[number][0]
        origin = self.small.origins[self.small.origin[first]]
        origin = Origin(scope_key(origin.scope), origin.module, origin.file, origin.line, origin.function)
        op = self.small.op[first]
        key = piece.owner, op, term.adds, STRUCTURE(term.expr), origin, self.small.is_backward(first)
        return self._node(key, _Node(op, piece.owner, origin=origin))

    def _node(self, key: object, node: _Node) -> int:
        known = self.by_key.get(key)
        if known is None:
            known = self.by_key[key] = len(self.nodes)
            self.nodes.append(node)
        return known

    def _constant(self, nest: int, text: str) -> int:
        attribute = self.constants.setdefault(text, len(self.constants))
        return self._node((nest, text), _Node(CONST, nest, attribute))

    def _read(self, at: int, expr: Expr) -> list[int]:
        """What has made the values that are read: places, or an argument."""
        assert isinstance(expr, Load | Gather)
        givers = [giver for giver in self.assigning[_whole(expr.array)] if (giver, at) in self.handed]
        found = [root for giver in givers for root in self.roots[giver]]
        if expr.array.space in ("argument", "state"):
            found += [self._input(tensor) for tensor in [self._tensor(expr.array)] if tensor is not None]
        return found

    def _tensor(self, of: Array) -> Tensor | None:
        """The input that an array holds."""
        layout = self.known.found.layout
        for tensor in self.inputs:
            first = next(each.start for each in self.inputs if each.argument == tensor.argument)
            if layout.arguments[tensor.argument][0] + tensor.start - first == layout.start(of):
                return tensor
        return None

    def _input(self, tensor: Tensor) -> int:
        return self._node(("input", tensor.name), _Node(INPUT, -1, tensor.start))

    def _chosen(self, at: int, expr: Expr) -> list[int]:
        """Of a choice by an index, the index, and what it chooses from."""
        if not isinstance(expr, Equal | Gather):
            return []
        index = next(each for each in reversed(self.indices) if each.start <= expr.chosen.start)
        leaf = self._node(("index", index.name), _Node(INDEX, -1, index.start))
        return [leaf, *(self._read(at, expr) if isinstance(expr, Gather) else [])]

    def _graph(self) -> Graph:
        """The graph; where its nodes come from is found later."""
        nodes = self.nodes
        origins = {node.origin: None for node in nodes}
        places = {origin: number for number, origin in enumerate(origins)}
        tables: list[Table] = []
        starts, flat = array("i", [0]), array("i")
        for node in nodes:
            if node.op == GATHER:
                row = next(nodes[each].attribute for each in node.operands if nodes[each].op == INPUT)
                tables.append(Table(row, 0, 0))
                node.attribute = len(tables) - 1
            flat.extend(node.operands)
            starts.append(len(flat))
        return Graph(
            self.name,
            array("B", (node.op for node in nodes)),
            starts,
            flat,
            array("i", (node.attribute for node in nodes)),
            array("i", (places[node.origin] for node in nodes)),
            array("i", range(len(nodes))),
            tuple(map(float.fromhex, self.constants)),
            tuple(tables),
            tuple(origins),
            tuple(self.inputs),
            tuple(self.indices),
            (),
        )

    def _sources(self) -> tuple[list[int], list[str], list[int]]:
        """Of each place, itself, or complemented the place that it differentiates; and the blocks, see `blocks`."""
        small, nodes = self.small, self.nodes
        block_names, of_traced = blocks(self.known.traced)
        forward: dict[int, int] = {}
        for number, node in enumerate(nodes):
            forward.update((small.source[each], number) for each in node.small if not small.is_backward(each))
        found, block_of = [], []
        extra: list[int] = []
        for number, node in enumerate(nodes):
            traced = [source if source >= 0 else ~source for source in (small.source[each] for each in node.small)]
            block = _most(of_traced[each] for each in traced) if traced else -1
            block_of.append(block)
            if not node.small or not small.is_backward(node.small[0]):
                found.append(number)
                continue
            twin = _most(forward[each] for each in traced if each in forward)
            if twin >= 0 and _most(of_traced[small.source[each]] for each in nodes[twin].small) == block:
                found.append(~twin)
            else:
                extra.append(block)
                found.append(~(len(nodes) + len(extra) - 1))
        return found, block_names, block_of + extra


def _whole(of: Array) -> str:
    return of.of or of.name


def _most(numbers: Iterable[int]) -> int:
    """The one that there are most of; of equally many, the least; -1 if there is none."""
    counts = Counter(numbers)
    return min(counts, key=lambda number: (-counts[number], number), default=-1)
