"""``microgpt playground``: a page that trains the model in a browser, by WebAssembly."""

from __future__ import annotations

from pathlib import Path

import click

from ..options import shared as options
from ..options.backends import open_cache
from ..terminal import console
from ..terminal.failures import ENVIRONMENT, CommandError
from ..terminal.output_file import check_output, write_output

__all__ = ["playground"]


@click.command()
@click.option(
    "-o",
    "--output",
    type=options.PATH,
    default=Path("playground.html"),
    show_default=True,
    metavar="FILE",
    help="Where to write the page.",
)
@click.option(
    "--n-embd",
    "widths",
    type=options.POSITIVE,
    multiple=True,
    metavar="N",
    help="Width of a model to choose from, a multiple of 4; may be repeated.  [default: 8, 16 and 32]",
)
@options.seed_option
@options.data_option
def playground(output: Path, widths: tuple[int, ...], seed: int, data: str) -> None:
    """Make a page that trains the model in a browser, by WebAssembly.

    The page is one file, and needs no network: open it, send it, keep it. It
    trains the model, draws its loss, invents names, and shows the values and
    gradients of every line of the model at every step. Numerics are portable:
    its losses are those of `microgpt train --numerics portable`, to the last bit.
    Prints the name of the file.

    The first page takes minutes: every program is proved and compiled. It needs
    Clang with lld, or the wheel ziglang.

    \b
    Examples:
      microgpt playground
      microgpt playground -o page.html --seed 7
      microgpt playground --data words.txt --n-embd 16
    """
    from ...data.corpus import load_corpus
    from ...data.tokenizer import Tokenizer
    from ...model.config import GPTConfig
    from ...runtime.machine.toolchain import ToolchainError
    from ..playground.make import WIDTHS, estimate, make_page

    check_output(output)
    corpus = load_corpus(data)
    vocabulary = Tokenizer.of(corpus.documents).vocab_size
    try:
        configs = [GPTConfig(vocab_size=vocabulary, n_embd=width) for width in sorted(set(widths or WIDTHS))]
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        with console.compile_progress("model", estimate(configs)) as progress:
            page = make_page(corpus, configs, seed, open_cache(), progress)
    except ToolchainError as error:
        raise CommandError(f"no compiler makes WebAssembly:\n{error}", ENVIRONMENT) from None
    write_output(output, page)
    click.echo(console.printable(str(output)))
