"""The grid of a sweep: from ``--set KEY=VALUE,VALUE`` and ``--seeds N`` to the runs that they mean."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product
from typing import Any
from urllib.parse import quote

import click

from ...data.corpus import STANDARD_INPUT, load_corpus
from ...runtime.backends.choose_backend import FAST
from ..options.chosen_program import check_shape
from ..options.new_training import DECISIVE, SHAPE

__all__ = ["Axis", "Job", "jobs_of", "parse_axes"]

# Runs in one sweep; more is a slip of the keyboard.
MOST_RUNS = 100_000
# Letters in the name of a folder, of the 255 that file systems have.
LONGEST_NAME = 150


@dataclass(frozen=True)
class Axis:
    """An option that is varied.

    Attributes:
        name: of the option's parameter, such as ``n_embd``.
        values: what it is to be, in the order given; each once.
    """

    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Attributes:
        name: of its folder; says what sets it apart.
        varied: the values of the varied options, by name.
        settings: the values of all options that decide its bits.
        corpus_sha256: of its corpus.
        backend, save_every, keep: as of `microgpt train`.
    """

    name: str
    varied: Mapping[str, Any]
    settings: Mapping[str, Any]
    corpus_sha256: str
    backend: str
    save_every: int | None
    keep: int

    @property
    def identity(self) -> dict[str, Any]:
        """Equal for runs with equal bits; plain data."""
        fast = {"numerics": f"fast: {self.backend}"} if self.backend in FAST else {}
        return {**self.settings, **fast, "corpus_sha256": self.corpus_sha256}

    @property
    def program(self) -> tuple[Any, ...]:
        """Equal for runs that the same programs carry out: the learning rate, the seed and the documents are data."""
        others = ("steps", "seed", "learning_rate", "eval_fraction")
        return tuple(self.settings[name] for name in DECISIVE if name not in others)


def parse_axes(context: click.Context, texts: Sequence[str], seeds: int | None) -> list[Axis]:
    """The options to vary.

    Args:
        context: of a command that has these options, each with its type.
        texts: as given to --set.
        seeds: as given to --seeds: so many, from that of the command on.

    Raises:
        click.UsageError: if one cannot be understood.
    """
    parameters = {parameter.name: parameter for parameter in context.command.params if parameter.name in DECISIVE}
    axes: list[Axis] = []
    for text in texts:
        key, equals, listed = text.partition("=")
        name = key.strip().removeprefix("--").replace("-", "_")
        if not equals:
            raise click.UsageError(f"--set {text!r} has no values; write for example learning_rate=0.003,0.01")
        if name not in parameters:
            near = get_close_matches(name, DECISIVE, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"the options are {', '.join(DECISIVE)}"
            raise click.UsageError(f"--set: there is no option {key.strip()!r} to vary; {hint}")
        if any(axis.name == name for axis in axes):
            raise click.UsageError(f"--set {name} is given twice; give all of its values at once, with commas")
        axes.append(Axis(name, _values(context, parameters[name], name, listed)))
    if seeds is not None:
        if any(axis.name == "seed" for axis in axes):
            raise click.UsageError("--seeds and --set seed say the same thing; leave one out")
        first = context.params["seed"]
        axes.append(Axis("seed", tuple(range(first, first + seeds))))
    if not axes:
        raise click.UsageError("nothing is varied; give a --set, or --seeds")
    return axes


def _values(context: click.Context, parameter: click.Parameter, name: str, listed: str) -> tuple[Any, ...]:
    values: list[Any] = []
    for text in listed.split(","):
        try:
            value = parameter.type_cast_value(context, text.strip())
        except click.BadParameter as error:
            raise click.UsageError(f"--set {name}: {error.message}", context) from None
        if value in values:
            raise click.UsageError(f"--set {name}: {text.strip()} is there twice", context)
        values.append(value)
    return tuple(values)


def jobs_of(
    axes: Sequence[Axis], settings: Mapping[str, Any], backend: str, save_every: int | None, keep: int
) -> list[Job]:
    """Every combination, the last axis varying fastest.

    Raises:
        CorpusError: if a corpus cannot be used.
        click.UsageError: if there are too many, or the sizes of one do not fit together.
    """
    count = 1
    for axis in axes:
        count *= len(axis.values)
    if count > MOST_RUNS:
        raise click.UsageError(f"these are {count:,} runs; a sweep has at most {MOST_RUNS:,}")
    sha256 = {name: load_corpus(name).sha256 for name in _corpora(axes, settings)}
    jobs = []
    for values in product(*(axis.values for axis in axes)):
        varied = dict(zip((axis.name for axis in axes), values, strict=True))
        chosen = {**{name: settings[name] for name in DECISIVE}, **varied}
        check_shape({name: chosen[name] for name in SHAPE})
        jobs.append(Job(_name(varied), varied, chosen, sha256[chosen["data"]], backend, save_every, keep))
    return jobs


def _corpora(axes: Sequence[Axis], settings: Mapping[str, Any]) -> tuple[str, ...]:
    names = next((axis.values for axis in axes if axis.name == "data"), (settings["data"],))
    if STANDARD_INPUT in names:
        raise click.UsageError("every run reads the corpus, so it cannot come from standard input; save it to a file")
    return names


def _name(varied: Mapping[str, Any]) -> str:
    """A name for a folder, whatever the values are: paths have slashes."""
    name = ",".join(f"{key}={quote(str(value), safe='+', errors='surrogateescape')}" for key, value in varied.items())
    if len(name) > LONGEST_NAME:
        name = f"{name[: LONGEST_NAME - 17]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return name
