"""The options that several commands share, with their checks and defaults."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .completing import complete_corpus

if TYPE_CHECKING:
    from ..model.config import GPTConfig
    from ..runtime.recipe import Recipe

__all__ = [
    "PATH",
    "POSITIVE",
    "backend_option",
    "check_shape",
    "data_option",
    "fraction",
    "given_config",
    "given_recipe",
    "jobs_option",
    "json_option",
    "kind_option",
    "length_of",
    "length_option",
    "lengths_option",
    "model_options",
    "parse_lengths",
    "positive_number",
    "program_number",
    "program_title",
    "seed_option",
    "share",
    "temperature_option",
    "training_options",
]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

POSITIVE = click.IntRange(min=1)

# The program that is looked at if no other is asked for: names have 6 letters on average, and what begins them.
USUAL_LENGTH = 7
# Some gigabytes as lists of Python's numbers; programs of scalars end long before.
MOST_PARAMETERS = 10_000_000
# How far from a number of heads others are looked for.
DISTANCE = 1000


class _Path(click.Path):
    """A path. A zero byte, which a configuration may hold though no command line can, is refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if "\0" in str(value):
            self.fail("a path has no zero bytes", param, ctx)
        return super().convert(value, param, ctx)


PATH = _Path(path_type=Path)


def positive_number(text: str) -> float:
    """The type of an option: a finite number above zero. `click.FloatRange` would let NaN and infinity pass."""
    try:
        number = float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number") from None
    if not 0.0 < number < math.inf:
        raise click.BadParameter(f"{text} is not a finite number above zero")
    return number


def fraction(text: str) -> float:
    """The type of an option: a number from 0 to less than 1."""
    try:
        number = float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number") from None
    if not 0.0 <= number < 1.0:
        raise click.BadParameter(f"{text} is not from 0 to less than 1")
    return number


def share(text: str) -> float:
    """The type of an option: a number above 0, at most 1."""
    number = positive_number(text)
    if number > 1.0:
        raise click.BadParameter(f"{text} is more than 1")
    return number


seed_option = click.option(
    "--seed", type=click.IntRange(min=0), default=42, show_default=True, metavar="N", help="Begins all that is random."
)
temperature_option = click.option(
    "--temperature",
    type=positive_number,
    metavar="NUMBER",
    default=0.5,
    show_default=True,
    help="How freely to choose: below 1, the likely becomes likelier.",
)
data_option = click.option(
    "--data",
    metavar="FILE|NAME|-",
    shell_complete=complete_corpus,
    default="names",
    show_default=True,
    help="A text file in UTF-8, one document a line; - for standard input; or a corpus of `microgpt data list`.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON; docs/json.md tells what is in it.")
length_option = click.option(
    "--length",
    type=POSITIVE,
    metavar="N",
    help=f"How many characters the program reads.  [default: {USUAL_LENGTH}]",
)
jobs_option = click.option(
    "--jobs", type=POSITIVE, metavar="N", help="Compile this many programs at a time.  [default: one a processor]"
)
kind_option = click.option(
    "--kind",
    type=click.Choice(["training", "inference", "optimizer"]),
    default="training",
    show_default=True,
    help="Loss and gradient; one step of sampling; or Adam.",
)


def lengths_option(default: str) -> Callable[[Decorated], Decorated]:
    """``--length 1,7 16``, as the parameters `lengths` and `more`; for `parse_lengths`.

    Args:
        default: in words.
    """
    option = click.option(
        "--length",
        "lengths",
        metavar="N ...|all",
        multiple=True,
        help=f"How many characters: 7, or 1,7,16, or 3-5.  [default: {default}]",
    )
    return lambda command: option(click.argument("more", nargs=-1, metavar="")(command))


def backend_option(*names: str) -> Callable[[Decorated], Decorated]:
    """`--backend`, one of `names`."""
    return click.option(
        "--backend", type=click.Choice(names), default=names[0], show_default=True, help="What carries out the model."
    )


def model_options(command: Decorated) -> Decorated:
    """The sizes of the model, as keyword arguments named like those of `GPTConfig`."""
    sizes = (
        ("--block-size", 16, "Positions the model looks back over."),
        ("--n-head", 4, "Attention heads; must divide --n-embd."),
        ("--n-embd", 16, "Width of the model."),
        ("--n-layer", 1, "Layers of the model."),
    )
    for name, default, text in sizes:
        option = click.option(name, type=POSITIVE, default=default, show_default=True, metavar="N", help=text)
        command = option(command)
    return command


