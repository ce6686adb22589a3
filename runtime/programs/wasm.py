"""WebAssembly: a model as a program that trains and samples in a browser.

In: a model's shape, its alphabet, and its weights if there are any. Out: a module, with what it says of itself: sizes,
the alphabet, and every array of its memory with the line of the model that computes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ...compiler.c.c_text import c_text, plain_text
from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import Array
from ...compiler.numerics import current
from ...model import gpt
from ...model.config import AdamConfig, GPTConfig
from ..executable.wasm import check_numerics, program, write_program
from ..machine.wasm import VECTOR_WIDTH
from .c_source import ModelSource, proved_source
from .export import check_model, library_files, math_functions

__all__ = ["export_wasm", "module_of", "wasm_model"]

_PACKAGE = __package__ or ""


def export_wasm(
    folder: Path,
    config: GPTConfig,
    optimizer: AdamConfig,
    characters: Sequence[str],
    weights: Sequence[float] | None = None,
    prefix: str = "microgpt",
) -> list[Path]:
    """Writes a model as a program for WebAssembly, and the JavaScript that runs it.

    Args:
        folder: made if it is not there.
        prefix: the program's name.
        characters, weights: as for `wasm_model`.

    Returns:
        the files.

    Raises:
        OSError: if the folder cannot be written.
        ValueError, ToolchainError: as `wasm_model`.
    """
    return write_program(folder, prefix, wasm_model(config, optimizer, characters, weights, prefix))


def wasm_model(
    config: GPTConfig,
    optimizer: AdamConfig,
    characters: Sequence[str],
    weights: Sequence[float] | None = None,
    prefix: str = "microgpt",
) -> bytes:
    """Compiles a model to a module.

    Args:
        characters: what the tokens stand for, without the one that begins and ends a document.
        weights: the model's parameters, in the order of ``config.matrices()``.

    Raises:
        ValueError: if the alphabet or the weights are not of the model's size, the prefix is no name in C, or numerics
            are not portable.
        ToolchainError: if no compiler can.
    """
    check_numerics()
    check_model(config, characters, weights, prefix)
    source = proved_source(config, optimizer, prefix, VECTOR_WIDTH, reuses=False)
    return module_of(source, characters, weights)


def module_of(source: ModelSource, characters: Sequence[str], weights: Sequence[float] | None = None) -> bytes:
    """Compiles the source of a model, for vectors of `VECTOR_WIDTH` and in portable numerics.

    Args:
        characters, weights: as for `wasm_model`.

    Raises:
        ToolchainError: if no compiler can.
    """
    prefix = source.prefix
    glue = c_text(
        _PACKAGE,
        "wasm.c",
        prefix=prefix,
        PREFIX=prefix.upper(),
        weights=f'#include "{prefix}_weights.h"\n' if weights is not None else "",
        functions=math_functions(prefix),
        random=plain_text(_PACKAGE, "random.c"),
        gauss=plain_text(_PACKAGE, "gauss.c"),
    )
    files = {**library_files(source, weights), "wasm.c": glue}
    return program(files, _about(source, characters))


def _about(source: ModelSource, characters: Sequence[str]) -> dict[str, object]:
    config, optimizer, file = source.config, source.optimizer, Path(gpt.__file__)
    return {
        "kind": "model",
        "name": source.prefix,
        "numerics": current().name,
        "vocabulary": config.vocab_size,
        "layers": config.n_layer,
        "width": config.n_embd,
        "heads": config.n_head,
        "block": config.block_size,
        "parameters": config.parameter_count,
        "alphabet": list(characters),
        "learningRate": optimizer.learning_rate,
        "beta1": optimizer.beta1,
        "beta2": optimizer.beta2,
        "arrays": list(_arrays(source.layout)),
        "sources": {file.name: file.read_text("utf-8")},
    }


def _arrays(layout: Layout) -> Iterator[dict[str, object]]:
    """The arrays of a memory; the parts of one behind it."""
    for array, start, parts in layout.placed:
        yield _array(array, start)
        yield from (_array(part, start + part.offset) for part in parts)


def _array(array: Array, start: int) -> dict[str, object]:
    # What values are is said in four parts, see `place`.
    origin = array.about.rsplit(", ", 3) if array.space == "value" else []
    scope, side, line, op = origin if len(origin) == 4 else ("", "", "", "")
    return {
        "name": array.name,
        "shape": array.shape,
        "axes": array.axes,
        "offset": start,
        "kind": array.space,
        "scope": scope,
        "side": side,
        "line": line,
        "op": op,
    }
