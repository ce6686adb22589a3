"""The text form of a graph: what dumps show, and what `parse` reads back: ``parse(format_graph(g)) == g``.

    graph gpt_loss
    input wte in parameters [27,16]
    index tokens 7 < 27
    origin 3 = gpt.py:84 position0.embed _add microgpt.model.gpt
    %17 = mul %3, %9                ; 3 <- %1204         gpt.py:41 layer0.query
    output loss = %17

A number is written as C's ``%a`` does, so that no bit is lost. Behind ``;`` stand the node's origin and the traced
operation it comes from (``~`` for what `differentiate` added for it); what follows that is for people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..errors import CompileError
from .builder import GraphBuilder
from .graph import Graph, IndexTensor, Origin, Output, Scatter, Table, Tensor
from .ops import INPUT, OPS, OPS_BY_NAME, Attribute

__all__ = ["format_graph", "format_node", "parse"]


def format_node(graph: Graph, node: int) -> str:
    """One operation with where it comes from: ``%17 = mul %3, %9  ; 5 <- %17  gpt.py:41 layer0.query``."""
    row = OPS[graph.op[node]]
    fields = [f"%{operand}" for operand in graph.operands(node)]
    if row.variadic:
        fixed = len(row.types) - 1
        fields[fixed:] = [f"({', '.join(fields[fixed:])})"]
    if row.is_marked:
        fields.append(_format_attribute(graph, row.attribute, graph.attribute[node]))
    body = f"%{node} = {row.name} {', '.join(fields)}"
    source = graph.source[node]
    origin = graph.origin[node]
    trail = f"; {origin} <- {'%' if source >= 0 else '~%'}{source if source >= 0 else ~source}"
    name = f"{graph.input_name(graph.attribute[node])} " if graph.op[node] == INPUT else ""
    return f"{body:<40} {trail:<16} {name}{graph.origins[origin]}{' backward' if source < 0 else ''}"


def format_graph(graph: Graph) -> str:
    """The whole graph; ends with a newline."""
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    yield f"graph {graph.name}"
    for tensor in graph.inputs:
        yield f"input {tensor.name} in {tensor.argument} [{','.join(map(str, tensor.shape))}]"
    for index in graph.indices:
        yield f"index {index.name} {index.count} < {index.limit}"
    for number, origin in enumerate(graph.origins):
        place = f"{origin.file}:{origin.line} {origin.scope or '-'} {origin.function} {origin.module or '-'}"
        yield f"origin {number} = {place}"
    for node in range(len(graph)):
        yield format_node(graph, node)
    for output in graph.outputs:
        yield f"output {output.name} = {', '.join(f'%{node}' if node >= 0 else '0' for node in output.nodes)}"
        for scatter in output.scatters:
            yield f"scatter {output.name}{_format_table(scatter.table)} at %{scatter.index} += %{scatter.node}"


def _format_table(table: Table) -> str:
    return f"[{table.base} + {table.stride} * i, i < {table.count}]"


def _format_attribute(graph: Graph, kind: Attribute, number: int) -> str:
    if kind is Attribute.CONSTANT:
        return graph.constants[number].hex()
    return _format_table(graph.tables[number]) if kind is Attribute.TABLE else str(number)


_NODE = re.compile(r"%(\d+) = (\w+) (.*?) *; (\d+) <- (~?)%(\d+) ")
# Operands, in parentheses those of which there may be any number; then the attribute.
_FIELDS = re.compile(r"((?:\(?%\d+\)?(?:, |$))*)(?:(.+))?")
_OPERAND = re.compile(r"%(\d+)")
_INPUT = re.compile(r"input (\S+) in (\S+) \[([\d,]*)\]")
_INDEX = re.compile(r"index (\S+) (\d+) < (\d+)")
_ORIGIN = re.compile(r"origin (\d+) = (.+):(\d+) (\S+) (\S+) (\S+)")
_TABLE = re.compile(r"\[(\d+) \+ (-?\d+) \* i, i < (\d+)\]")
_OUTPUT = re.compile(r"output (\S+) = (.*)")
_SCATTER = re.compile(r"scatter ([^\[\s]+)(\[.*\]) at %(\d+) \+= %(\d+)")


def parse(text: str) -> Graph:
    """Reads what `format_graph` wrote.

    Raises:
        CompileError: naming the line that is not of the form.
    """
    lines = text.splitlines()
    build = GraphBuilder("")
    inputs: list[Tensor] = []
    indices: list[IndexTensor] = []
    origins: list[Origin] = []
    outputs: list[Output] = []
    for number, line in enumerate(lines, 1):
        if node := _NODE.match(line):
            build.mark(int(node[4]), ~int(node[6]) if node[5] else int(node[6]))
            _parse_node(build, OPS_BY_NAME.get(node[2]), node[3], f"line {number}: {line!r}")
        elif match := _INPUT.fullmatch(line):
            start = inputs[-1].start + inputs[-1].size if inputs else 0
            inputs.append(
                Tensor(match[1], match[2], start, tuple(int(extent) for extent in match[3].split(",") if extent))
            )
        elif match := _INDEX.fullmatch(line):
            start = indices[-1].start + indices[-1].count if indices else 0
            indices.append(IndexTensor(match[1], start, int(match[2]), int(match[3])))
        elif match := _ORIGIN.fullmatch(line):
            scope, module = ("" if part == "-" else part for part in (match[4], match[6]))
            origins.append(Origin(scope, module, match[2], int(match[3]), match[5]))
        elif match := _OUTPUT.fullmatch(line):
            nodes = (int(part[1:]) if part.startswith("%") else -1 for part in match[2].split(", ") if part)
            outputs.append(Output(match[1], tuple(nodes)))
        elif (match := _SCATTER.fullmatch(line)) and (table := _TABLE.fullmatch(match[2])) and outputs:
            scatter = Scatter(int(match[4]), int(match[3]), Table(int(table[1]), int(table[2]), int(table[3])))
            last = outputs[-1]
            outputs[-1] = Output(last.name, last.nodes, (*last.scatters, scatter))
        elif line.startswith("graph "):
            build.name = line.removeprefix("graph ")
        else:
            raise CompileError(f"line {number} is not part of a graph: {line!r}")
    build.inputs, build.indices, build.origins = tuple(inputs), tuple(indices), tuple(origins)
    return build.finish(outputs)


def _parse_node(build: GraphBuilder, op: int | None, fields: str, where: str) -> None:
    if op is None:
        raise CompileError(f"unknown operation in {where}")
    row = OPS[op]
    match = _FIELDS.fullmatch(fields)
    try:
        if match is None or bool(match[2]) != row.is_marked:
            raise ValueError(fields)
        operands = [int(number) for number in _OPERAND.findall(match[1])]
        if not row.takes(len(operands)):
            raise ValueError(fields)
        build.node(op, *operands, attribute=_parse_attribute(build, row.attribute, match[2]) if row.is_marked else 0)
    except (ValueError, IndexError, TypeError):
        raise CompileError(f"unreadable operands in {where}") from None


def _parse_attribute(build: GraphBuilder, kind: Attribute, text: str) -> int:
    if kind is Attribute.CONSTANT:
        build.constants.append(float.fromhex(text))
        return len(build.constants) - 1
    if kind is Attribute.TABLE:
        base, stride, count = (int(part) for part in re.findall(r"-?\d+", text))
        return build.table(Table(base, stride, count))
    return int(text)
