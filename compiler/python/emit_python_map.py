"""Emit Python map: writes a small graph as a loop over many lanes, such as an optimiser's update over all parameters.

In: the statements of a graph of scalar arguments. Out: the text of a module. Its ``run`` takes a sequence for each
mapped argument and a number for each other, and replaces the sequences named like outputs, in place.

Python raises where IEEE 754 has an answer. The loop is therefore written twice: once in operators that may raise,
storing nothing until all lanes are through, and once in total functions, for when one did.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..ir.names import value_names
from ..ir.ops import INPUT
from .expressions import Expressions, imports
from .form_statements import Statements
from .line import Line, Purpose, lines_for

__all__ = ["emit_python_map", "python_map_lines"]


def emit_python_map(statements: Statements, mapped: Sequence[str], heading: Sequence[str] = ()) -> str:
    """The text of the module.

    Args:
        statements: of a graph whose arguments are one number each and whose outputs bear the names of mapped arguments.
        mapped: the arguments that are sequences.
        heading: lines of the module's docstring.
    """
    return "\n".join(line.text for line in python_map_lines(statements, mapped, heading)) + "\n"


def python_map_lines(statements: Statements, mapped: Sequence[str], heading: Sequence[str] = ()) -> Iterator[Line]:
    """The lines of that text, each with what it is there for."""
    graph = statements.graph
    arguments = list(graph.arguments())
    yield Line(f'"""{graph.name}: {len(graph)} operations, for each of many lanes.')
    yield Line("")
    yield from (Line(part) for line in heading for part in line.split("\n"))
    yield Line('"""')
    yield from map(Line, ("", *imports(graph, raising=True), ""))
    for name, raising in (("update", True), ("update_carefully", False)):
        yield Line("")
        yield Line(f"def {name}({', '.join(arguments)}):")
        outputs = [output.name for output in graph.outputs]
        yield Line(f"    {', '.join(f'new_{name}' for name in outputs)} = {', '.join('[]' for _ in outputs)}")
        inputs = [node for node, op in enumerate(graph.op) if op == INPUT]
        reads = [
            f"    lanes = zip({', '.join(mapped)}, strict=True)",
            f"    for {''.join(f'{name}_lane, ' for name in mapped).rstrip()} in lanes:",
        ]
        yield from lines_for(reads, Purpose.READ, inputs)
        yield from (line.indented("        ") for line in _body(statements, mapped, raising))
        for output in graph.outputs:
            yield Line(f"    {output.name}[:] = new_{output.name}", Purpose.RESULT, output.nodes)
        yield Line("")
    yield Line("")
    yield Line(f"def run({', '.join(arguments)}):")
    yield Line("    try:")
    yield Line(f"        update({', '.join(arguments)})")
    yield Line("    except (OverflowError, ValueError, ZeroDivisionError):")
    yield Line(f"        update_carefully({', '.join(arguments)})")


def _body(statements: Statements, mapped: Sequence[str], raising: bool) -> Iterator[Line]:
    graph = statements.graph
    names = value_names(graph, statements.roots)
    inputs = {start: f"{name}_lane" if name in mapped else name for name, (start, _) in graph.arguments().items()}
    expressions = Expressions(statements, names, inputs, raising)
    expressions.load_inputs(range(len(statements.roots)))  # they are all there
    for statement, root in enumerate(statements.roots):
        yield Line(f"{names[root]} = {expressions.text(statement)}", Purpose.COMPUTE, (root,))
    for output in graph.outputs:
        value = names.get(output.nodes[0]) or expressions.leaf(output.nodes[0])
        yield Line(f"new_{output.name}.append({value})", Purpose.RESULT, output.nodes)
