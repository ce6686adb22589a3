"""``microgpt data``: the corpora that have a name, and what is in a corpus."""

from __future__ import annotations

import statistics
from collections import Counter
from pathlib import Path
from typing import Any

import click

from ...data.catalog import CATALOG, NamedCorpus, cached_content, fetch, keep_file
from ...data.corpus import Corpus, load_corpus
from ..options import shared as options
from ..options.completing import complete_corpus
from ..terminal import console
from ..terminal.suggesting import Group

__all__ = ["data"]

# How many letters of an alphabet are shown.
SHOWN = 64


@click.group("data", cls=Group, invoke_without_command=True)
@click.pass_context
def data(context: click.Context, /) -> None:
    """List, describe and fetch corpora.

    A corpus is any text file in UTF-8, one document a line. Some have names:
    one comes with microgpt, the others are fetched from their home when they are
    first used, checked, and kept in your data folder (or MICROGPT_DATA_DIR).

    \b
    Examples:
      microgpt data list
      microgpt data info names
      microgpt data info poems.txt --block-size 32
      microgpt data fetch makemore
      microgpt train --data makemore
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@data.command("list")
@options.json_option
def list_corpora(as_json: bool) -> None:
    """List the corpora that have a name.

    \b
    Examples:
      microgpt data list
    """
    rows = [_entry(corpus) for corpus in CATALOG.values()]
    if as_json:
        console.print_json("data.list", {"corpora": rows})
        return
    for row in rows:
        words = f"{row['name']:<10} {row['state']:<12} {row['bytes']:>9,} bytes  {row['description']}"
        console.echo_wrapped(words, indent="  ")


def _entry(corpus: NamedCorpus) -> dict[str, Any]:
    state = "shipped" if not corpus.url else "fetched" if cached_content(corpus) is not None else "not fetched"
    return {
        "name": corpus.name,
        "state": state,
        "bytes": corpus.size,
        "sha256": corpus.sha256,
        "home": corpus.home,
        "url": corpus.url or None,
        "description": corpus.description,
    }


@data.command()
@click.argument("corpus", metavar="FILE|NAME|-", shell_complete=complete_corpus)
@click.option(
    "--block-size",
    type=options.POSITIVE,
    default=16,
    show_default=True,
    metavar="N",
    help="Count what it cuts.",
)
@options.json_option
def info(corpus: str, block_size: int, as_json: bool) -> None:
    """Describe a corpus.

    \b
    Examples:
      microgpt data info names
      sort poems.txt | microgpt data info -
    """
    report = _describe(load_corpus(corpus), block_size)
    if as_json:
        console.print_json("data.info", report)
        return
    letters = "".join(report["alphabet"])
    report["alphabet"] = letters[:SHOWN] + ("..." if len(letters) > SHOWN else "")
    report[f"cut_at_block_size_{report.pop('block_size')}"] = report.pop("cut")
    for name, value in report.items():
        text = f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
        console.echo_wrapped(f"{name.replace('_', ' ')}: {console.printable(text)}", indent="  ")


def _describe(corpus: Corpus, block_size: int) -> dict[str, Any]:
    lengths = [len(document) for document in corpus.documents]
    alphabet = sorted(Counter("".join(corpus.documents)))
    return {
        "corpus": corpus.name,
        "sha256": corpus.sha256,
        "documents": len(lengths),
        "different_documents": len(set(corpus.documents)),
        "characters": sum(lengths),
        "vocabulary": len(alphabet) + 1,
        "alphabet": alphabet,
        "shortest": min(lengths),
        "median": statistics.median(lengths),
        "longest": max(lengths),
        "block_size": block_size,
        "cut": sum(length + 1 > block_size for length in lengths),
    }


@data.command("fetch")
@click.argument("name", metavar="NAME", type=click.Choice(list(CATALOG)))
@click.option("--from", "source", metavar="FILE|URL", help="Take it from here instead of from its home.")
@click.pass_context
def fetch_corpus(context: click.Context, /, name: str, source: str | None) -> None:
    """Fetch a corpus from its home, and check it.

    NAME is one of `microgpt data list`. What arrives is kept if the connection
    breaks, and the next try goes on from there. Without a network, bring the
    file and name it by --from.

    \b
    Examples:
      microgpt data fetch makemore
      microgpt data fetch makemore --from Downloads/names.txt
    """
    corpus = CATALOG[name]
    if not corpus.url:
        raise click.UsageError(f"{name} comes with microgpt; there is nothing to fetch", context)
    if source and not source.startswith(("http://", "https://")):
        path: Path = keep_file(corpus, source)
    else:
        had = cached_content(corpus) is not None
        with console.count_progress(f"fetching {name}") as progress:
            path = fetch(corpus, source, progress)
        if had:
            console.say(f"{name} is here already")
    click.echo(path)
