"""Make: the page of one training program, from its recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from ...model.config import GPTConfig
from ...model.gpt import initial_parameters
from ...runtime.machine.toolchain import ToolchainError
from ...runtime.programs.recipe import Recipe
from ...runtime.training.checkpoint import Checkpoint
from ..options.chosen_program import program_title
from ..provenance.chain import Chain
from ..provenance.pane import Pane
from .assemble import assemble
from .collect import collect
from .measure import Times, measure
from .values import documents

__all__ = ["make_page"]


VALUES = (
    "Details show the value of an operation and its gradient for the text that is chosen above, and which operations "
    "the gradient comes from; each of these can be followed."
)
NO_VALUES = (
    "A page that is made with --values and --text also shows the value of every operation, and where its gradient "
    "comes from."
)


def make_page(
    recipe: Recipe,
    model: Checkpoint | None = None,
    texts: Sequence[str] = (),
    timed: bool = False,
    warn: Callable[[str], None] = lambda what: None,
) -> str:
    """The page: HTML. The same input gives the same bytes, unless it is `timed`.

    Args:
        recipe: of a training program.
        model, texts: whose values it shows.
        timed: whether to measure the loops.
        warn: is told what the page has to do without.

    Raises:
        CompileError: if the program cannot be compiled.
        ToolchainError: if it is to be timed and there is no C compiler.
        ValueError: if a text cannot be read.
    """
    assert isinstance(recipe.config, GPTConfig)
    chain = Chain(recipe)
    panes, missing = _panes(chain, warn)
    shown = documents(chain.graph, model, texts, recipe.number) if model and texts else None
    times = _times(chain, recipe.config, shown.inputs if shown else None) if timed else None
    collected = collect(chain, panes, missing, shown, times)
    (file,) = chain.files
    words = {
        "title": program_title(recipe),
        "counts": f"{collected.operations:,} operations, {collected.backward:,} of them backward",
        "source_note": f"{file}: operations{', µs' if times else ''} per line",
        "assembly_note": "what the C compiler makes of it" if "assembly" in panes else "",
        "values_note": VALUES if shown else NO_VALUES,
        "time_note": f"Beside it, {times.note}." if times else "",
    }
    return assemble(collected.blocks, words)


def _panes(chain: Chain, warn: Callable[[str], None]) -> tuple[dict[str, Pane], dict[str, str]]:
    (file,) = chain.files
    panes = {"source": chain.pane(file), "python": chain.pane("python"), "c": chain.pane("c")}
    missing = {}
    try:
        panes["assembly"] = chain.pane("assembly")
    except ToolchainError as error:
        missing["assembly"] = "There was no C compiler when this page was made, so there is no assembly."
        warn(f"the page has no assembly: {str(error).partition(chr(10))[0]}")
    return panes, missing


def _times(chain: Chain, config: GPTConfig, parameters: Sequence[float] | None) -> Times:
    """Times do not depend on the numbers, as long as they are ordinary ones."""
    inputs = initial_parameters(config, Random(42)) if parameters is None else parameters
    length = chain.recipe.number
    return measure(chain, inputs, [place % config.vocab_size for place in range(2 * length)])
