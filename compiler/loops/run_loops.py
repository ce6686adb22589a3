"""Run loops: what a program of loop nests means, and the proof that it is the graph it came from.

`interpret_loops` carries a program out on numbers. `prove_loops` carries it out on the nodes of the graph: memory holds
node numbers, and each operation must be an operation of the graph on exactly these nodes. If every result ends where it
belongs, the loops, unrolled, are the graph, operation for operation, whatever the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import add
from typing import Any, Protocol

from ..errors import ProofError
from ..ir.graph import Graph
from ..ir.ops import ADD, CONST, EQUAL, GATHER, INDEX, INPUT, MUL, OPS, POW, SELECT
from .layout import Layout
from .loop_ir import AddAt, Affine, Const, Equal, Expr, Fold, Gather, Load, LoopProgram, Nest, Op, Pick, Run, Span

__all__ = ["NodeDomain", "carry_out", "interpret_loops", "prove_loops"]

# Carries out a part of a nest whose numbers at this point are given.
_Action = Callable[[Sequence[int]], Any]


class Domain(Protocol):
    """What memory holds and what operations do to it."""

    memory: list[Any]
    layout: Layout

    def row(self, base: int, stride: int, index: int) -> Any: ...
    def pick(self, start: int, index: int) -> Any: ...
    def const(self, text: str) -> Any: ...
    def equal(self, index: int, number: int) -> Any: ...
    def apply(self, op: int, operands: list[Any]) -> Any: ...
    def add_products(self, op: int, total: Any, a: int, a_step: int, b: int, b_step: int, count: int) -> Any: ...
    def add_to_row(self, base: int, stride: int, index: int, value: Any) -> None: ...


def _run(program: LoopProgram, domain: Domain) -> None:
    for nest in program.nests:
        for _ in carry_out(nest, domain):
            pass


def carry_out(nest: Nest, domain: Domain) -> Iterator[Any]:
    """Carries out a nest, point by point; yields what each point has computed.

    It is stored at the end: points may run in any order, and several at once, so none may read what another assigns.
    """
    return _Code(nest, domain).carry_out()


class _Code:
    """A nest that is ready to run: each affine number in it is one of a vector, which moves from point to point."""

    def __init__(self, nest: Nest, domain: Domain) -> None:
        self.nest, self.domain, self.layout = nest, domain, domain.layout
        self.depth = len(nest.loops)
        self.numbers: list[Affine] = []
        self.address = self._number(self.layout.address(nest.body.array, nest.body.index))
        if isinstance(nest.body, AddAt):
            self.stride = nest.body.array.flat_stride(nest.body.stride)
            self.chosen = self._number(nest.body.chosen)
        self.value = self._expr(nest.body.value)
        self.trips = [self._number(loop.trips) for loop in nest.loops]

    def _number(self, affine: Affine) -> int:
        self.numbers.append(affine)
        return len(self.numbers) - 1

    def carry_out(self) -> Iterator[Any]:
        """Carries it out, see `carry_out`."""
        domain, address, value = self.domain, self.address, self.value
        stored: list[tuple[int, Any]] = []
        adds = isinstance(self.nest.body, AddAt)
        for point in self._points():
            if min(point) < 0:  # Python would count it from the end of memory
                raise ProofError(f"a nest has the number {min(point)} among {point}")
            result = value(point)
            if adds:
                domain.add_to_row(point[address], self.stride, point[self.chosen], result)
            else:
                stored.append((point[address], result))
            yield result
        for at, result in stored:
            domain.memory[at] = result

    def _points(self) -> Iterator[tuple[int, ...]]:
        """The numbers at every point, outermost loop slowest."""
        steps = [tuple(_step(number, level) for number in self.numbers) for level in range(self.depth)]
        trips, depth = self.trips, self.depth
        stack = [(0, tuple(number.start for number in self.numbers), 0)]
        while stack:
            level, current, turn = stack.pop()
            if level == depth:
                yield current
            elif turn < current[trips[level]]:
                stack.append((level, tuple(map(add, current, steps[level])), turn + 1))
                stack.append((level + 1, current, 0))

    def _expr(self, expr: Expr) -> _Action:
        domain = self.domain
        memory = domain.memory
        match expr:
            case Load():
                place = self._number(self.layout.address(expr.array, expr.index))
                return lambda point: memory[point[place]]
            case Gather():
                place = self._number(self.layout.address(expr.array, expr.index))
                stride, chosen = expr.array.flat_stride(expr.stride), self._number(expr.chosen)
                return lambda point: domain.row(point[place], stride, point[chosen])
            case Const():
                text = expr.text
                return lambda point: domain.const(text)
            case Pick():
                start, chosen = self._number(expr.start), self._number(expr.chosen)
                return lambda point: domain.pick(point[start], point[chosen])
            case Equal():
                chosen, number = self._number(expr.chosen), self._number(expr.number)
                return lambda point: domain.equal(point[chosen], point[number])
            case Fold():
                return self._fold(expr)
            case Op():
                operands, op = [self._expr(part) for part in expr.operands], expr.op
                return lambda point: domain.apply(op, [operand(point) for operand in operands])

    def _fold(self, fold: Fold) -> _Action:
        runs = [self._run(fold.op, run, self.depth) for run in fold.runs]

        def action(point: Sequence[int]) -> Any:
            total = None
            for run in runs:
                total = run(point, total)
            return total

        return action

    def _term(self, op: int, expr: Expr) -> Callable[[Sequence[int], Any], Any]:
        term, domain = self._expr(expr), self.domain

        def action(point: Sequence[int], total: Any) -> Any:
            value = term(point)
            return value if total is None else domain.apply(op, [total, value])

        return action

    def _run(self, op: int, run: Run, level: int) -> Callable[[Sequence[int], Any], Any]:
        """What carries out a run and adds it to a total. `level` is its own among the loops and runs around it."""
        domain = self.domain
        count = self._number(run.count)
        first = len(self.numbers)
        parts = [
            self._run(op, part, level + 1) if isinstance(part, Run) else self._term(op, part) for part in run.parts
        ]
        steps = [_step(number, level) for number in self.numbers[first:]]
        moving = [(place, step) for place, step in enumerate(steps, first) if step]
        falling = [(place, step) for place, step in moving if step < 0]
        one = run.parts[0]
        if len(parts) == 1 and isinstance(one, Op) and one.op == MUL and all(isinstance(x, Load) for x in one.operands):
            # Most of all operations are here, so this case has a loop of its own.
            a, b, (a_step, b_step) = first, first + 1, steps

            def products(point: Sequence[int], total: Any) -> Any:
                _check_run(point, point[count], falling)
                return domain.add_products(op, total, point[a], a_step, point[b], b_step, point[count])

            return products

        def action(point: Sequence[int], total: Any) -> Any:
            _check_run(point, point[count], falling)
            current = list(point)
            for _ in range(point[count]):
                for part in parts:
                    total = part(current, total)
                for place, step in moving:
                    current[place] += step
            return total

        return action


def _step(number: Affine, level: int) -> int:
    return number.steps[level] if level < len(number.steps) else 0


def _check_run(point: Sequence[int], count: int, falling: Sequence[tuple[int, int]]) -> None:
    if count < 1 or any(point[place] + step * (count - 1) < 0 for place, step in falling):
        raise ProofError(f"a fold of {count} terms walks from {point} by {falling}")


def _place(program: LoopProgram, layout: Layout) -> list[int]:
    return [layout.address(place.array, place.index).start for place in program.places]


class _Numbers:
    def __init__(self, program: LoopProgram, layout: Layout, memory: list[float], index: Sequence[int]) -> None:
        self.memory, self.layout = memory, layout
        self.index = index
        self.places = _place(program, layout)

    def row(self, base: int, stride: int, index: int) -> float:
        return self.memory[base + stride * self.index[index]]

    def pick(self, start: int, index: int) -> float:
        return self.memory[self.places[start + self.index[index]]]

    def const(self, text: str) -> float:
        return float.fromhex(text)

    def equal(self, index: int, number: int) -> bool:
        return self.index[index] == number

    def apply(self, op: int, operands: list[float]) -> float:
        rule = OPS[op].evaluate
        if rule is None:
            raise ProofError(f"loops cannot carry out {OPS[op].name}")
        return rule(*operands)

    def add_products(
        self, op: int, total: float | None, a: int, a_step: int, b: int, b_step: int, count: int
    ) -> float | None:
        memory = self.memory
        for _ in range(count):
            value = memory[a] * memory[b]
            total = value if total is None else self.apply(op, [total, value])
            a += a_step
            b += b_step
        return total

    def add_to_row(self, base: int, stride: int, index: int, value: float) -> None:
        self.memory[base + stride * self.index[index]] += value


def interpret_loops(
    program: LoopProgram,
    layout: Layout,
    arguments: Mapping[str, Sequence[float]],
    index: Sequence[int] = (),
) -> dict[str, list[float]]:
    """The outputs of the program, by name. Memory that nothing was assigned to holds NaN."""
    memory = [float("nan")] * layout.size
    for address, text in layout.constants.items():
        memory[address] = float.fromhex(text)
    for name, values in arguments.items():
        start, size = layout.arguments[name]
        memory[start : start + size] = values
    for span in program.zeros:
        start = layout.start(span.array) + span.start
        memory[start : start + span.size] = [0.0] * span.size
    _run(program, _Numbers(program, layout, memory, index))
    return {name: memory[start : start + size] for name, (start, size) in layout.outputs.items()}


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
        self.places = _place(program, layout)
        self.unset, self.zero = len(graph), len(graph) + 1
        self.memory = [self.unset] * layout.size
        self.known: dict[object, int] = {}
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
                table = graph.tables[attribute]
                self.known["row", inputs[table.base], table.stride, graph.attribute[operands[0]]] = node
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
            _run(before, domain)
        domain.clear(program.zeros)
        _run(program, domain)
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
