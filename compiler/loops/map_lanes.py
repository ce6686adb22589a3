"""Map lanes: a graph of a few scalars becomes loops that carry it out for every element of its arguments.

In: a graph whose inputs are scalars, and addresses of its arguments: arrays, or single numbers that all lanes share.
Out: a `LoopProgram`. Results may take the place of arguments: a lane reads its own elements only, and each result is
computed after, and then read instead of, what it replaces is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..errors import CompileError
from ..ir.graph import Graph
from ..ir.ops import CONST, INPUT
from .contract import Contractor, Statement, stored_nodes
from .labels import Labels
from .loop_program import LoopProgram, Nest
from .order_groups import reads
from .place import Layout

__all__ = ["map_lanes", "one_lane"]


def map_lanes(
    graph: Graph,
    lanes: int,
    arrays: Mapping[str, int],
    shared: Mapping[str, int],
    results: Mapping[str, int],
    layout: Layout,
) -> LoopProgram:
    """A nest for each stored value of `graph`; what is no result gets an array of `layout`.

    Args:
        lanes: how many elements.
        arrays, shared: by name, addresses of the arguments.
        results: by name, addresses of the outputs.
        layout: takes the constants.

    Raises:
        CompileError: if a result replaces an argument that is still needed.
    """
    stored = stored_nodes(graph)
    address = [-1] * len(graph)
    names = {tensor.start: tensor.argument for tensor in graph.inputs}
    for node, op in enumerate(graph.op):
        if op == INPUT:
            name = names[graph.attribute[node]]
            address[node] = arrays[name] if name in arrays else shared[name]
        elif op == CONST:
            address[node] = layout.constant(graph.constants[graph.attribute[node]].hex())
    copied: list[tuple[int, int]] = []
    for output in graph.outputs:
        node, target = output.nodes[0], results[output.name]
        if address[node] < 0:
            address[node] = target
        elif address[node] != target:  # an argument, a constant, or what is another result, too
            copied.append((node, target))
    for node in range(len(graph)):
        if stored[node] and address[node] < 0:
            address[node] = layout.allot(lanes)
    contractor = Contractor(graph, stored, address, [], [])
    labels = Labels(graph, stored)
    moving = {*arrays.values(), *results.values(), *(at for node, at in enumerate(address) if stored[node])}
    nests: list[Nest] = []

    def add(statement: Statement) -> None:
        strides = tuple(int(slot in moving) for slot in statement.slots)
        nests.append(Nest(statement.recipe, None, (), statement.slots, (strides,), (lanes,), labels.of([statement])))

    written: dict[int, int] = {}
    for node in range(len(graph)):
        if not stored[node]:
            continue
        statement = contractor.statement(node, shortest=1000)
        add(statement)
        read = {slot for addresses in reads(statement) for slot in addresses}
        _check_replaced(graph, node, read, address, written)
        written[address[node]] = node
    for node, target in copied:
        add(contractor.copy(node, target))
    return LoopProgram(graph.name, tuple(nests), (), ())


def one_lane(program: LoopProgram) -> LoopProgram:
    """What a program that `map_lanes` made does for the first element."""
    return replace(program, nests=tuple(replace(nest, trips=(1,)) for nest in program.nests))


def _check_replaced(graph: Graph, node: int, read: set[int], address: list[int], written: dict[int, int]) -> None:
    """What a statement reads must not have been replaced, unless it is the replacement that the graph means."""
    for operand in range(node):
        if address[operand] in read and address[operand] in written and graph.op[operand] == INPUT:
            users = [user for user in range(node + 1) if operand in graph.operands(user)]
            if users and max(users) > written[address[operand]]:
                raise CompileError(f"{graph.name}: a result replaces an argument that is needed after it")
