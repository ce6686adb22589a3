"""WebAssembly: a program as one module that says of itself what it is, and the JavaScript that runs any of them.

In: C, as files, and what a program is. Out: a folder with ``NAME.wasm``, ``microgpt.js`` and its types. Without a C
library there are no functions of libm, so numerics are portable: the bits are those of every machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ...compiler.c.c_text import c_text, plain_text
from ...compiler.c.prelude import exact_function
from ...compiler.ir.graph import Graph
from ...compiler.numerics import current
from ...compiler.pipeline import compile_loops, function_text, without_collection
from ..machine.wasm import VECTOR_WIDTH, custom_section, wasm_module
from ..storage.files import write_atomically
from .executable import c_head
from .export import SPARE

__all__ = ["SCRIPT", "check_numerics", "export_wasm_function", "program", "script", "write_program"]

_PACKAGE = __package__ or ""

SCRIPT = "microgpt.js"
_TYPES = "microgpt.d.ts"


def check_numerics() -> None:
    """Refuses numerics that a program in WebAssembly cannot have.

    Raises:
        ValueError: if those in force call libm.
    """
    if current().libm:
        raise ValueError("numerics 'exact' need this machine's libm, which WebAssembly does not have; use 'portable'")


def program(files: Mapping[str, str], about: Mapping[str, object]) -> bytes:
    """Compiles C, and puts in what the program is, for `SCRIPT` to read.

    Raises:
        ToolchainError: if no compiler can.
    """
    text = json.dumps(about, separators=(",", ":"), allow_nan=False)
    return wasm_module(files) + custom_section("microgpt", text.encode())


def script() -> str:
    """The JavaScript that runs programs: one module without imports, whose last line exports."""
    return plain_text(_PACKAGE, SCRIPT)


def write_program(folder: Path, name: str, module: bytes) -> list[Path]:
    """Writes a program and what runs it to a folder, which is made if it is not there.

    Raises:
        OSError: if it cannot be written.
    """
    files = {f"{name}.wasm": module, SCRIPT: script().encode(), _TYPES: plain_text(_PACKAGE, _TYPES).encode()}
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        write_atomically(folder / file, content)
    return [folder / file for file in files]


def export_wasm_function(graph: Graph, folder: Path, prefix: str) -> list[Path]:
    """Writes a function as a program for WebAssembly.

    Args:
        prefix: the function's name.

    Returns:
        the files.

    Raises:
        ValueError: if the prefix is no name, or numerics are not portable.
        ToolchainError: if no compiler can.
        OSError: if the folder cannot be written.
        ProofError: if the loops are not the graph; a mistake of the compiler.
    """
    check_numerics()
    if not prefix.isidentifier():
        raise ValueError(f"prefix {prefix!r} is no name for a program; write for example my_function")
    with without_collection():
        looped = compile_loops(graph)
        looped.prove()
        text = function_text(looped, "own", VECTOR_WIDTH).text
    layout, indices = looped.layout, [index for index in graph.indices for _ in range(index.count)]
    about = {
        "kind": "function",
        "name": prefix,
        "numerics": current().name,
        "arguments": [_argument(graph, name, layout.arguments[name][0]) for name in graph.arguments()],
        "indices": [{"name": index.name, "limit": index.limit} for index in indices],
        "results": [
            {"name": output.name, "offset": layout.outputs[output.name][0], "size": len(output.nodes)}
            for output in graph.outputs
        ],
    }
    sizes = {"memory": layout.size + SPARE, "indices": max(len(indices), 1)}
    code = c_text(_PACKAGE, "wasm.c", exact=exact_function("own"), **sizes)
    body = f"{text}\n{code}"
    return write_program(folder, prefix, program({"own.c": c_head(graph, body, VECTOR_WIDTH) + body}, about))


def _argument(graph: Graph, name: str, offset: int) -> dict[str, object]:
    """Where the numbers of an argument are, and those of each tensor of the user's in them."""
    first, size = graph.arguments()[name]
    parts = [
        {"name": tensor.name, "start": tensor.start - first, "shape": tensor.shape}
        for tensor in graph.inputs
        if tensor.argument == name
    ]
    return {"name": name, "offset": offset, "size": size, "parts": parts}
