"""``microgpt bench``: compiled programs against the eager autograd, on this machine, in one run."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from statistics import median

import click

from ..model import gpt
from ..model.config import AdamConfig, GPTConfig
from ..runtime.backend import Document, EagerBackend, PythonBackend, State
from ..runtime.cache import Cache
from ..runtime.library import Library
from ..runtime.recipe import Recipe
from . import console, options
from .backends import COMPILED, check_backend

__all__ = ["bench"]

# A compiled program runs this often beside each eager run: it is that much faster and its time that much noisier.
RUNS = 7


@dataclass(frozen=True)
class Timing:
    """What was measured for one length; medians, in seconds.

    Attributes:
        gradient_ratio, step_ratio: how many times faster the compiled program is; medians over pairs of runs.
    """

    length: int
    pairs: int
    eager_gradient: float
    compiled_gradient: float
    gradient_ratio: float
    eager_step: float
    compiled_step: float
    step_ratio: float
    compile: float


@click.command()
@click.option(
    "--length",
    "lengths",
    metavar="N ...|all",
    multiple=True,
    help="How many characters: 7, or 1,7,16, or 3-5.  [default: 1, 7 and 16]",
)
@click.argument("more", nargs=-1, metavar="")
@click.option(
    "--seconds",
    type=options.positive_number,
    metavar="NUMBER",
    default=5.0,
    show_default=True,
    help="To measure each length.",
)
@options.data_option
@options.seed_option
@options.model_options
@options.backend_option(*COMPILED)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table; seconds.")
def bench(
    lengths: tuple[str, ...],
    more: tuple[str, ...],
    seconds: float,
    data: str,
    seed: int,
    backend: str,
    as_json: bool,
    **shape: int,
) -> None:
    """Measure compiled programs against the eager autograd.

    Both run side by side, in pairs, so that a machine that slows down slows both
    down; the table tells medians, and the ratios are medians over the pairs. A
    step is loss and gradient of one document, and Adam. Programs are compiled
    anew, by one process, and thrown away afterwards.

    \b
    Examples:
      microgpt bench
      microgpt bench --length 1-4 --seconds 2
      microgpt bench --length 16 --json > bench.json
    """
    check_backend(backend)
    config = options.given_config(data, shape)
    texts = [*lengths, *more]
    numbers = options.parse_lengths(texts, config.block_size) if texts else _default_lengths(config.block_size)
    timings = []
    with tempfile.TemporaryDirectory(prefix="microgpt-bench-") as folder:
        library = Library(Cache.open(Path(folder), console.warn), jobs=1)
        for length in numbers:
            console.say(f"length {length}: compiling, then measuring for {seconds:g} s")
            timings.append(_measure(config, library, length, seconds, Random(seed)))
    if as_json:
        rows = [asdict(timing) for timing in timings]
        click.echo(json.dumps({"model": asdict(config), "unit": "seconds", "lengths": rows}, indent=1))
    else:
        _print(timings)


def _default_lengths(block_size: int) -> list[int]:
    return sorted({1, min(7, block_size), block_size})


def _measure(config: GPTConfig, library: Library, length: int, seconds: float, rng: Random) -> Timing:
    optimizer = AdamConfig()
    eager, compiled = EagerBackend(config, optimizer), PythonBackend(config, optimizer, library)
    start = time.perf_counter()
    library.get(Recipe("training", length, config))
    compile_seconds = time.perf_counter() - start
    compiled.prepare([length], 0, lambda done, total: None)
    parameters = gpt.initial_parameters(config, rng)
    tokens = [rng.randrange(config.vocab_size) for _ in range(length + 1)]
    document: Document = (tokens[:-1], tokens[1:])
    states = State(list(parameters)), State(list(parameters))
    compiled.advance(states[1], [document], 1000)  # the first run of all is slower
    states[1].step = 0
    gradients: list[tuple[float, float]] = []
    steps: list[tuple[float, float]] = []
    deadline = time.perf_counter() + seconds
    while not gradients or time.perf_counter() < deadline:
        gradients.append(
            _pair(
                lambda: eager.loss_and_gradient(parameters, document),
                lambda: compiled.loss_and_gradient(parameters, document),
            )
        )
        steps.append(_pair(lambda: _step(eager, states[0], document), lambda: _step(compiled, states[1], document)))
    return Timing(length, len(gradients), *_summary(gradients), *_summary(steps), compile_seconds)


def _step(backend: EagerBackend | PythonBackend, state: State, document: Document) -> None:
    backend.advance(state, [document], 1000)
    state.step = 0  # so that any number of steps can be taken


def _pair(eager: Callable[[], object], compiled: Callable[[], object]) -> tuple[float, float]:
    return _seconds(eager), median(_seconds(compiled) for _ in range(RUNS))


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _summary(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    eager, compiled = zip(*pairs, strict=True)
    return median(eager), median(compiled), median(slow / fast for slow, fast in pairs)


def _print(timings: Sequence[Timing]) -> None:
    columns = [
        f"{what} {name}" for what in ("gradient", "step") for name in ("eager ms", "compiled ms", "times faster")
    ]
    headings = ["length", *columns, "compile s", "pairs"]
    rows = [
        [
            str(timing.length),
            f"{1e3 * timing.eager_gradient:.2f}",
            f"{1e3 * timing.compiled_gradient:.3f}",
            f"{timing.gradient_ratio:.1f}",
            f"{1e3 * timing.eager_step:.2f}",
            f"{1e3 * timing.compiled_step:.3f}",
            f"{timing.step_ratio:.1f}",
            f"{timing.compile:.2f}",
            str(timing.pairs),
        ]
        for timing in timings
    ]
    console.print_table("Loss and gradient, and the whole step: eager against generated Python", headings, rows)
