"""A function in JAX: its value, and its value and gradient, as whole-array code over the function's arguments.

In: clean graphs. Out: the text of a module that needs JAX alone. Labelled fast: its sums have no fixed order.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...compiler.ir.graph import Graph
from ...compiler.ir.names import identifier
from ...compiler.jax.elements import IndexName
from ...compiler.jax.linear import size_of
from ...compiler.jax.program import array_name
from ...compiler.loops.layout import Layout
from ...compiler.pipeline import compile_jax, compile_loops, without_collection
from ..storage.files import write_atomically

__all__ = ["export_jax_function", "function_module"]

_HEAD = '''"""{name} in JAX. Written by microgpt from the loops of the function; comments name its lines.

It is fast, not exact: sums have no fixed order. Numbers have the type of the arguments; for doubles, begin with
``jax.config.update("jax_enable_x64", True)``.
"""

import jax
import jax.numpy as jnp
from jax import lax
'''


def function_module(name: str, functions: Sequence[tuple[str, Graph, str]]) -> str:
    """A module with functions of the same arguments: an array for each argument that has floats, and the index.

    Args:
        name: of what was compiled.
        functions: the name of each, its graph, and what it returns, in words.

    Raises:
        ProofError: if loops are not the graph; a mistake of the compiler.
    """
    with without_collection():
        return "\n\n".join([_HEAD.format(name=name), *(_function(*each) for each in functions)])


def _function(name: str, graph: Graph, about: str) -> str:
    looped = compile_loops(graph, transposed=False)
    looped.prove()
    placed = {
        start: [array_name(part.name) for part in parts or (array,)] for array, start, parts in looped.layout.placed
    }
    arguments = [own for each in graph.arguments() for own in placed[looped.layout.arguments[each][0]]]
    results = {output.name: placed[looped.layout.outputs[output.name][0]] for output in graph.outputs}
    indices = [
        IndexName(identifier(index.name), size_of(index.start), size_of(index.start + index.count), index.limit)
        for index in graph.indices
    ]
    taken = [*arguments, "index"] if indices else arguments
    lines = [f'"""{about}"""']
    shapes = {
        array_name(array.name): array.shape for array, _, parts in looped.layout.placed for array in (array, *parts)
    }
    for argument in arguments:
        shape = tuple(extent for extent in shapes[argument] if extent != 1)
        lines.append(f"{argument} = jnp.asarray({argument}).reshape({shape})")
    lines.append(f"dtype = jnp.result_type({', '.join(arguments)})")
    lines += _constants(looped.layout)
    lines += [f"{index.name} = index[{index.start}:{index.stop}]" for index in indices]
    lines += compile_jax(looped.program, indices)
    parts = [f"({', '.join(names)})" if len(names) > 1 else names[0] for names in results.values()]
    lines.append(f"return {', '.join(parts)}")
    body = "\n".join(f"    {line}" if line else "" for line in lines)
    return f"def {name}({', '.join(taken)}):\n{body}\n"


def _constants(layout: Layout) -> list[str]:
    """Constants that are read by loops, as arrays."""
    lines = []
    for array, start, _ in layout.placed:
        if array.space == "constant":
            numbers = [float.fromhex(layout.constants.get(start + place, "0x0p+0")) for place in range(array.size)]
            text = ", ".join(map(repr, numbers)).replace("inf", "jnp.inf").replace("nan", "jnp.nan")
            lines.append(f"{array_name(array.name)} = jnp.array([{text}], dtype)")
    return lines


def export_jax_function(folder: Path, name: str, forward: Graph, backward: Graph) -> list[Path]:
    """Writes a function as JAX.

    Args:
        folder: made if it is not there.
        name: of the file.
        forward, backward: the graphs of its value, and of its value and gradient.

    Returns:
        the file.

    Raises:
        OSError: if the folder cannot be written.
        ProofError: if loops are not the graph; a mistake of the compiler.
    """
    functions = [
        ("value", forward, "The value."),
        ("value_and_gradient", backward, "The value, and its gradient in each argument."),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    write_atomically(path, function_module(name, functions).encode())
    return [path]
