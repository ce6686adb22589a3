"""Export: a compiled function as C that needs neither Python nor anything but libm.

In: a graph, and numbers to try it with. Out: a folder with the function and its header, an example that calls it, and a
Makefile. Every name that other files can see begins with a prefix, so that several functions link into one program.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...compiler.c.c_text import c_text, plain_text
from ...compiler.c.emit_function import function_text
from ...compiler.c.prelude import exact_function
from ...compiler.ir.graph import Graph
from ...compiler.ir.ops import LIBM
from ...compiler.loops.compile_loops import compile_loops
from ...compiler.pipeline import without_collection
from ..machine.toolchain import vector_width_here
from ..storage.files import write_atomically
from .executable import c_head

__all__ = ["export_function"]

_PACKAGE = __package__ or ""

# Doubles behind a memory that vectors may read.
_SPARE = 8
_PREFIX = re.compile(r"[A-Za-z]\w*", re.ASCII)
_RESERVED = re.compile(
    "auto|break|case|char|const|continue|default|do|double|else|enum|extern|float|for|goto|if|inline|int|long|register|"
    "restrict|return|short|signed|sizeof|static|struct|switch|typedef|union|unsigned|void|volatile|while|main|memcpy|printf"
)


def export_function(
    graph: Graph, folder: Path, prefix: str, example: Mapping[str, Sequence[float]], indices: Sequence[int]
) -> list[Path]:
    """Writes a function as C that stands alone.

    Args:
        folder: made if it is not there.
        prefix: of the files, and of every name that other files can see.
        example, indices: what the example calls the function with: numbers for each argument of the graph.

    Returns:
        the files.

    Raises:
        ValueError: if the prefix is no name in C.
        OSError: if the folder cannot be written.
        ProofError: if the loops are not the graph; a mistake of the compiler.
    """
    if not _PREFIX.fullmatch(prefix) or _RESERVED.fullmatch(prefix) or prefix in LIBM:
        raise ValueError(f"prefix {prefix!r} is no name for a function in C, or taken; write for example my_function")
    with without_collection():
        looped = compile_loops(graph)
        looped.prove()
        width = vector_width_here()
        text = function_text(looped, f"{prefix}_graph", width).text
    layout = looped.layout
    names = {
        "prefix": prefix,
        "PREFIX": prefix.upper(),
        "name": graph.name,
        "parameters": "".join(f", const double *{name}" for name in graph.arguments())
        + (", const int *index" if graph.indices else "")
        + "".join(f", double *{output.name}" for output in graph.outputs),
        "memory": str(layout.size + _SPARE),
        "sizes": _sizes(graph, prefix),
        "copies_in": "".join(
            f"    memcpy(memory + {layout.arguments[name][0]}, {name}, {size} * sizeof(double));\n"
            for name, (_, size) in graph.arguments().items()
        ),
        "copies_out": "".join(
            f"    if ({output.name}) memcpy({output.name}, memory + {layout.outputs[output.name][0]}, "
            f"{len(output.nodes)} * sizeof(double));\n"
            for output in graph.outputs
        ),
        "index": "index" if graph.indices else "0",
        "exact": exact_function().replace("microgpt_exact", f"{prefix}_exact"),
    }
    interface = c_text(_PACKAGE, "function.c", **names)
    files = {
        f"{prefix}.h": c_text(_PACKAGE, "function.h", **names),
        f"{prefix}.c": f'{c_head(graph, width)}#include "{prefix}.h"\n\n{text}\n{interface}',
        "main.c": c_text(_PACKAGE, "main.c", **names, **_example(graph, prefix, example, indices)),
        "Makefile": plain_text(_PACKAGE, "Makefile").replace("@PREFIX@", prefix),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_atomically(folder / name, content.encode())
    return [folder / name for name in files]


def _sizes(graph: Graph, prefix: str) -> str:
    """How many numbers there are of each argument and result, and where in them the user's arguments begin."""
    lines = []
    spans = graph.arguments()
    for name, (first, size) in spans.items():
        lines.append(f"#define {prefix.upper()}_{_upper(name)} {size}")
        for tensor in graph.inputs:
            if tensor.argument == name:
                shape = " x ".join(map(str, tensor.shape)) or "a number"
                lines.append(
                    f"#define {prefix.upper()}_AT_{_upper(tensor.name)} {tensor.start - first} "
                    f"/* {_plain(tensor.name)}: {shape} */"
                )
    for index in graph.indices:
        lines.append(
            f"#define {prefix.upper()}_AT_{_upper(index.name)} {index.start} /* of index: {index.count} from 0 to "
            f"{index.limit - 1} */"
        )
    for output in graph.outputs:
        lines.append(f"#define {prefix.upper()}_SIZE_OF_{_upper(output.name)} {len(output.nodes)}")
    return "\n".join(lines)


def _upper(name: str) -> str:
    return re.sub(r"\W", "_", name, flags=re.ASCII).upper()


def _plain(text: str) -> str:
    """What can stand in a comment."""
    return re.sub(r"[^\w.\[\], ]", "_", text, flags=re.ASCII)


def _example(
    graph: Graph, prefix: str, example: Mapping[str, Sequence[float]], indices: Sequence[int]
) -> dict[str, str]:
    tables = [
        f"static const double {name}[] = {{\n" + "".join(f"    {_c_number(each)},\n" for each in example[name]) + "};\n"
        for name in graph.arguments()
    ]
    if graph.indices:
        tables.append(f"static const int index[] = {{{', '.join(map(str, indices))}}};\n")
    results = [f"static double {output.name}[{len(output.nodes)}];\n" for output in graph.outputs]
    arguments = [*graph.arguments(), *(["index"] if graph.indices else []), *(output.name for output in graph.outputs)]
    prints = [
        f'    for (long i = 0; i < {len(output.nodes)}; i++) printf("{output.name}[%ld] = %a\\t%.17g\\n", i, '
        f"{output.name}[i], {output.name}[i]);\n"
        for output in graph.outputs
    ]
    return {
        "tables": "".join(tables) + "".join(results),
        "arguments": ", ".join(arguments),
        "prints": "".join(prints),
    }


def _c_number(number: float) -> str:
    if number != number:
        return "NAN"
    if number in (float("inf"), float("-inf")):
        return "INFINITY" if number > 0 else "-INFINITY"
    return float(number).hex()
