"""Export: a model as a C library that needs neither Python nor anything but libm.

In: a model's shape, its alphabet, and its weights if there are any. Out: a folder with ``PREFIX.c`` and ``PREFIX.h``
(the library), ``PREFIX_weights.h``, ``main.c`` (an example that trains and samples, with Python's own random numbers)
and a ``Makefile``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...compiler.c.c_text import c_text, decimal_text
from ...compiler.numerics import current
from ...model.config import AdamConfig, GPTConfig
from ..executable.c_files import check_prefix, header, makefile, write_files
from .c_source import proved_source

__all__ = ["export_library"]

_PACKAGE = __package__ or ""


def export_library(
    folder: Path,
    config: GPTConfig,
    optimizer: AdamConfig,
    characters: Sequence[str],
    weights: Sequence[float] | None = None,
    prefix: str = "microgpt",
) -> list[Path]:
    """Writes a standalone C library.

    Args:
        folder: made if it is not there.
        characters: what the tokens stand for, without the one that begins and ends a document.
        weights: the model's parameters, in the order of ``config.matrices()``.
        prefix: of the files, and of every name that other files can see.

    Returns:
        the files.

    Raises:
        OSError: if the folder cannot be written.
        ValueError: if the alphabet or the weights are not of the model's size, or the prefix is no name in C.
    """
    if len(characters) + 1 != config.vocab_size:
        raise ValueError(
            f"a model of {config.vocab_size} tokens has {config.vocab_size - 1} characters, not {len(characters)}"
        )
    if weights is not None and len(weights) != config.parameter_count:
        raise ValueError(f"the model has {config.parameter_count} parameters, not {len(weights)}")
    check_prefix(prefix, "")
    source = proved_source(config, optimizer, prefix)
    names = {"prefix": prefix, "PREFIX": prefix.upper()}
    functions = c_text(_PACKAGE, f"functions_{current().name}.c", prefix=prefix)
    about = "A GPT, made by microgpt: the bits of Python's arithmetic, and nothing needed but libm."
    sizes = _sizes(config, optimizer, weights is not None)
    declared, defined = ("" if current().libm else c_text(_PACKAGE, f"portable.{kind}", prefix=prefix) for kind in "hc")
    files = {
        f"{prefix}.h": header(prefix, about, sizes, source.declarations + declared),
        f"{prefix}.c": source.file(f'#include "{prefix}.h"\n') + defined,
        "main.c": c_text(_PACKAGE, "main.c", alphabet=_code_points(characters), functions=functions, **names),
        "Makefile": makefile(prefix, prefix),
    }
    if weights is not None:
        numbers = "\n".join(f"    {decimal_text(weight)}," for weight in weights)
        files[f"{prefix}_weights.h"] = f"static const double {prefix}_weights[{len(weights)}] = {{\n{numbers}\n}};\n"
    return write_files(folder, files)


def _sizes(config: GPTConfig, optimizer: AdamConfig, has_weights: bool) -> dict[str, object]:
    return {
        "VOCABULARY": config.vocab_size,
        "LAYERS": config.n_layer,
        "WIDTH": config.n_embd,
        "HEADS": config.n_head,
        "BLOCK": config.block_size,
        "PARAMETERS": config.parameter_count,
        "HAS_WEIGHTS": int(has_weights),
        "LEARNING_RATE": decimal_text(optimizer.learning_rate),
        "BETA1": decimal_text(optimizer.beta1),
        "BETA2": decimal_text(optimizer.beta2),
    }


def _code_points(characters: Sequence[str]) -> str:
    # Numbers, not strings: quotes, trigraphs and control characters mean nothing in them.
    numbers = [f"0x{ord(character):x}" for character in characters]
    return "".join(f"\n    {', '.join(numbers[start : start + 12])}," for start in range(0, len(numbers), 12))
