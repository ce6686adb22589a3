"""``microgpt eval``: how well a trained model predicts a corpus, or given texts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ...data.corpus import load_corpus
from ...data.tokenizer import Tokenizer
from ...runtime.backends.backend import Backend
from ...runtime.training.checkpoint import Checkpoint
from ...runtime.training.evaluation import Evaluation, evaluate, next_token_probabilities
from ...runtime.training.sampling import Draw
from ...runtime.training.training import windows
from ..options import shared as options
from ..options.backends import BACKENDS, backend_of
from ..options.completing import complete_corpus
from ..options.models import load_model
from ..options.settings import ConfiguredCommand
from ..terminal import console
from ..terminal.failures import BAD_INPUT, CommandError
from ..text.schema import without_infinities
from ..training.sampling import draw_to_json, trace_lines

__all__ = ["eval"]


@click.command("eval", cls=ConfiguredCommand)
@click.argument("checkpoint", required=False, type=options.PATH)
@click.option(
    "--data",
    metavar="FILE|NAME|-",
    shell_complete=complete_corpus,
    help="What to predict.  [default: what was held out in training, or else the whole corpus of the training]",
)
@click.option("--text", "texts", multiple=True, metavar="TEXT", help="Evaluate this text alone; may be repeated.")
@click.option(
    "--trace", is_flag=True, help="For each --text, also print how likely each character was, and which were likeliest."
)
@click.option("--limit", type=options.POSITIVE, metavar="N", help="Only the first N documents.")
@click.option("--pack", is_flag=True, help="Split documents that are too long instead of cutting them.")
@options.backend_option(*BACKENDS)
@options.jobs_option
@options.json_option
def eval(
    checkpoint: Path | None,
    data: str | None,
    texts: tuple[str, ...],
    trace: bool,
    limit: int | None,
    pack: bool,
    backend: str,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Evaluate a trained model on a corpus, or on given texts.

    CHECKPOINT is a file, or the folder that `microgpt train --out` has written.
    Without it, the last model trained here is used. The end of a document counts
    as a character. A --text is always read whole, window by window.

    \b
    Examples:
      microgpt eval
      microgpt eval runs/wide --data names --limit 1000
      microgpt eval --text emma --text xqzt
      microgpt eval --text emma --trace
      microgpt eval runs/wide --json
    """
    if trace and not texts:
        raise click.UsageError("--trace needs a text; give one with --text", click.get_current_context())
    model = load_model(checkpoint)
    pack = pack or bool(model.progress and model.progress.pack)
    documents, name = ([], "") if texts and data is None else _documents(model, data)
    for text in (*texts, *documents):
        model.tokenizer.encode(text)  # before anything is compiled
    engine = backend_of(model, backend, jobs)
    what = engine, model.config, model.tokenizer, model.parameters
    results = [
        _Predicted(text, evaluate(*what, [text], True), _draws(engine, model, text) if trace else []) for text in texts
    ]
    corpus = None
    if documents:
        chosen = documents[:limit]
        with console.step_progress(len(chosen)) as progress:
            corpus = evaluate(*what, chosen, pack, progress)
    if as_json:
        report = {
            "step": model.step,
            **({"data": name, **_as_json(corpus)} if corpus else {}),
            **({"characters": [*model.tokenizer.characters, None]} if trace else {}),
            "texts": [_text_as_json(result, model.tokenizer) for result in results],
        }
        console.print_json("eval", report)
        return
    for predicted in results:
        shown, result = console.printable(predicted.text), predicted.result
        words = f"perplexity {result.perplexity:10.4f}  loss {result.loss:.4f}  text {shown}"
        console.echo_wrapped(words, indent="  ")
        for draws in predicted.windows:
            for line in trace_lines(draws, model.tokenizer):
                console.echo_wrapped(line, indent="       ")
    if corpus:
        _print(name, corpus)


@dataclass(frozen=True)
class _Predicted:
    """A text, how well it was predicted, and, by window and position, what was thought likely."""

    text: str
    result: Evaluation
    windows: list[list[Draw]]


def _draws(backend: Backend, model: Checkpoint, text: str) -> list[list[Draw]]:
    found = []
    for read, targets in windows(model.config, model.tokenizer.encode(text)):
        distributions = next_token_probabilities(backend, model.parameters, read)
        places = enumerate(zip(targets, distributions, strict=True))
        found.append([Draw(position, token, likely, likely) for position, (token, likely) in places])
    return found


def _documents(model: Checkpoint, data: str | None) -> tuple[list[str], str]:
    """What to predict, and what to call it."""
    if data is not None:
        return list(load_corpus(data).documents), data
    progress = model.progress
    if progress is None or progress.corpus == "-":
        raise CommandError("this checkpoint does not say what it was trained on; give --data or --text", BAD_INPUT)
    corpus = load_corpus(progress.corpus)
    if corpus.sha256 != progress.corpus_sha256:
        raise CommandError(
            f"{corpus.name} has changed since the training; give --data {corpus.name} to use it as it is", BAD_INPUT
        )
    held_out = corpus.split(progress.eval_fraction, model.seed)[1].documents
    return list(held_out or corpus.documents), f"held out of {corpus.name}" if held_out else corpus.name


def _text_as_json(predicted: _Predicted, tokenizer: Tokenizer) -> dict[str, Any]:
    windows = [[draw_to_json(draw, tokenizer) for draw in draws] for draws in predicted.windows]
    return {
        "text": predicted.text,
        **_as_json(predicted.result),
        **({"windows": windows} if windows else {}),
    }


def _as_json(result: Evaluation) -> dict[str, Any]:
    numbers = {
        "document_loss": result.document_loss,
        "loss": result.loss,
        "bits_per_character": result.bits_per_character,
        "perplexity": result.perplexity,
    }
    return {"documents": result.documents, "tokens": result.tokens, **without_infinities(numbers)}


def _print(name: str, result: Evaluation) -> None:
    click.echo(f"corpus: {name}")
    click.echo(f"documents: {result.documents}")
    click.echo(f"characters, ends included: {result.tokens}")
    click.echo(f"loss, mean over documents: {result.document_loss:.4f}")
    click.echo(f"loss, mean over characters: {result.loss:.4f}")
    click.echo(f"bits per character: {result.bits_per_character:.4f}")
    click.echo(f"perplexity: {result.perplexity:.4f}")
