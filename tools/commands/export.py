"""``microgpt export``: a model as a C library that needs neither Python nor anything but libm."""

from __future__ import annotations

from pathlib import Path

import click

from ...model.config import AdamConfig, GPTConfig
from ..options import shared as options
from ..options.chosen_program import check_shape, check_shape_of
from ..options.models import load_model
from ..terminal import console
from ..terminal.failures import ENVIRONMENT, CommandError

__all__ = ["export"]


@click.command()
@click.argument("folder", type=options.PATH, metavar="DIR")
@click.option(
    "--checkpoint",
    type=options.PATH,
    metavar="CHECKPOINT",
    help="Put in the weights of this trained model: a file, or the folder of a run. Its shape and alphabet are used.",
)
@options.data_option
@options.model_options
@click.pass_context
def export(context: click.Context, /, folder: Path, checkpoint: Path | None, data: str, **shape: int) -> None:
    """Write a model as a C library that stands alone.

    DIR gets microgpt.c and microgpt.h, main.c (an example that trains and
    samples) and a Makefile; with --checkpoint, also the weights. What it
    computes has the bits of every other backend.

    \b
    Examples:
      microgpt export c-model
      make -C c-model
      microgpt export c-model --checkpoint runs/wide
    """
    from ...data.corpus import load_corpus
    from ...data.tokenizer import Tokenizer
    from ...runtime.programs.export import export_library

    if checkpoint is not None:
        model = load_model(checkpoint)
        check_shape_of(context, model.config, shape)
        config, characters, weights = model.config, model.tokenizer.characters, model.parameters
        optimizer = model.optimizer
    else:
        check_shape(shape)
        tokenizer = Tokenizer.of(load_corpus(data).documents)
        config, characters, weights = GPTConfig(vocab_size=tokenizer.vocab_size, **shape), tokenizer.characters, None
        optimizer = AdamConfig()
    try:
        files = export_library(folder, config, optimizer, characters, weights)
    except OSError as error:
        raise CommandError(f"{folder} cannot be written: {error.strerror}", ENVIRONMENT) from None
    console.say(f"wrote {', '.join(file.name for file in files)}")
    click.echo(folder)
