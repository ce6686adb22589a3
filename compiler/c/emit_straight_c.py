"""Emit straight C: every operation of a graph as a statement of its own, in functions of bounded size.

In: a graph. Out: C to stand behind `prelude`: ``void NAME(const double *x, const int *ix, double *v, double
*out)``. It is for
reading, and a second witness beside the loops: nothing of how they are found goes into it. Large graphs take a C
compiler minutes.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..ir.graph import Graph
from ..ir.ops import CONST, EQUAL, GATHER, INDEX, INPUT, OPS, SELECT, spell
from ..ir.text import format_node
from .print_c import number_text

__all__ = ["emit_straight_c", "straight_lines"]

# Statements in a function. C compilers need time that grows faster than this.
_SIZE = 500


def emit_straight_c(graph: Graph, name: str, comments: bool = False) -> str:
    """The text.

    Args:
        name: of the function. `x` has the inputs, `ix` the indices, `v` room for a number for each node; `out` takes
            the outputs, one after the other.
        comments: whether each statement says where it comes from.
    """
    return "\n".join(text for text, _ in straight_lines(graph, name, comments)) + "\n"


def straight_lines(graph: Graph, name: str, comments: bool = False) -> Iterator[tuple[str, int]]:
    """The lines of that text, each with the node that it computes or puts into an output; -1 for none."""
    lines = list(_statements(graph, comments))
    parts = [lines[start : start + _SIZE] for start in range(0, len(lines), _SIZE)]
    arguments = "const double *x, const int *ix, double *v"
    head = f"void {name}({arguments}, double *out)"
    yield f"{head};", -1
    for number, part in enumerate(parts):
        yield f"static void {name}_{number}({arguments})", -1
        yield "{", -1
        yield "    (void)x, (void)ix, (void)v;", -1
        yield from part
        yield "}", -1
        yield "", -1
    yield head, -1
    yield "{", -1
    for number in range(len(parts)):
        yield f"    {name}_{number}(x, ix, v);", -1
    yield from _results(graph)
    yield "}", -1


def _statements(graph: Graph, comments: bool) -> Iterator[tuple[str, int]]:
    # What a select chooses from is read from `v`, also inputs and constants.
    rows = list(zip(graph.op, graph.all_operands(), graph.attribute, strict=True))
    chosen = {value for op, operands, _ in rows if op == SELECT for value in operands[1:]}
    for node, (op, operands, attribute) in enumerate(rows):
        if op in (INDEX, EQUAL) or (op in (CONST, INPUT) and node not in chosen):
            continue
        if op == GATHER:
            table = graph.tables[attribute]
            text = f"x[{table.base} + {table.stride} * {_operand(graph, operands[0])}]"
        elif op == SELECT:
            text = f"v[(const int[]){{{', '.join(map(str, operands[1:]))}}}[{_operand(graph, operands[0])}]]"
        elif op in (CONST, INPUT):
            text = _operand(graph, node)
        else:
            text = spell(OPS[op].c, [_operand(graph, operand) for operand in operands])
        yield f"    v[{node}] = {text};" + (f" /* {format_node(graph, node)} */" if comments else ""), node


def _operand(graph: Graph, node: int) -> str:
    op, attribute = graph.op[node], graph.attribute[node]
    if op == CONST:
        return number_text(graph.constants[attribute].hex())
    if op == INPUT:
        return f"x[{attribute}]"
    if op == INDEX:
        return f"ix[{attribute}]"
    if op == EQUAL:
        return f"({_operand(graph, graph.operands(node)[0])} == {attribute})"
    return f"v[{node}]"


def _results(graph: Graph) -> Iterator[tuple[str, int]]:
    start = 0
    for output in graph.outputs:
        for offset, node in enumerate(output.nodes):
            yield f"    out[{start + offset}] = {_operand(graph, node) if node >= 0 else '0.0'};", node
        for scatter in output.scatters:
            table = scatter.table
            place = f"{start + table.base} + {table.stride} * {_operand(graph, scatter.index)}"
            yield f"    out[{place}] += {_operand(graph, scatter.node)};", scatter.node
        start += len(output.nodes)
