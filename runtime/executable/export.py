"""Export: a compiled function as C that needs neither Python nor anything but libm.

In: a graph, and numbers to try it with. Out: a folder with the function and its header, an example that calls it, and a
Makefile. Every name that other files can see begins with a prefix, so that several functions link into one program.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ...compiler.c.c_text import c_text
from ...compiler.c.emit_function import function_text
from ...compiler.c.prelude import prelude
from ...compiler.c.print_c import number_text
from ...compiler.ir.graph import Graph
from ...compiler.ir.names import identifier, unused
from ...compiler.loops.compile_loops import compile_loops
from ...compiler.pipeline import without_collection
from ..machine.toolchain import vector_width_here
from .c_files import (
    bits_text,
    check_number,
    check_prefix,
    exact_text,
    exactness,
    header,
    is_taken,
    makefile,
    refusal,
    write_files,
)
from .executable import c_head

__all__ = ["export_function"]

_PACKAGE = __package__ or ""

# Doubles behind a memory that vectors may read.
_SPARE = 8


def export_function(
    graph: Graph,
    folder: Path,
    prefix: str,
    example: Mapping[str, Sequence[float]],
    indices: Sequence[int],
    number: str = "double",
    plain: bool = False,
) -> list[Path]:
    """Writes a function as C that stands alone.

    Args:
        folder: made if it is not there.
        prefix: of the files, and of every name that other files can see.
        number: the type of numbers: ``double``, or ``float``, whose results are others.
        plain: whether it is C99 without vectors, for any compiler; so it is with ``float``.
        example, indices: what the example calls the function with: numbers for each argument of the graph.

    Returns:
        the files.

    Raises:
        ValueError: if the prefix is no name in C, and for ``float`` in portable numerics.
        OSError: if the folder cannot be written.
        ProofError: if the loops are not the graph; a mistake of the compiler.
    """
    width = 1 if plain or number == "float" else vector_width_here()
    check_number(number)
    check_prefix(prefix, prelude(width, number))
    with without_collection():
        looped = compile_loops(graph)
        looped.prove()
        text = function_text(looped, f"{prefix}_graph", width, number).text
    layout = looped.layout
    given, made = _parameters(graph, prefix)
    sizes = {output.name: len(output.nodes) for output in graph.outputs}
    memory = layout.size + _SPARE
    names = {
        "prefix": prefix,
        "parameters": "".join(f", const {number} *{name}" for name in given.values())
        + (", const int *index" if graph.indices else "")
        + "".join(f", {number} *{name}" for name in made.values()),
        "memory": memory,
        "bytes": f"{(4 if number == 'float' else 8) * memory:,}",
        "number": number,
        "exactness": exactness(prefix, number),
        "refusal": refusal(prefix, number),
        "copies_in": "".join(
            f"    memcpy(state->numbers + {layout.arguments[name][0]}, {given[name]}, {size} * sizeof({number}));\n"
            for name, (_, size) in graph.arguments().items()
        ),
        "copies_out": "".join(
            f"    if ({name}) memcpy({name}, state->numbers + {start}, {sizes[output]} * sizeof({number}));\n"
            for output, name in made.items()
            for start in layout.outputs[output][:1]
        ),
        "index": "index" if graph.indices else "0",
        "exact": exact_text(prefix, number),
    }
    interface = c_text(_PACKAGE, "function.c", **names)
    head = c_head(graph, text + interface, width, number)
    about = f"{graph.name}, made by microgpt: {bits_text(number)}, and nothing needed but libm."
    example_names = _example(graph, given, made, example, indices, number)
    return write_files(
        folder,
        {
            f"{prefix}.h": header(prefix, about, _sizes(graph), c_text(_PACKAGE, "function.h", **names)),
            f"{prefix}.c": f'{head}#include "{prefix}.h"\n\n{text}\n{interface}',
            "main.c": c_text(_PACKAGE, "main.c", **names, **example_names),
            "Makefile": makefile(prefix, "example"),
        },
    )


def _parameters(graph: Graph, prefix: str) -> tuple[dict[str, str], dict[str, str]]:
    """The names in C of arguments and of results."""
    taken = {prefix, "state", "index", "i"}

    def names(wanted: Iterable[str]) -> dict[str, str]:
        found = {}
        for name in wanted:
            plain = identifier(name)
            found[name] = unused(plain + "_" * is_taken(plain), taken)
            taken.add(found[name])
        return found

    return names(graph.arguments()), names(output.name for output in graph.outputs)


def _sizes(graph: Graph) -> dict[str, str]:
    """How many numbers there are of each argument and result, and where in them the user's arguments begin."""
    sizes = {}
    for name, (first, size) in graph.arguments().items():
        sizes[_upper(name)] = str(size)
        for tensor in graph.inputs:
            if tensor.argument == name:
                shape = " x ".join(map(str, tensor.shape)) or "a number"
                sizes[f"AT_{_upper(tensor.name)}"] = f"{tensor.start - first} /* {_plain(tensor.name)}: {shape} */"
    for index in graph.indices:
        about = f"of index: {index.count} from 0 to {index.limit - 1}"
        sizes[f"AT_{_upper(index.name)}"] = f"{index.start} /* {about} */"
    return sizes | {f"SIZE_OF_{_upper(output.name)}": str(len(output.nodes)) for output in graph.outputs}


def _upper(name: str) -> str:
    return re.sub(r"\W", "_", name, flags=re.ASCII).upper()


def _plain(text: str) -> str:
    """What can stand in a comment."""
    return re.sub(r"[^\w.\[\], ]", "_", text, flags=re.ASCII)


def _example(
    graph: Graph,
    given: Mapping[str, str],
    made: Mapping[str, str],
    example: Mapping[str, Sequence[float]],
    indices: Sequence[int],
    number: str,
) -> dict[str, str]:
    tables = [
        f"static const {number} {name}[] = {{\n"
        + "".join(f"    {number_text(each.hex(), number)},\n" for each in example[argument])
        + "};\n"
        for argument, name in given.items()
    ]
    if graph.indices:
        tables.append(f"static const int index[] = {{{', '.join(map(str, indices))}}};\n")
    sizes = {output.name: len(output.nodes) for output in graph.outputs}
    results = [f"static {number} {name}[{sizes[output]}];\n" for output, name in made.items()]
    prints = [
        f'    for (long i = 0; i < {sizes[output]}; i++) printf("{output}[%ld] = %a\\t%.17g\\n", i, '
        f"(double){name}[i], (double){name}[i]);\n"
        for output, name in made.items()
    ]
    return {
        "tables": "".join(tables) + "".join(results),
        "arguments": ", ".join([*given.values(), *(["index"] if graph.indices else []), *made.values()]),
        "prints": "".join(prints),
    }