# What decides the bits of a run, together with the sizes of the model, in the order of --help.
_TRAINING = (
    data_option,
    click.option(
        "--steps",
        type=POSITIVE,
        default=1000,
        show_default=True,
        metavar="N",
        help="How many; one document each.",
    ),
    seed_option,
    model_options,
    click.option(
        "--learning-rate",
        type=positive_number,
        default=0.01,
        show_default=True,
        metavar="NUMBER",
        help="Of Adam, at the first step; it falls to zero.",
    ),
    click.option(
        "--beta1",
        type=fraction,
        default=0.85,
        show_default=True,
        metavar="NUMBER",
        help="Of Adam: how much of the mean gradient a step keeps.",
    ),
    click.option(
        "--beta2",
        type=fraction,
        default=0.99,
        show_default=True,
        metavar="NUMBER",
        help="Of Adam: how much of the mean squared gradient a step keeps.",
    ),
    click.option(
        "--epsilon",
        type=positive_number,
        default=1e-8,
        show_default=True,
        metavar="NUMBER",
        help="Of Adam: added to what it divides by.",
    ),
    click.option(
        "--eval-fraction",
        type=fraction,
        default=0.0,
        show_default=True,
        metavar="NUMBER",
        help="Hold out this share of the documents, and tell their loss at the end.",
    ),
    click.option("--pack", is_flag=True, help="Split documents longer than --block-size instead of cutting them."),
)


def training_options(command: Decorated) -> Decorated:
    """What decides the bits of a run; `tools.new_training` makes a `Training` of it."""
    for option in reversed(_TRAINING):
        command = option(command)
    return command


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
    # But for the embeddings of the tokens, since no corpus has been read.
    parameters = 12 * shape["n_layer"] * width**2 + shape["block_size"] * width
    if parameters > MOST_PARAMETERS:
        raise click.UsageError(
            f"a model of these sizes has {parameters:,} parameters, and each is a scalar of its own; "
            f"{MOST_PARAMETERS:,} are the most",
            context,
        )


def _divisors_near(width: int, heads: int) -> list[int]:
    """Up to three divisors of `width`, ascending. Not all are looked for: a slip of the finger may make it huge."""
    window = range(max(1, heads - DISTANCE), min(width, heads + DISTANCE) + 1)
    divisors = {1, width} | {number for number in window if width % number == 0}
    return sorted(sorted(divisors, key=lambda number: (abs(number - heads), number))[:3])


def given_config(data: str, shape: dict[str, int]) -> GPTConfig:
    """The model for a corpus, whose alphabet decides the size of the vocabulary."""
    check_shape(shape)
    from ..data.corpus import load_corpus
    from ..data.tokenizer import Tokenizer
    from ..model.config import GPTConfig

    return GPTConfig(vocab_size=Tokenizer.of(load_corpus(data).documents).vocab_size, **shape)


def program_number(kind: str, length: int | None, block_size: int) -> int:
    """The number of a program in its `Recipe`. Sampling with `length` characters in view is position ``length - 1``."""
    if kind == "optimizer":
        if length is not None:
            raise click.UsageError("--kind optimizer has one program for all lengths; leave out --length")
        return 0
    if length is None:
        raise click.UsageError(f"--kind {kind} needs a --length, from 1 to {block_size}")
    if length > block_size:
        raise click.UsageError(f"--length {length} is more than --block-size {block_size}")
    return length if kind == "training" else length - 1


def given_recipe(kind: str, length: int | None, data: str, shape: dict[str, int]) -> Recipe:
    """The program that is asked for; of the usual length, or the longest one there is, if none is given."""
    from ..model.config import AdamConfig
    from ..runtime.recipe import Recipe

    if kind == "optimizer":
        return Recipe(kind, program_number(kind, length, shape["block_size"]), AdamConfig())
    number = program_number(kind, length or min(USUAL_LENGTH, shape["block_size"]), shape["block_size"])
    return Recipe(kind, number, given_config(data, shape))


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
