"""``microgpt eval``: how well a trained model predicts a corpus, or given texts."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from ...data.corpus import load_corpus
from ...runtime.checkpoint import Checkpoint
from ...runtime.evaluation import Evaluation, evaluate
from .. import console, options
from ..backends import BACKENDS, choose_backend
from ..completing import complete_corpus
from ..failures import BAD_INPUT, CommandError
from ..models import load_model, optimizer_of
from ..settings import ConfiguredCommand

__all__ = ["eval"]


@click.command("eval", cls=ConfiguredCommand)
@click.argument("checkpoint", required=False, type=options.PATH)
@click.option(
    "--data",
    metavar="FILE|NAME|-",
    shell_complete=complete_corpus,
    help="What to predict.  [default: what was held out in training, or else the whole corpus of the training]",
)
@click.option("--text", "texts", multiple=True, metavar="TEXT", help="Tell of this text alone; may be repeated.")
@click.option("--limit", type=options.POSITIVE, metavar="N", help="Only the first N documents.")
@click.option("--pack", is_flag=True, help="Split documents that are too long instead of cutting them.")
@options.backend_option(*BACKENDS)
@options.jobs_option
@options.json_option
def eval(
    checkpoint: Path | None,
    data: str | None,
    texts: tuple[str, ...],
    limit: int | None,
    pack: bool,
    backend: str,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Tell how well a trained model predicts a corpus, or given texts.

    CHECKPOINT is a file, or the folder that `microgpt train --out` has written.
    Without it, the last model trained here is used. The end of a document counts
    as a character. A --text is always read whole, window by window.

    \b
    Examples:
      microgpt eval
      microgpt eval runs/wide --data names --limit 1000
      microgpt eval --text emma --text xqzt
      microgpt eval runs/wide --json
    """
    model = load_model(checkpoint)
    pack = pack or bool(model.progress and model.progress.pack)
    documents, name = ([], "") if texts and data is None else _documents(model, data)
    for text in (*texts, *documents):
        model.tokenizer.encode(text)  # before anything is compiled
    engine = choose_backend(backend, model.config, optimizer_of(model), jobs)
    with console.compile_progress() as compiling:
        engine.prepare([], model.config.block_size, compiling)
    what = engine, model.config, model.tokenizer, model.parameters
    results: list[tuple[str, Evaluation]] = [(text, evaluate(*what, [text], True)) for text in texts]
    corpus = None
    if documents:
        chosen = documents[:limit]
        with console.step_progress(len(chosen)) as progress:
            corpus = evaluate(*what, chosen, pack, progress)
    if as_json:
        report = {
            "step": model.step,
            **({"data": name, **_as_json(corpus)} if corpus else {}),
            "texts": [{"text": text, **_as_json(result)} for text, result in results],
        }
        console.print_json("eval", report)
        return
    for text, result in results:
        shown = console.printable(text)
        click.echo(f"perplexity {result.perplexity:10.4f}  loss {result.loss:.4f}  text {shown}")
    if corpus:
        _print(name, corpus)


def _documents(model: Checkpoint, data: str | None) -> tuple[list[str], str]:
    """What to predict, and what to call it."""
    if data is not None:
        return list(load_corpus(data).documents), data
    progress = model.progress
    if progress is None or progress.corpus == "-":
        raise CommandError("this checkpoint does not tell what it was trained on; give --data or --text", BAD_INPUT)
    corpus = load_corpus(progress.corpus)
    if corpus.sha256 != progress.corpus_sha256:
        raise CommandError(
            f"{corpus.name} has changed since the training; give --data {corpus.name} to use it as it is", BAD_INPUT
        )
    held_out = corpus.split(progress.eval_fraction, model.seed)[1].documents
    return list(held_out or corpus.documents), f"held out of {corpus.name}" if held_out else corpus.name


def _as_json(result: Evaluation) -> dict[str, Any]:
    numbers = {
        "document_loss": result.document_loss,
        "loss": result.loss,
        "bits_per_character": result.bits_per_character,
        "perplexity": result.perplexity,
    }
    # JSON has no infinity.
    finite = {name: number if math.isfinite(number) else None for name, number in numbers.items()}
    return {"documents": result.documents, "tokens": result.tokens, **finite}


def _print(name: str, result: Evaluation) -> None:
    click.echo(f"corpus: {name}")
    click.echo(f"documents: {result.documents}")
    click.echo(f"characters, ends included: {result.tokens}")
    click.echo(f"loss, mean over documents: {result.document_loss:.4f}")
    click.echo(f"loss, mean over characters: {result.loss:.4f}")
    click.echo(f"bits per character: {result.bits_per_character:.4f}")
    click.echo(f"perplexity: {result.perplexity:.4f}")
