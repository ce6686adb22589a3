"""Export: a compiled function as C that needs neither Python nor anything but libm.

In: a graph, or the parts of a function with sums over rows, and numbers to try it with. Out: a folder with the function
and its header, an example that calls it, and a Makefile. Every name that other files can see begins with a prefix, so
that several functions link into one program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ...compiler.c.prelude import prelude
from ...compiler.ir.graph import Graph
from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import LoopProgram
from ...compiler.pipeline import compile_loops, program_text, without_collection
from ..machine.find_toolchain import vector_width_here
from .c_files import check_number, check_prefix
from .c_interface import Interface
from .row_c import rows_source
from .row_data import Rows
from .row_program import RowProgram

__all__ = ["SPARE", "export_function", "export_loops", "export_rows"]

# Doubles behind a memory that vectors may read.
SPARE = 8


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
    with without_collection():
        looped = compile_loops(graph)
        looped.prove()
    return export_loops(looped.program, looped.layout, graph, folder, prefix, example, indices, number, plain)


def export_loops(
    program: LoopProgram,
    layout: Layout,
    graph: Graph,
    folder: Path,
    prefix: str,
    example: Mapping[str, Sequence[float]],
    indices: Sequence[int],
    number: str = "double",
    plain: bool = False,
) -> list[Path]:
    """Writes a program of loops; see `export_function`.

    Args:
        graph: says what the program takes and gives; it may have no operations.
    """
    width = 1 if plain or number == "float" else vector_width_here()
    check_number(number)
    check_prefix(prefix, prelude(width, number))
    name = f"{prefix}_graph"
    with without_collection():
        text = program_text(program, layout, name, width, number).text
    memory = layout.size + SPARE
    interface = Interface(prefix, number, graph, graph.arguments(), layout.arguments, layout.outputs, memory)
    call = f"    {name}(state->numbers, {'index' if graph.indices else '0'});\n"
    return interface.write(folder, width, text, name, call, example, indices)


def export_rows(
    program: RowProgram,
    folder: Path,
    prefix: str,
    example: Mapping[str, Sequence[float]],
    indices: Sequence[int],
    rows: Mapping[str, Rows],
    plain: bool = False,
) -> list[Path]:
    """Writes a function with sums over rows, of which every call brings any number; see `export_function`.

    Args:
        rows: what the example calls the function with, by argument.
    """
    width = 1 if plain else vector_width_here()
    check_prefix(prefix, prelude(width))
    with without_collection():
        source = rows_source(program, width, f"{prefix}_")
        for looped in source.looped:
            looped.prove()
    graph, found = program.ir, source.report
    arguments = program.arguments
    interface = Interface(
        prefix, "double", graph, arguments, found["arguments"], found["outputs"], found["memory"], rows
    )
    index = "index" if graph.indices else "0"
    call = f"    {prefix}_rows_run(state->numbers, {index}, row_floats, row_indices, row_counts);\n"
    return interface.write(
        folder, width, source.body, f"{prefix}_rows", interface.row_tables() + call, example, indices
    )
