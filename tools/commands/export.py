"""``microgpt export``: a model, or a function, as standalone C, for the browser, or as JAX."""

from __future__ import annotations

from pathlib import Path

import click

from ..options import shared as options
from ..options.chosen_work import chosen_export
from ..options.completing import complete_file
from ..terminal import console
from ..terminal.failures import ENVIRONMENT, CommandError

__all__ = ["export"]


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[FILE.py:NAME] DIR", shell_complete=complete_file)
@click.option(
    "--target",
    type=click.Choice(["c", "wasm", "jax"]),
    default="c",
    show_default=True,
    help="What to write: C that keeps every bit; WebAssembly, which keeps those of portable numerics in a browser; or "
    "JAX, which is fast on a GPU.",
)
@click.option(
    "--checkpoint",
    type=options.PATH,
    metavar="CHECKPOINT",
    help="Put in the weights of this trained model: a file, or the folder of a run. Its shape and alphabet are used.",
)
@click.option(
    "--prefix",
    metavar="NAME",
    help="What every name in C begins with, so that several exports link into one program.  "
    "[default: microgpt, or the function's name]",
)
@click.option(
    "--inference",
    is_flag=True,
    help="Only sample: no training, no files, no heap, and weights in read-only memory, as for a microcontroller.",
)
@click.option(
    "--dtype",
    type=click.Choice(["double", "float"]),
    default="double",
    show_default=True,
    help="The type of numbers. With float, results do not have the bits of other backends.",
)
@click.option(
    "--plain",
    is_flag=True,
    help="C99 without vectors, for compilers other than GCC and Clang and processors other than this one. So are "
    "--inference and --dtype float.",
)
@options.data_option
@options.model_options
@options.numerics_option
@click.pass_context
def export(
    context: click.Context,
    /,
    words: tuple[str, ...],
    checkpoint: Path | None,
    prefix: str | None,
    inference: bool,
    dtype: str,
    plain: bool,
    target: str,
    data: str,
    **shape: int,
) -> None:
    """Write a model, or your own function, as C, WebAssembly or JAX.

    DIR gets microgpt.c and microgpt.h, main.c (an example that trains and
    samples) and a Makefile; with --checkpoint, also the weights. What it
    computes has the bits of every other backend. The files compile as C99 and
    as C++11, without warnings.

    Of your own function, FILE.py:NAME, it gets NAME.c and NAME.h, main.c (an
    example that calls it) and a Makefile.

    With --inference, it samples only: the weights of a --checkpoint, C99 and a
    few KB of memory.

    With --target wasm, DIR gets microgpt.wasm and microgpt.js, a module that
    trains and samples, or calls your own function, in any browser. It needs
    Clang and lld, or the wheel ziglang; numerics are portable.

    With --target jax, DIR gets one readable Python file that needs JAX alone:
    the loss, its gradient and a training loop as whole-array code. It is fast,
    not exact.

    \b
    Examples:
      microgpt export c-model
      make -C c-model
      microgpt export c-model --checkpoint runs/wide --prefix wide
      microgpt export c-names --checkpoint runs/wide --inference --dtype float
      microgpt export model.py:loss c-loss --prefix model_loss
      microgpt export --target wasm web
      microgpt export --target jax jax-model
    """
    folder = Path(words[-1])
    try:
        c_options = inference, dtype, plain
        files = chosen_export(context, words[:-1], folder, prefix, checkpoint, *c_options, data, target, shape)
    except OSError as error:
        raise CommandError(f"{folder} cannot be written: {error.strerror}", ENVIRONMENT) from None
    console.say(f"wrote {', '.join(file.name for file in files)}")
    click.echo(folder)
