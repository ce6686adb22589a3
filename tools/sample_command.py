"""``microgpt sample``: invents documents with a trained model."""

from __future__ import annotations

from pathlib import Path
from random import Random

import click

from ..model.config import AdamConfig, GPTConfig
from ..runtime.checkpoint import Checkpoint, load_checkpoint
from ..runtime.runs import CHECKPOINT, last_model_path
from . import console, options
from .backends import BACKENDS, choose_backend
from .failures import BAD_INPUT, CommandError
from .sampling import print_samples

__all__ = ["load_model", "sample"]


@click.command()
@click.argument("checkpoint", required=False, type=click.Path(path_type=Path))
@click.option(
    "-n", "--number", type=options.POSITIVE, default=20, show_default=True, metavar="N", help="How many to invent."
)
@options.temperature_option
@options.seed_option
@click.option("--prefix", default="", metavar="TEXT", help="What each begins with.")
@options.backend_option(*BACKENDS)
@options.jobs_option
def sample(
    checkpoint: Path | None, number: int, temperature: float, seed: int, prefix: str, backend: str, jobs: int | None
) -> None:
    """Invent names with a trained model.

    CHECKPOINT is a file, or the folder that `microgpt train --out` has written.
    Without it, the last model trained here is used.

    \b
    Examples:
      microgpt sample
      microgpt sample runs/wide -n 5 --temperature 1
      microgpt sample --prefix mar --seed 7
    """
    model = load_model(checkpoint)
    _check_prefix(model.config, prefix)
    model.tokenizer.encode(prefix)
    engine = choose_backend(backend, model.config, AdamConfig(), jobs)
    with console.compile_progress() as progress:
        engine.prepare([], model.config.block_size, progress)
    print_samples(number, engine, model.config, model.tokenizer, model.parameters, Random(seed), temperature, prefix)


def load_model(path: Path | None) -> Checkpoint:
    """The checkpoint in a file or in the folder of a run; without a path, the last model trained here."""
    if path is None:
        path = last_model_path()
        if not path.exists():
            raise CommandError(
                "no model has been trained here yet; run `microgpt train`, or name a checkpoint", BAD_INPUT
            )
    elif path.is_dir() and (path / CHECKPOINT).is_file():
        path = path / CHECKPOINT
    return load_checkpoint(path)


def _check_prefix(config: GPTConfig, prefix: str) -> None:
    if len(prefix) >= config.block_size:
        raise CommandError(
            f"the prefix has {len(prefix)} characters, and this model looks back over {config.block_size}, "
            f"the beginning included; give at most {config.block_size - 1}",
            BAD_INPUT,
        )
