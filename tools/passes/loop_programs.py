"""The programs of loops of a model, for ``compile --backend c``: written out as text, and proved one by one."""

from __future__ import annotations

from pathlib import Path

from ...compiler.loops.loop_text import format_program
from ...compiler.pipeline import without_collection
from ...model.config import AdamConfig, GPTConfig
from ...runtime.machine.find_toolchain import vector_width_here
from ...runtime.programs.c_source import model_source
from ...runtime.programs.sized_loops import sized_model
from ...runtime.storage.files import write_atomically
from ..terminal import console
from .dump_folder import dump_folder

__all__ = ["dump_programs", "prove_programs"]


def dump_programs(config: GPTConfig, folder: Path) -> None:
    """Writes a file for each program, and the library in C that they become; of programs that are instantiated, also
    what they are over the sizes.

    Raises:
        CommandError: if the folder cannot be made.
        OSError: if a file cannot be written.
    """
    dump_folder(folder)
    source = model_source(config, AdamConfig(), vector_width=vector_width_here())
    for name, program in source.programs.items():
        write_atomically(folder / f"{name}.txt", format_program(program).encode())
    write_atomically(folder / "model.c", source.text.encode())
    also = ""
    if not source.reason:
        for name in ("length", "position"):
            program = sized_model(config.n_layer).programs.programs[name]
            write_atomically(folder / f"any_{name}.txt", format_program(program).encode())
        also = ", what those of all later lengths and positions are instances of (any_length.txt, any_position.txt),"
    console.say(f"wrote {len(source.programs)} programs of loops{also} and model.c to {folder}")


def prove_programs(config: GPTConfig) -> None:
    """Unrolls the loops of every program again and compares them with its graph, operation by operation.

    Raises:
        ProofError: naming the program and the operation, if one is not what it should be.
    """
    source = model_source(config, AdamConfig(), vector_width=vector_width_here())
    count = sum(len(family.programs) for family in source.families)
    with console.count_progress("proving programs of loops") as progress, without_collection():
        operations = source.prove_all(progress)
    console.say(f"{count} programs of loops, unrolled, are their graphs: {operations:,} operations")
