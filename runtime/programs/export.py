"""Export: a model as a C library that needs neither Python nor anything but libm.

In: a model's shape, its alphabet, and its weights if there are any. Out: a folder with ``microgpt.c`` and
``microgpt.h`` (the library), ``weights.h``, ``main.c`` (an example that trains and samples, with Python's own random
numbers) and a ``Makefile``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...compiler.c.c_text import c_text, plain_text
from ...model.config import AdamConfig, GPTConfig
from ..storage.files import write_atomically
from .c_source import ModelSource, proved_source

__all__ = ["export_library"]

_PACKAGE = __package__ or ""


def export_library(
    folder: Path,
    config: GPTConfig,
    optimizer: AdamConfig,
    characters: Sequence[str],
    weights: Sequence[float] | None = None,
) -> list[Path]:
    """Writes a standalone C library.

    Args:
        folder: made if it is not there.
        characters: what the tokens stand for, without the one that begins and ends a document.
        weights: the model's parameters, in the order of ``config.matrices()``.

    Returns:
        the files.

    Raises:
        OSError: if the folder cannot be written.
        ValueError: if the alphabet or the weights are not of the model's size.
    """
    if len(characters) + 1 != config.vocab_size:
        raise ValueError(
            f"a model of {config.vocab_size} tokens has {config.vocab_size - 1} characters, not {len(characters)}"
        )
    if weights is not None and len(weights) != config.parameter_count:
        raise ValueError(f"the model has {config.parameter_count} parameters, not {len(weights)}")
    source = proved_source(config, optimizer)
    files = {
        "microgpt.h": _header(config, optimizer, source, weights is not None),
        "microgpt.c": source.text,
        "main.c": c_text(_PACKAGE, "main.c", alphabet=_code_points(characters)),
        "Makefile": plain_text(_PACKAGE, "Makefile"),
    }
    if weights is not None:
        numbers = "\n".join(f"    {float(weight).hex()}," for weight in weights)
        files["weights.h"] = f"static const double microgpt_weights[{len(weights)}] = {{\n{numbers}\n}};\n"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        write_atomically(folder / name, text.encode())
    return [folder / name for name in files]


def _header(config: GPTConfig, optimizer: AdamConfig, source: ModelSource, has_weights: bool) -> str:
    numbers = {
        "VOCABULARY": config.vocab_size,
        "LAYERS": config.n_layer,
        "WIDTH": config.n_embd,
        "HEADS": config.n_head,
        "BLOCK": config.block_size,
        "PARAMETERS": config.parameter_count,
        "HAS_WEIGHTS": int(has_weights),
        "LEARNING_RATE": float(optimizer.learning_rate).hex(),
        "BETA1": float(optimizer.beta1).hex(),
        "BETA2": float(optimizer.beta2).hex(),
    }
    defines = [f"#define MICROGPT_{name} {number}" for name, number in numbers.items()]
    return "\n".join(
        [
            "#ifndef MICROGPT_H",
            "#define MICROGPT_H",
            *defines,
            "",
            "#ifdef __cplusplus",
            'extern "C" {',
            "#endif",
            source.declarations.rstrip(),
            "#ifdef __cplusplus",
            "}",
            "#endif",
            "#endif",
            "",
        ]
    )


def _code_points(characters: Sequence[str]) -> str:
    # Numbers, not strings: quotes, trigraphs and control characters mean nothing in them.
    numbers = [f"0x{ord(character):x}" for character in characters]
    return "".join(f"\n    {', '.join(numbers[start : start + 12])}," for start in range(0, len(numbers), 12))
