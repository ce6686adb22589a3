"""``microgpt sample``: invents documents with a trained model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from random import Random

import click

from ...model.config import GPTConfig
from ...runtime.training.sampling import SamplingOptions, sample_document
from ..options import shared as options
from ..options.backends import BACKENDS, backend_of
from ..options.models import load_model
from ..options.settings import ConfiguredCommand
from ..terminal import console
from ..terminal.failures import BAD_INPUT, CommandError
from ..training.sampling import print_samples, sample_to_json

__all__ = ["sample"]


@click.command(cls=ConfiguredCommand)
@click.argument("checkpoint", required=False, type=options.PATH)
@click.option(
    "-n", "--number", type=options.POSITIVE, default=20, show_default=True, metavar="N", help="Number of samples."
)
@options.temperature_option
@click.option("--top-k", type=options.POSITIVE, metavar="N", help="Choose among the N likeliest tokens only.")
@click.option(
    "--top-p",
    type=options.share,
    default=1.0,
    show_default=True,
    metavar="NUMBER",
    help="Choose among the likeliest tokens that together have this probability.",
)
@click.option(
    "--min-length",
    type=options.NOT_NEGATIVE,
    default=0,
    show_default=True,
    metavar="N",
    help="Least number of characters.",
)
@click.option("--greedy", is_flag=True, help="Always take the likeliest token; nothing is random then.")
@options.seed_option
@click.option("--prefix", default="", metavar="TEXT", help="Beginning of each sample.")
@click.option("--trace", is_flag=True, help="Also print how likely each token was, and which were likeliest.")
@options.json_option
@options.backend_option(*BACKENDS)
@options.jobs_option
def sample(
    checkpoint: Path | None,
    number: int,
    temperature: float,
    top_k: int | None,
    top_p: float,
    min_length: int,
    greedy: bool,
    seed: int,
    prefix: str,
    trace: bool,
    as_json: bool,
    backend: str,
    jobs: int | None,
) -> None:
    """Invent names with a trained model.

    CHECKPOINT is a file, or the folder that `microgpt train --out` has written.
    Without it, the last model trained here is used. Tokens that --top-k, --top-p
    or --min-length take out of the draw stand in brackets in a --trace.

    \b
    Examples:
      microgpt sample
      microgpt sample runs/wide -n 5 --temperature 1
      microgpt sample --prefix mar --seed 7
      microgpt sample --temperature 1 --top-p 0.9 --min-length 4
      microgpt sample --greedy -n 1 --trace
      microgpt sample -n 1000 --json | jq -r '.samples[].text'
    """
    model = load_model(checkpoint)
    _check_lengths(model.config, prefix, min_length)
    tokens = model.tokenizer.encode(prefix)[1:-1]
    drawing = SamplingOptions(temperature, top_k, top_p, min_length, greedy)
    engine = backend_of(model, backend, jobs)
    what = engine, model.config, model.tokenizer, model.parameters, Random(seed), drawing
    if as_json:
        drawn = [sample_to_json(sample_document(*what, tokens), model.tokenizer, trace) for _ in range(number)]
        characters = {"characters": [*model.tokenizer.characters, None]} if trace else {}
        settings = {**asdict(drawing), "seed": seed, "prefix": prefix}
        console.print_json("sample", {"options": settings, **characters, "samples": drawn})
    else:
        print_samples(number, *what, prefix, trace)


def _check_lengths(config: GPTConfig, prefix: str, min_length: int) -> None:
    if len(prefix) >= config.block_size:
        raise CommandError(
            f"the prefix has {len(prefix)} characters, and this model looks back over {config.block_size}, "
            f"the beginning included; give at most {config.block_size - 1}",
            BAD_INPUT,
        )
    if min_length > config.block_size:
        raise CommandError(
            f"--min-length {min_length} is more than this model can write: {config.block_size} characters", BAD_INPUT
        )
