"""The options that several commands share, with their help and defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ...compiler.numerics import NUMERICS, numerics
from ...model.config import MOST_DOCUMENTS
from .chosen_program import USUAL_LENGTH
from .completing import complete_corpus, complete_file
from .types import NOT_NEGATIVE, PATH, POSITIVE, WholeNumber, fraction, positive_number, share, temperature

__all__ = [
    "NOT_NEGATIVE",
    "PATH",
    "POSITIVE",
    "backend_option",
    "batch_size_option",
    "data_option",
    "fraction",
    "jobs_option",
    "json_option",
    "keep_option",
    "kind_option",
    "length_option",
    "lengths_option",
    "model_options",
    "numerics_option",
    "positive_number",
    "program_argument",
    "seed_option",
    "share",
    "temperature_option",
    "training_options",
    "values_option",
]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

seed_option = click.option(
    "--seed", type=NOT_NEGATIVE, default=42, show_default=True, metavar="N", help="Seed of everything random."
)
temperature_option = click.option(
    "--temperature",
    type=temperature,
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
batch_size_option = click.option(
    "--batch-size",
    type=WholeNumber(1, MOST_DOCUMENTS),
    default=1,
    show_default=True,
    metavar="N",
    help="Documents of a step, which takes the mean of their losses and gradients.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON; see docs/json.md for the schema.")
length_option = click.option(
    "--length",
    type=POSITIVE,
    metavar="N",
    help=f"How many characters the program reads.  [default: {USUAL_LENGTH}]",
)
jobs_option = click.option(
    "--jobs", type=POSITIVE, metavar="N", help="Compile this many programs at a time.  [default: one a processor]"
)
keep_option = click.option(
    "--keep", type=POSITIVE, default=3, show_default=True, metavar="N", help="Number of these to keep."
)
kind_option = click.option(
    "--kind",
    type=click.Choice(["training", "inference", "optimizer"]),
    default="training",
    show_default=True,
    help="Loss and gradient; one step of sampling; or Adam.",
)


def _program(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    from ..subject.user_file import is_program

    if value is not None and not is_program(value):
        raise click.BadParameter(f"{value!r} is not FILE.py:NAME, as in model.py:loss")
    return value


program_argument = click.argument(
    "program", required=False, metavar="[FILE.py:NAME]", callback=_program, shell_complete=complete_file
)


def lengths_option(default: str, instead: str = "") -> Callable[[Decorated], Decorated]:
    """``--length 1,7 16``, as the parameters `lengths` and `more`; for `chosen_program.parse_lengths`.

    Args:
        default: in words.
        instead: what may stand in the place of lengths.
    """
    option = click.option(
        "--length",
        "lengths",
        metavar="N ...|all",
        multiple=True,
        help=f"How many characters: 7, or 1,7,16, or 3-5.  [default: {default}]",
    )
    return lambda command: option(
        click.argument("more", nargs=-1, metavar=instead, shell_complete=complete_file)(command)
    )


def values_option(words: str) -> Callable[[Decorated], Decorated]:
    """``--values CHECKPOINT``, as the parameter `checkpoint`; it goes with --text.

    Args:
        words: what is made of the values.
    """
    return click.option(
        "--values",
        "checkpoint",
        type=PATH,
        metavar="CHECKPOINT",
        help=f"{words}: a file, or the folder of a run.  [default with --text: the last model trained here]",
    )


def _put_in_force(context: click.Context, parameter: click.Parameter, value: str) -> None:
    context.with_resource(numerics(value))


_NUMERICS = (
    "exact: as this machine's C library rounds; portable: the same bits everywhere; fast: C in single precision, and "
    "fast-float64: in double, neither of them exact."
)
# Puts numerics in force while the command runs.
numerics_option = click.option(
    "--numerics",
    type=click.Choice(NUMERICS),
    default=NUMERICS[0],
    show_default=True,
    expose_value=False,
    callback=_put_in_force,
    help=_NUMERICS,
)


def backend_option(*names: str) -> Callable[[Decorated], Decorated]:
    """`--backend`, one of `names`."""
    return click.option(
        "--backend", type=click.Choice(names), default=names[0], show_default=True, help="What runs the model."
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
        help="Number of steps, one document or --batch-size documents each.",
    ),
    seed_option,
    model_options,
    click.option(
        "--learning-rate",
        type=positive_number,
        default=0.01,
        show_default=True,
        metavar="NUMBER",
        help="Adam's rate at the first step; it falls to zero.",
    ),
    click.option(
        "--beta1",
        type=fraction,
        default=0.85,
        show_default=True,
        metavar="NUMBER",
        help="Adam's decay of the mean gradient.",
    ),
    click.option(
        "--beta2",
        type=fraction,
        default=0.99,
        show_default=True,
        metavar="NUMBER",
        help="Adam's decay of the mean squared gradient.",
    ),
    click.option(
        "--epsilon",
        type=positive_number,
        default=1e-8,
        show_default=True,
        metavar="NUMBER",
        help="Added to Adam's divisor.",
    ),
    click.option(
        "--eval-fraction",
        type=fraction,
        default=0.0,
        show_default=True,
        metavar="NUMBER",
        help="Hold out this share of the documents, and print their loss at the end.",
    ),
    batch_size_option,
    click.option("--pack", is_flag=True, help="Split documents longer than --block-size instead of cutting them."),
    click.option("--numerics", type=click.Choice(NUMERICS), default=NUMERICS[0], show_default=True, help=_NUMERICS),
)


def training_options(command: Decorated) -> Decorated:
    """What decides the bits of a run; `tools.new_training` makes a `Training` of it."""
    for option in reversed(_TRAINING):
        command = option(command)
    return command
