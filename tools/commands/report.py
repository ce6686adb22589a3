"""``microgpt report``: a page about a run: how it went, and what its model does."""

from __future__ import annotations

from pathlib import Path

import click

from ..options import shared as options
from ..options.backends import BACKENDS, backend_of
from ..options.settings import ConfiguredCommand
from ..terminal import console
from ..terminal.output_file import check_output, write_output

__all__ = ["report"]


@click.command(cls=ConfiguredCommand)
@click.argument("run", required=False, type=options.PATH)
@click.option(
    "-o",
    "--output",
    type=options.PATH,
    metavar="FILE",
    help="Where to write the page.  [default: report.html in the run's folder, or here]",
)
@click.option(
    "--text",
    "texts",
    multiple=True,
    metavar="TEXT",
    help="Show the model's predictions for this text; may be repeated.  [default: the first sample]",
)
@click.option(
    "--samples", type=options.NOT_NEGATIVE, default=20, show_default=True, metavar="N", help="Number of samples."
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON; the page only with -o.")
@options.backend_option(*BACKENDS)
@options.jobs_option
def report(
    run: Path | None,
    output: Path | None,
    texts: tuple[str, ...],
    samples: int,
    as_json: bool,
    backend: str,
    jobs: int | None,
) -> None:
    """Write a page about a run: how it went, and what its model does.

    RUN is a folder that `microgpt train --out` has written, or a checkpoint.
    Without it, the last model trained here is used. The page is one file that
    needs no network: the loss curve, samples, what the model expects at each
    position of a text and where each attention head looks, embeddings, weights
    and settings. Prints the name of the file.

    \b
    Examples:
      microgpt report
      microgpt report runs/wide --text emma --text xavier
      microgpt report runs/wide/checkpoint.safetensors -o wide.html
      microgpt report runs/wide --json | jq '.loss.smoothed[-1]'
    """
    from ..report.gather import gather
    from ..report.record import read_record

    record = read_record(run)
    path = output or (run / "report.html" if run and run.is_dir() else Path("report.html"))
    check_output(path)
    if record.model:
        for text in texts:
            record.model.tokenizer.encode(text)  # before anything is compiled
    engine = backend_of(record.model, backend, jobs) if record.model else None
    found = gather(record, engine, texts, samples)
    if as_json:
        from ..report.figures_json import as_json as figures

        console.print_json("report", figures(found))
        if output is None:
            return
    from ..report.page import write_page

    write_output(path, write_page(found))
    for sentence in found.missing:
        console.say(sentence)
    if not as_json:
        click.echo(console.printable(str(path)))
