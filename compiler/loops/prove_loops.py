"""Prove loops: the proof that a program of loop nests is the graph it came from.

The program is carried out on the nodes of the graph: memory holds node numbers, and each operation must be an operation
of the graph on exactly these nodes. If every result ends where it belongs, the loops, unrolled, are the graph,
operation for operation, whatever the numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..errors import ProofError
from ..ir.graph import Graph
from ..ir.ops import ADD, CONST, EQUAL, GATHER, INDEX, INPUT, MUL, OPS, POW, SELECT
from .layout import Layout
from .loop_ir import LoopProgram, Span
from .run_loops import addresses_of_places, run_program

__all__ = ["NodeDomain", "prove_loops"]


class NodeDomain:
    """Memory holds node numbers; `unset` where nothing has been assigned, `zero` where a zero has.

    These two count on behind the nodes. So no sum or product of theirs has the key of an operation of the graph.

    Args:
        graph: whose nodes they are.
        program: that is to be carried out.
        inputs: of each input number, its address.
    """

    def __init__(self, graph: Graph, program: LoopProgram, layout: Layout, inputs: Sequence[int]) -> None:
        self.graph = graph
        self.layout = layout
        self.places = addresses_of_places(program, layout)
        self.unset, self.zero = len(graph), len(graph) + 1
        self.memory = [self.unset] * layout.size
        self.known: dict[object, int] = {}
        # By number of the index, the addresses of inputs that it chooses from.
        self.tables: dict[int, list[tuple[list[int], int]]] = {}
        self.scatters: list[tuple[int, int, int, int]] = []
        # Sums and products, by operation and operands as one number: most nodes are of these.
        self.pairs: dict[int, int] = {}
        size = self.size = len(graph) + 2
        commutative = [row.commutative for row in OPS]
        rows = zip(graph.op, graph.all_operands(), graph.attribute, strict=True)
        for node, (op, operands, attribute) in enumerate(rows):
            if commutative[op]:
                a, b = operands
                self.pairs[op * size * size + (a * size + b if a < b else b * size + a)] = node
            elif op == INPUT:
                self.memory[inputs[attribute]] = node
            elif op == CONST:
                self.known[graph.constants[attribute].hex()] = node
            elif op == INDEX:
                continue
            elif op == GATHER:
                table, index = graph.tables[attribute], graph.attribute[operands[0]]
                self.known["row", inputs[table.base], table.stride, index] = node
                addresses = [inputs[table.base + table.stride * number] for number in range(table.count)]
                self.tables.setdefault(index, []).append((addresses, node))
            elif op == SELECT:
                self.known["select", graph.attribute[operands[0]], operands[1:]] = node
            elif op == EQUAL:
                self.known["equal", graph.attribute[operands[0]], attribute] = node
            else:
                self.known[(op, *operands)] = node

        for address, text in layout.constants.items():
            self.memory[address] = self.known.get(text, self.unset)

    def clear(self, spans: Iterable[Span]) -> None:
        """Sets memory to zero, as a program does before its nests."""
        for span in spans:
            start = self.layout.start(span.array) + span.start
            if start < 0 or start + span.size > len(self.memory):
                raise ProofError(f"zeros from {start} to {start + span.size} do not lie in memory")
            self.memory[start : start + span.size] = [self.zero] * span.size

    def _node(self, key: object) -> int:
        node = self.known.get(key)
        if node is None:
            raise ProofError(f"the loops compute {key}, which is not an operation of {self.graph.name}")
        return node

    def row(self, base: int, stride: int, index: int) -> int:
        known = self.known.get(("row", base, stride, index))
        if known is not None:
            return known
        for key, node in self.known.items():
            if isinstance(key, tuple) and key[:2] == ("select", index):
                values = key[2]
                if base + stride * (len(values) - 1) >= 0 and all(
                    self.memory[base + stride * place] == value for place, value in enumerate(values)
                ):
                    return node
        raise ProofError(f"the loops choose from evenly spaced values in a way that {self.graph.name} does not")

    def pick(self, start: int, index: int) -> int:
        for addresses, node in self.tables.get(index, ()):
            if self.places[start : start + len(addresses)] == addresses:
                return node
        for key, node in self.known.items():
            if isinstance(key, tuple) and key[:2] == ("select", index):
                values = key[2]
                chosen = self.places[start : start + len(values)]
                if [self.memory[address] for address in chosen] == list(values):
                    return node
        raise ProofError(f"the loops choose from values in a way that {self.graph.name} does not")

    def const(self, text: str) -> int:
        return self._node(text)

    def equal(self, index: int, number: int) -> int:
        return self._node(("equal", index, number))

    def apply(self, op: int, operands: list[int]) -> int:
        if OPS[op].commutative:
            a, b = sorted(operands)
            node = self.pairs.get((op * self.size + a) * self.size + b, -1)
            return node if node >= 0 else self._node((op, a, b))
        return self._node((op, *operands))

    def add_products(
        self, op: int, total: int | None, a: int, a_step: int, b: int, b_step: int, count: int
    ) -> int | None:
        memory, pairs, size = self.memory, self.pairs, self.size
        products, sums = MUL * size * size, op * size * size
        for _ in range(count):
            x, y = memory[a], memory[b]
            value = pairs.get(products + (x * size + y if x < y else y * size + x), -1)
            if total is None or value < 0:
                total = value
            elif op == ADD:
                total = pairs.get(sums + (total * size + value if total < value else value * size + total), -1)
            else:
                total = self.apply(op, [total, value])
            if total < 0:
                raise ProofError(f"the loops multiply or add what {self.graph.name} does not: %{x} and %{y}")
            a += a_step
            b += b_step
        return total

    def add_to_row(self, base: int, stride: int, index: int, value: int) -> None:
        self.scatters.append((base, stride, index, value))


def prove_loops(
    program: LoopProgram,
    graph: Graph,
    layout: Layout,
    inputs: Sequence[int],
    outputs: Mapping[str, int],
    before: LoopProgram | None = None,
) -> None:
    """Checks that the loops, unrolled, are the graph. The graph must have no equal nodes (see `cse`).

    Args:
        inputs: of each input number, its address.
        outputs: by name, where the results are to be found.
        before: a program that has run before, such as one that makes copies of arguments.

    Raises:
        ProofError: naming the first operation or result that differs.
    """
    domain = NodeDomain(graph, program, layout, inputs)
    for node, code in enumerate(graph.op):
        if code == POW and graph.op[graph.operands(node)[1]] != CONST:
            raise ProofError("the exponent is not a constant")
    adds = [nest.adds for nest in program.nests]
    if adds != sorted(adds):
        raise ProofError(f"the loops of {graph.name} assign after they have begun to add to rows")
    try:
        if before is not None:
            run_program(before, domain)
        domain.clear(program.zeros)
        run_program(program, domain)
    except IndexError as error:
        raise ProofError(f"the loops of {graph.name} reach beyond memory, the index or the places") from error
    scatters = sum(len(output.scatters) for output in graph.outputs)
    if len(domain.scatters) != scatters:
        raise ProofError(f"the loops add {len(domain.scatters)} times to rows, {graph.name} {scatters} times")
    for output in graph.outputs:
        start = outputs[output.name]
        for offset, node in enumerate(output.nodes):
            held = domain.memory[start + offset]
            if held != (node if node >= 0 else domain.zero):
                raise ProofError(
                    f"{output.name}[{offset}] of {graph.name} is %{held} instead of %{node} after the loops"
                )
        expected = [
            (start + scatter.table.base, scatter.table.stride, graph.attribute[scatter.index], scatter.node)
            for scatter in output.scatters
        ]
        if [entry for entry in domain.scatters if start <= entry[0] < start + len(output.nodes)] != expected:
            raise ProofError(f"the loops add to {output.name} of {graph.name} in another order than the graph")
