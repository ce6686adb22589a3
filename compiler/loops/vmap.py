"""Vmap: a graph of a few scalars becomes loops that carry it out for every element of its arguments.

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
from .form_reductions import StatementBuilder
from .labels import Labels
from .layout import Layout
from .loop_ir import Affine, Array, Loop, LoopProgram, Nest, fill
from .name_arrays import name_arrays
from .statement import Statement, reads
from .stored_nodes import stored_nodes

__all__ = ["one_lane", "vmap"]


def vmap(
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
            address[node] = layout.add(Array(layout.unique(f"{graph.name}_value"), (lanes,)))
    builder = StatementBuilder(graph, stored, address, [], layout.region, layout.region, [])
    labels = Labels(graph, stored)
    moving = {*arrays.values(), *results.values(), *(at for node, at in enumerate(address) if stored[node])}
    nests: list[Nest] = []

    def add(statement: Statement) -> None:
        numbers = (Affine(number, (int(number in moving),)) for number in statement.numbers)
        nests.append(Nest((Loop(Affine(lanes)),), fill(statement.form.body, numbers, iter(())), labels.of([statement])))

    written: dict[int, int] = {}
    for node in range(len(graph)):
        if not stored[node]:
            continue
        statement = builder.statement(node, shortest=1000)
        add(statement)
        read = {at for addresses in reads(statement) for at in addresses}
        _check_replaced(graph, node, read, address, written)
        written[address[node]] = node
    for node, target in copied:
        add(builder.copy(node, target))
    return name_arrays(LoopProgram(graph.name, tuple(nests)), layout, graph.indices)


def one_lane(program: LoopProgram) -> LoopProgram:
    """What a program that `vmap` made does for the first element."""
    return replace(
        program, nests=tuple(replace(nest, loops=(replace(nest.loops[0], trips=Affine(1)),)) for nest in program.nests)
    )


def _check_replaced(graph: Graph, node: int, read: set[int], address: list[int], written: dict[int, int]) -> None:
    """What a statement reads must not have been replaced, unless it is the replacement that the graph means."""
    for operand in range(node):
        if address[operand] in read and address[operand] in written and graph.op[operand] == INPUT:
            users = [user for user in range(node + 1) if operand in graph.operands(user)]
            if users and max(users) > written[address[operand]]:
                raise CompileError(f"{graph.name}: a result replaces an argument that is needed after it")
