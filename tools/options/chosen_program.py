"""Which model and which program a command is about, by its options --kind, --length and the sizes of the model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from ...model.config import GPTConfig
    from ...runtime.training.checkpoint import Checkpoint
    from ..subject.function import FunctionSubject
    from ..subject.one_graph import GraphSubject
    from ..subject.subject import Subject

__all__ = [
    "USUAL_LENGTH",
    "check_shape",
    "check_shape_of",
    "given_config",
    "given_function",
    "given_graph",
    "given_subject",
    "parse_lengths",
    "program_number",
]

# The program that is looked at if no other is asked for: names have 6 letters on average, and what begins them.
USUAL_LENGTH = 7
# Options that say which model, and so have no meaning for a function of the user's.
OF_THE_GPT = frozenset(
    (
        *("length", "lengths", "kind", "data", "seed", "steps", "samples", "checkpoint", "text", "texts", "against"),
        *("n_layer", "n_embd", "n_head", "block_size", "jobs", "sample_seconds"),
    )
)
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


def given_subject(
    context: click.Context,
    program: str | None,
    kind: str,
    length: int | None,
    data: str,
    shape: dict[str, int],
    model: Checkpoint | None = None,
) -> Subject:
    """The program that is asked for: a function in a file of the user's, or else one of the GPT's.

    Args:
        program: ``FILE.py:NAME``, or ``FILE.py:NAME:ROW`` for a function of a row that it sums.
        model: whose sizes count, and not `shape`.

    Raises:
        click.UsageError: if an option is about the GPT and the program is not.
        UserFileError: if the file has no such function.
    """
    if program is not None:
        return given_graph(context, program)
    from ...model.config import AdamConfig
    from ...runtime.programs.recipe import Recipe
    from ..subject.model import ModelSubject
    from ..terminal import console

    number = program_number(kind, length, model.config.block_size if model else shape["block_size"])
    config = model.config if model else given_config(data, shape)
    recipe = Recipe(kind, number, AdamConfig() if kind == "optimizer" else config)
    return ModelSubject(recipe, config, warn=console.warn)


def given_graph(context: click.Context, program: str) -> GraphSubject:
    """A function in a file of the user's, or one of a row that it sums. What `given_subject` raises."""
    from ..subject.user_file import row_function
    from ..terminal import console

    row = row_function(program)
    function = given_function(context, program.removesuffix(f":{row}"))
    if row is not None:
        return function.part(row)
    if function.rows:
        console.say(f"its functions of a row: {', '.join(f'{program}:{name}' for name in function.rows)}")
    return function


def given_function(context: click.Context, program: str) -> FunctionSubject:
    """A function in a file of the user's, as ``FILE.py:NAME`` names it. What `given_subject` raises."""
    from ..subject.user_file import row_function

    if row_function(program) is not None:
        whole = program.rpartition(":")[0]
        raise click.UsageError(f"a function of a row is not called by itself; name the whole: {whole}", context)
    for option in context.command.params:
        given = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        if given and option.name in OF_THE_GPT:
            raise click.UsageError(f"{option.opts[0]} is about the GPT; leave it out with {program}", context)
    from ..subject.function import FunctionSubject
    from ..subject.user_file import load_function, look_at
    from ..terminal import console

    return FunctionSubject(load_function(program, look_at, progress=console.shows_progress()))


def parse_lengths(texts: Sequence[str], block_size: int) -> list[int]:
    """Lengths as people write them: ``7``, ``1,7,16``, ``3-5``, ``all``. Ascending, each once."""
    lengths: set[int] = set()
    for part in (part for text in texts for part in text.split(",")):
        span = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip(), re.ASCII)
        if part.strip() == "all":
            lengths.update(range(1, block_size + 1))
        elif re.search(r"\.py:\w", part):
            raise click.UsageError(
                f"this is about the GPT, and {part} is a function of your own; `microgpt show {part}` prints what it "
                f"becomes, and `microgpt export {part} FOLDER` writes it"
            )
        elif span is None:
            raise click.UsageError(f"{part!r} is not a length; write for example 7, or 1,7,16, or 3-5, or all")
        else:
            first, last = int(span[1]), int(span[2] or span[1])
            if not 1 <= first <= last <= block_size:
                raise click.UsageError(f"--length {part} is not within 1 to {block_size}, the --block-size")
            lengths.update(range(first, last + 1))
    return sorted(lengths)
