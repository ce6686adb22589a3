"""Export: a model as a C library that needs neither Python nor anything but libm.

In: a model's shape, its alphabet, and its weights if there are any. Out: a folder with ``PREFIX.c`` and ``PREFIX.h``
(the library), ``PREFIX_weights.h``, ``main.c`` (an example that trains and samples, with Python's own random numbers)
and a ``Makefile``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...compiler.c.c_text import c_text, decimal_text, plain_text
from ...compiler.c.print_c import number_text
from ...compiler.numerics import current
from ...model.config import AdamConfig, GPTConfig
from ..executable.c_files import bits_text, check_number, check_prefix, header, makefile, refusal, write_files
from ..machine.find_toolchain import vector_width_here
from .c_source import ModelSource, proved_source
from .inference import inference_source

__all__ = ["check_model", "export_inference", "export_library", "library_files", "math_functions"]

_PACKAGE = __package__ or ""
_SHAPE = ("VOCABULARY", "LAYERS", "WIDTH", "HEADS", "BLOCK", "PARAMETERS")


def export_library(
    folder: Path,
    config: GPTConfig,
    optimizer: AdamConfig,
    characters: Sequence[str],
    weights: Sequence[float] | None = None,
    prefix: str = "microgpt",
    plain: bool = False,
) -> list[Path]:
    """Writes a standalone C library.

    Args:
        folder: made if it is not there.
        characters: what the tokens stand for, without the one that begins and ends a document.
        weights: the model's parameters, in the order of ``config.matrices()``.
        prefix: of the files, and of every name that other files can see.
        plain: whether it is C99 without vectors, for any compiler.

    Returns:
        the files.

    Raises:
        OSError: if the folder cannot be written.
        ValueError: if the alphabet or the weights are not of the model's size, the prefix is no name in C, or numerics
            are fast.
    """
    check_model(config, characters, weights, prefix)
    check_number("double")
    source = proved_source(config, optimizer, prefix, 1 if plain else vector_width_here())
    example = {"functions": math_functions(prefix), "gauss": plain_text(_PACKAGE, "gauss.c"), **_example(characters)}
    files = {
        **library_files(source, weights),
        "main.c": c_text(_PACKAGE, "main.c", prefix=prefix, PREFIX=prefix.upper(), **example),
        "Makefile": makefile(prefix, prefix),
    }
    return write_files(folder, files)


def export_inference(
    folder: Path,
    config: GPTConfig,
    characters: Sequence[str],
    weights: Sequence[float],
    prefix: str = "microgpt",
    number: str = "double",
) -> list[Path]:
    """Writes a standalone C library that samples with a trained model, see `inference`.

    Args:
        folder, characters, weights, prefix: as for `export_library`.
        number: the type of numbers: ``double``, or ``float``, whose results are others.

    Returns:
        the files.

    Raises:
        OSError: if the folder cannot be written.
        ValueError: as `export_library` does, and for ``float`` in portable numerics.
    """
    check_model(config, characters, weights, prefix)
    check_number(number)
    source = inference_source(config, prefix, number)
    source.prove()
    f = "f" if number == "float" else ""
    sizes = {name: value for name, value in _sizes(config, AdamConfig(), True).items() if name in _SHAPE}
    names = {"prefix": prefix, "PREFIX": prefix.upper(), "f": f, "refusal": refusal(prefix, number)}
    about = f"A GPT that samples, made by microgpt: {bits_text(number)}."
    uniform = "(float)random_number()" if f else "random_number()"
    files = {
        f"{prefix}.h": header(prefix, about, sizes, source.declarations),
        f"{prefix}.c": source.text,
        f"{prefix}_weights.h": _weights(weights, prefix, number),
        "main.c": c_text(_PACKAGE, "inference_main.c", uniform=uniform, **_example(characters), **names),
        "Makefile": makefile(prefix, prefix),
    }
    return write_files(folder, files)


def library_files(source: ModelSource, weights: Sequence[float] | None) -> dict[str, str]:
    """The files of the library itself, by name."""
    prefix, config = source.prefix, source.config
    about = "A GPT, made by microgpt: the bits of Python's arithmetic, and nothing needed but libm."
    sizes = _sizes(config, source.optimizer, weights is not None)
    files = {
        f"{prefix}.h": header(prefix, about, sizes, source.declarations),
        f"{prefix}.c": source.file(f'#include "{prefix}.h"\n'),
    }
    if weights is not None:
        files[f"{prefix}_weights.h"] = _weights(weights, prefix, "double")
    return files


def math_functions(prefix: str) -> str:
    """What stands in C for the functions that Python calls outside of the programs."""
    return c_text(_PACKAGE, f"functions_{current().name}.c", prefix=prefix)


def check_model(config: GPTConfig, characters: Sequence[str], weights: Sequence[float] | None, prefix: str) -> None:
    """Checks what an export is given.

    Raises:
        ValueError: if the alphabet or the weights are not of the model's size, or the prefix is no name in C.
    """
    if len(characters) + 1 != config.vocab_size:
        raise ValueError(
            f"a model of {config.vocab_size} tokens has {config.vocab_size - 1} characters, not {len(characters)}"
        )
    if weights is not None and len(weights) != config.parameter_count:
        raise ValueError(f"the model has {config.parameter_count} parameters, not {len(weights)}")
    check_prefix(prefix, "")


def _weights(weights: Sequence[float], prefix: str, number: str) -> str:
    numbers = "\n".join(f"    {number_text(float(weight).hex(), number)}," for weight in weights)
    return f"static const {number} {prefix}_weights[{len(weights)}] = {{\n{numbers}\n}};\n"


def _example(characters: Sequence[str]) -> dict[str, str]:
    """What both examples have."""
    return {
        "alphabet": _code_points(characters),
        "random": plain_text(_PACKAGE, "random.c"),
        "print_character": plain_text(_PACKAGE, "print_character.c"),
    }


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
    }


def _code_points(characters: Sequence[str]) -> str:
    # Numbers, not strings: quotes, trigraphs and control characters mean nothing in them.
    numbers = [f"0x{ord(character):x}" for character in characters]
    return "".join(f"\n    {', '.join(numbers[start : start + 12])}," for start in range(0, len(numbers), 12))
