"""What mutations do to the products of stages: a graph, statements, a schedule, memory slots, a text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from microgpt.compiler.ir.graph import Graph, Output
from microgpt.compiler.ir.ops import ADD, CONST, MUL, POW
from microgpt.compiler.passes.dce import needed_nodes
from microgpt.compiler.python.allocate import Layout
from microgpt.compiler.python.form_statements import Statements
from microgpt.compiler.python.schedule import Schedule


def nodes_of(graph: Graph, op: int, backward: bool | None = None) -> list[int]:
    """Those that an output needs, forward or backward or both."""
    needed = needed_nodes(graph)
    return [
        n for n, code in enumerate(graph.op) if code == op and needed[n] and backward in (None, graph.is_backward(n))
    ]


def other_operation(graph: Graph) -> Graph:
    """A product becomes a sum."""
    op = graph.op[:]
    op[nodes_of(graph, MUL)[-1]] = ADD
    return replace(graph, op=op)


def other_operand(graph: Graph, node: int, place: int, operand: int) -> Graph:
    flat = graph.flat[:]
    flat[graph.starts[node] + place] = operand
    return replace(graph, flat=flat)


def shifted_operand(graph: Graph) -> Graph:
    for node in nodes_of(graph, MUL)[1:]:
        first, _ = graph.operands(node)
        if first > 0 and graph.op[first] == graph.op[first - 1]:
            return other_operand(graph, node, 0, first - 1)
    raise LookupError("there is no such product")


def wrong_constant(graph: Graph) -> Graph:
    place = next(place for place, number in enumerate(graph.constants) if number not in (0.0, 1.0, -1.0))
    constants = list(graph.constants)
    constants[place] *= 1.0000000001
    return replace(graph, constants=tuple(constants))


def exchanged_terms(graph: Graph, backward: bool | None = None) -> Graph:
    """``(x + y) + z`` becomes ``(x + z) + y``: the same terms in another order."""
    # The last one: the first sums of a gradient have terms that a choice has made zero.
    for node in reversed(nodes_of(graph, ADD, backward)):
        inner, last = graph.operands(node)
        if graph.op[inner] == ADD and last < inner:
            terms = graph.operands(inner)
            if CONST not in (graph.op[last], *(graph.op[term] for term in terms)):
                return other_operand(other_operand(graph, node, 1, terms[1]), inner, 1, last)
    raise LookupError("there is no such sum")


def operand_for_operation(graph: Graph) -> Graph:
    """A power is taken of an operand of what it should be taken of."""
    for node in nodes_of(graph, POW):
        base, _ = graph.operands(node)
        if graph.op[base] in (ADD, MUL):
            return other_operand(graph, node, 0, graph.operands(base)[0])
    raise LookupError("there is no such power")


def swapped_outputs(graph: Graph) -> Graph:
    *others, last = graph.outputs
    first, second, *rest = last.nodes
    return replace(graph, outputs=(*others, Output(last.name, (second, first, *rest), last.scatters)))


def lost_output(graph: Graph) -> Graph:
    *others, last = graph.outputs
    place = next(place for place, node in enumerate(last.nodes) if node >= 0)
    nodes = (*last.nodes[:place], -1, *last.nodes[place + 1 :])
    return replace(graph, outputs=(*others, Output(last.name, nodes, last.scatters)))


def lost_scatter(graph: Graph) -> Graph:
    outputs = [Output(output.name, output.nodes, output.scatters[1:]) for output in graph.outputs]
    assert outputs != list(graph.outputs)
    return replace(graph, outputs=tuple(outputs))


def unequal_merged(graph: Graph) -> Graph:
    """As if two products were equal that are not."""
    products = nodes_of(graph, MUL)
    user = next(n for n in nodes_of(graph, ADD) if graph.operands(n)[1] in products[1:])
    return other_operand(graph, user, 1, products[products.index(graph.operands(user)[1]) - 1])


def lost_operation(statements: Statements) -> Statements:
    place = next(place for place, body in enumerate(statements.bodies) if len(body) > 1)
    bodies = list(statements.bodies)
    bodies[place] = bodies[place][1:]
    return replace(statements, bodies=bodies)


def other_root(statements: Statements) -> Statements:
    """Two statements give each other's values."""
    pairs = zip(statements.bodies, statements.bodies[1:], strict=False)
    place = next(place for place, (one, two) in enumerate(pairs) if len(one) == len(two) == 1)
    bodies = list(statements.bodies)
    bodies[place], bodies[place + 1] = bodies[place + 1], bodies[place]
    return replace(statements, bodies=bodies)


def late_block(schedule: Schedule) -> Schedule:
    return replace(
        schedule,
        blocks=[*schedule.blocks[1:], schedule.blocks[0]],
        order=[*schedule.order[1:], schedule.order[0]],
    )


def lost_statement(schedule: Schedule) -> Schedule:
    return replace(schedule, order=[*schedule.order[:-1], schedule.order[-1][:-1]])


def one_slot_for_two(layout: Layout) -> Layout:
    function = next(function for function in layout.functions if len(function.stores) > 1)
    slots = dict(layout.slots)
    slots[function.stores[0]] = slots[function.stores[1]]
    return replace(layout, slots=slots)


def lost_store(layout: Layout) -> Layout:
    place = next(place for place, function in enumerate(layout.functions) if function.stores)
    functions = list(layout.functions)
    functions[place] = replace(functions[place], stores=functions[place].stores[1:])
    return replace(layout, functions=functions)


def lost_load(layout: Layout) -> Layout:
    place = next(place for place, function in enumerate(layout.functions) if function.loads)
    functions = list(layout.functions)
    functions[place] = replace(functions[place], loads=functions[place].loads[1:])
    return replace(layout, functions=functions)


def replaced_once(old: str, new: str, at: int = 0) -> Callable[[str], str]:
    def change(text: str) -> str:
        parts = text.split(old)
        assert len(parts) > at + 1, f"{old!r} is not in the text"
        return old.join(parts[: at + 1]) + new + old.join(parts[at + 1 :])

    return change


def without_line(wanted: str) -> Callable[[str], str]:
    """The text without the first line that has `wanted` in it."""

    def change(text: str) -> str:
        lines = text.split("\n")
        del lines[next(place for place, line in enumerate(lines) if wanted in line)]
        return "\n".join(lines)

    return change
