"""Which model and which program a command is about, by its options --kind, --length and the sizes of the model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from ...model.config import GPTConfig
    from ...runtime.programs.recipe import Recipe

__all__ = [
    "USUAL_LENGTH",
    "check_shape",
    "check_shape_of",
    "given_config",
    "given_recipe",
    "length_of",
    "parse_lengths",
    "program_number",
    "program_title",
]

# The program that is looked at if no other is asked for: names have 6 letters on average, and what begins them.
USUAL_LENGTH = 7
# How far from a number of heads others are looked for.
DISTANCE = 1000


def check_shape(shape: dict[str, int]) -> None:
    """Raises a `click.UsageError` unless the heads divide the width and the model is one that can be had."""
    width, heads = shape["n_embd"], shape["n_head"]
    context = click.get_current_context(silent=True)
    if width % heads:
        choice = " or ".join(map(str, _divisors_near(width, heads)))
        raise click.UsageError(
            f"--n-head {heads} does not divide --n-embd {width}; heads take equal shares, so try --n-head {choice}",
            context,
        )
    from ...model.config import MOST_PARAMETERS

    # But for the embeddings of the tokens, since no corpus has been read.
    parameters = 12 * shape["n_layer"] * width**2 + shape["block_size"] * width
    if parameters > MOST_PARAMETERS:
        raise click.UsageError(
            f"a model of these sizes has {parameters:,} parameters, and each is a scalar of its own; "
            f"{MOST_PARAMETERS:,} are the most",
            context,
        )


def check_shape_of(context: click.Context, config: GPTConfig, shape: dict[str, int]) -> None:
    """Raises a `click.UsageError` if the command line asks for sizes that a trained model does not have."""
    for name, size in shape.items():
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and size != getattr(config, name):
            option = f"--{name.replace('_', '-')}"
            raise click.UsageError(f"{option} {size}, but the model has {getattr(config, name)}; leave out {option}")


def _divisors_near(width: int, heads: int) -> list[int]:
    """Up to three divisors of `width`, ascending. Not all are looked for: a slip of the finger may make it huge."""
    window = range(max(1, heads - DISTANCE), min(width, heads + DISTANCE) + 1)
    divisors = {1, width} | {number for number in window if width % number == 0}
    return sorted(sorted(divisors, key=lambda number: (abs(number - heads), number))[:3])


def given_config(data: str, shape: dict[str, int]) -> GPTConfig:
    """The model for a corpus, whose alphabet decides the size of the vocabulary."""
    check_shape(shape)
    from ...data.corpus import load_corpus
    from ...data.tokenizer import Tokenizer
    from ...model.config import GPTConfig

    return GPTConfig(vocab_size=Tokenizer.of(load_corpus(data).documents).vocab_size, **shape)


def program_number(kind: str, length: int | None, block_size: int) -> int:
    """The number of a program in its `Recipe`. Sampling with `length` characters in view is position ``length - 1``.

    Args:
        length: as asked for; None for the usual one, or the longest one there is, and for the optimiser.
    """
    if kind == "optimizer":
        if length is not None:
            raise click.UsageError("--kind optimizer has one program for all lengths; leave out --length")
        return 0
    if length is None:
        length = min(USUAL_LENGTH, block_size)
    if length > block_size:
        raise click.UsageError(f"--length {length} is more than --block-size {block_size}")
    return length if kind == "training" else length - 1


def given_recipe(kind: str, length: int | None, data: str, shape: dict[str, int]) -> Recipe:
    """The program that is asked for."""
    from ...model.config import AdamConfig
    from ...runtime.programs.recipe import Recipe

    number = program_number(kind, length, shape["block_size"])
    return Recipe(kind, number, AdamConfig() if kind == "optimizer" else given_config(data, shape))


def length_of(recipe: Recipe) -> int | None:
    """How many characters a program reads; None for the optimiser."""
    return {"training": recipe.number, "inference": recipe.number + 1}.get(recipe.kind)


def program_title(recipe: Recipe) -> str:
    """What a program computes, for a heading."""
    length = length_of(recipe)
    if length is None:
        return "Adam, for one parameter"
    characters = f"{length} character{'s' * (length != 1)}"
    return f"Loss and gradient of {characters}" if recipe.kind == "training" else f"What follows {characters}"


def parse_lengths(texts: Sequence[str], block_size: int) -> list[int]:
    """Lengths as people write them: ``7``, ``1,7,16``, ``3-5``, ``all``. Ascending, each once."""
    lengths: set[int] = set()
    for part in (part for text in texts for part in text.split(",")):
        span = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip(), re.ASCII)
        if part.strip() == "all":
            lengths.update(range(1, block_size + 1))
        elif span is None:
            raise click.UsageError(f"{part!r} is not a length; write for example 7, or 1,7,16, or 3-5, or all")
        else:
            first, last = int(span[1]), int(span[2] or span[1])
            if not 1 <= first <= last <= block_size:
                raise click.UsageError(f"--length {part} is not within 1 to {block_size}, the --block-size")
            lengths.update(range(first, last + 1))
    return sorted(lengths)
