"""Emit Python: writes a scheduled graph as a module of straight-line functions.

In: a `Layout`. Out: the module's text. Its ``run`` takes the argument sequences of the graph and returns a tuple with a
list for each output. Every statement is one expression; a comment over each block names the lines of the model it comes
from. The text depends on nothing but the graph.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from ..ir.names import identifier, unused, value_names
from .allocate import Function, Layout
from .coarse import Block
from .expressions import CALLS, Expressions, imports, runs
from .form_statements import LEAVES
from .line import Line, Purpose, lines_for

__all__ = ["emit_python", "python_lines"]

WIDTH = 116

# Statements that read neighbouring inputs share one slice.
READ_AHEAD = 16

# What else is called by a name in the module.
_RESERVED = ("memory", "inf", "nan", "finish", "run", *CALLS)


def emit_python(layout: Layout, heading: Sequence[str] = ()) -> str:
    """The text of the module.

    Args:
        layout: of the scheduled graph.
        heading: lines of the module's docstring that say how it was made.
    """
    return "\n".join(line.text for line in python_lines(layout, heading)) + "\n"


def python_lines(layout: Layout, heading: Sequence[str] = ()) -> Iterator[Line]:
    """The lines of that text, each with what it is there for."""
    return _PythonModule(layout).lines(heading)


class _PythonModule:
    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.schedule = layout.schedule
        self.statements = layout.schedule.statements
        self.graph = self.statements.graph
        self._name_everything()
        self.elements: dict[int, list[tuple[str, int]]] = {}
        for output in self.graph.outputs:
            for element, node in enumerate(output.nodes):
                if node >= 0:
                    self.elements.setdefault(node, []).append((self.outputs[output.name], element))
        scattered = {scatter.node for output in self.graph.outputs for scatter in output.scatters}
        self.used = scattered.union(*self.statements.operands)

    def _name_everything(self) -> None:
        """Arguments and outputs are called as the user calls them, as far as that is possible."""
        graph = self.graph
        self.function_names = [_function_name(*entry) for entry in enumerate(self.layout.functions)]
        taken = {*_RESERVED, *keyword.kwlist, *self.function_names}

        def variable(name: str) -> str:
            found = unused(name if name.isidentifier() else identifier(name), taken)
            taken.add(found)
            return found

        self.arguments = {name: variable(name) for name in (*graph.arguments(), *(each.name for each in graph.indices))}
        self.outputs = {output.name: variable(output.name) for output in graph.outputs}
        self.parameters = ", ".join(["memory", *self.arguments.values(), *self.outputs.values()])
        self.names = value_names(graph, self.statements.roots, taken)

    def _expressions(self) -> Expressions:
        return Expressions(self.statements, self.names, variables=self.arguments)

    def lines(self, heading: Sequence[str]) -> Iterator[Line]:
        graph, functions = self.graph, self.layout.functions
        title = graph.name.replace("\\", "\\\\").replace('"', '\\"')
        operations, statements = len(graph), len(self.statements.roots)
        head = f'"""{title}: {operations} operation{"s" * (operations != 1)} '
        head += f"in {statements} statement{'s' * (statements != 1)}."
        yield from map(Line, head.split("\n"))
        yield Line("")
        yield from (Line(part) for line in heading for part in line.split("\n"))
        yield Line('"""')
        yield from map(Line, ("", *imports(graph), ""))
        for name, function in zip(self.function_names, functions, strict=True):
            yield from self._function(name, self._body(function))
        yield from self._function("finish", self._finish())
        yield Line("")
        yield Line(f"def run({', '.join(self.arguments.values())}):")
        yield Line(f"    memory = [0.0] * {self.layout.memory}")
        for output in graph.outputs:
            yield Line(f"    {self.outputs[output.name]} = [0.0] * {len(output.nodes)}")
        for name in (*self.function_names, "finish"):
            yield Line(f"    {name}({self.parameters})")
        comma = "," * (len(self.outputs) == 1)
        yield Line(f"    return {', '.join(self.outputs.values())}{comma}")

    def _function(self, name: str, body: Iterator[Line]) -> Iterator[Line]:
        yield Line("")
        yield Line(f"def {name}({self.parameters}):")
        lines = list(body)
        yield from [Line("    " + text, purpose, nodes) for text, purpose, nodes in lines]
        if not lines:
            yield Line("    pass")
        yield Line("")

    def _body(self, function: Function) -> Iterator[Line]:
        expressions = self._expressions()
        roots = self.statements.roots
        body: list[Line] = []
        for block, members in function.parts:
            body.append(Line(self._comment(block, members), Purpose.COMMENT, [roots[member] for member in members]))
            for output, group in groupby(members, key=lambda member: self._only_output(roots[member])):
                if output is not None:
                    body += self._assign_elements(output, list(group), expressions)
                    continue
                run = list(group)
                for place, member in enumerate(run):
                    if place % READ_AHEAD == 0:
                        expressions.load_inputs(run[place : place + READ_AHEAD])
                    root = roots[member]
                    name = self.names[root]
                    text = expressions.text(member)
                    body += expressions.take_loads()
                    body += lines_for(_assignment(name, text), Purpose.COMPUTE, (root,))
                    for output, element in self.elements.get(root, ()):
                        body.append(Line(f"{output}[{element}] = {name}", Purpose.RESULT, (root,)))
        yield from expressions.index_loads()
        yield from self._transfer(function.loads, load=True)
        yield from body
        yield from self._transfer(function.stores, load=False)

    def _finish(self) -> Iterator[Line]:
        """Results that are read straight from the caller, and what is added to elements chosen by an index."""
        expressions = self._expressions()
        body: list[Line] = []
        for node, elements in self.elements.items():
            if self.graph.op[node] in LEAVES:
                value = expressions.leaf(node)
                body += expressions.take_loads()
                body += (Line(f"{name}[{at}] = {value}", Purpose.RESULT, (node,)) for name, at in elements)
        for output in self.graph.outputs:
            for scatter in output.scatters:
                value = self.names.get(scatter.node) or expressions.leaf(scatter.node)
                place = f"{scatter.table.base} + {scatter.table.stride} * {expressions.leaf(scatter.index)}"
                body += expressions.take_loads()
                text = f"{self.outputs[output.name]}[{place}] += {value}"
                body.append(Line(text, Purpose.SCATTER, (scatter.node, scatter.index)))
        yield from expressions.index_loads()
        yield from self._transfer(self.layout.final_loads, load=True)
        yield from body

    def _only_output(self, node: int) -> str | None:
        """The output for one element of which alone the node is computed."""
        elements = self.elements.get(node, ())
        return elements[0][0] if len(elements) == 1 and node not in self.used else None

    def _assign_elements(self, output: str, members: list[int], expressions: Expressions) -> Iterator[Line]:
        """Assigns elements in a row as one slice."""
        roots = self.statements.roots
        by_element = {self.elements[roots[member]][0][1]: member for member in members}
        numbers = list(by_element)
        start = 0
        while start < len(numbers):
            end = start + 1
            while end < len(numbers) and numbers[end] == numbers[end - 1] + 1 and end - start < READ_AHEAD:
                end += 1
            row = [by_element[number] for number in numbers[start:end]]
            expressions.load_inputs(row)
            texts = [expressions.text(member) for member in row]
            yield from expressions.take_loads()
            nodes = [roots[member] for member in row]
            if len(texts) == 1:
                yield from lines_for(_assignment(f"{output}[{numbers[start]}]", texts[0]), Purpose.COMPUTE, nodes)
            else:
                yield Line(f"{output}[{numbers[start]}:{numbers[end - 1] + 1}] = (", Purpose.COMPUTE, nodes)
                for node, text in zip(nodes, texts, strict=True):
                    yield from lines_for(_wrap(f"{text},", "    "), Purpose.COMPUTE, (node,))
                yield Line(")", Purpose.COMPUTE, nodes)
            start = end

    def _transfer(self, nodes: Sequence[int], load: bool) -> Iterator[Line]:
        """Moves values between memory and variables, slots in a row by one slice."""
        node_at = {self.layout.slots[node]: node for node in nodes}
        for run in runs(sorted(node_at)):
            moved = [node_at[slot] for slot in run]
            variables = ", ".join(self.names[node] for node in moved)
            place = f"memory[{run[0]}]"
            if len(run) > 1:
                stride = run[1] - run[0]
                place = f"memory[{run[0]}:{run[-1] + 1}{f':{stride}' if stride > 1 else ''}]"
            purpose = Purpose.LOAD if load else Purpose.STORE
            texts = _wrap_targets(variables, place) if load else _wrap_list(variables, f"{place} = ")
            yield Line(texts[0], purpose, moved)
            at = 0
            for text in texts[1:-1]:
                count = text.count(",")
                yield Line(text, purpose, moved[at : at + count])
                at += count
            if len(texts) > 1:
                yield Line(texts[-1], purpose, moved)

    def _comment(self, block: Block, members: Sequence[int]) -> str:
        origins = (self.graph.origins[self.graph.origin[self.statements.roots[member]]] for member in members)
        places = sorted({(origin.file, origin.line) for origin in origins})
        shown = ", ".join(f"{file}:{line}" for file, line in places[:4]) + (", ..." if len(places) > 4 else "")
        return f"# {block.role or 'the function'}, {'backward' if block.backward else 'forward'}: {shown}"


def _function_name(number: int, function: Function) -> str:
    block = function.parts[0][0]
    role = re.sub(r"\W+", "_", block.role.removeprefix("position."), flags=re.ASCII)
    return "_".join(part for part in (f"part{number}", role, "backward" if block.backward else "forward") if part)


def _assignment(target: str, text: str) -> list[str]:
    line = f"{target} = {text}"
    if len(line) <= WIDTH:
        return [line]
    return [f"{target} = (", *_wrap(text, "    "), ")"]


def _wrap(text: str, indent: str, separator: str = " + ") -> list[str]:
    """Breaks a long expression before its plus signs; the caller has opened a bracket."""
    if len(text) <= WIDTH:
        return [indent + text]
    lines, line = [], indent
    for number, part in enumerate(text.split(separator)):
        piece = part if number == 0 else f"{separator.lstrip()}{part}"
        if len(line) + len(piece) > WIDTH and line.strip():
            lines.append(line.rstrip())
            line = indent
        line += f"{piece} "
    lines.append(line.rstrip())
    return lines


def _wrap_list(names: str, target: str) -> list[str]:
    if len(target) + len(names) <= WIDTH:
        return [target + names]
    return [f"{target}(", *_wrap_names(names), ")"]


def _wrap_targets(names: str, source: str) -> list[str]:
    if len(source) + len(names) <= WIDTH:
        return [f"{names} = {source}"]
    return ["(", *_wrap_names(names), f") = {source}"]


def _wrap_names(names: str) -> list[str]:
    lines, line = [], "   "
    for name in names.split(", "):
        if len(line) + len(name) > WIDTH:
            lines.append(line)
            line = "   "
        line += f" {name},"
    lines.append(line)
    return lines
