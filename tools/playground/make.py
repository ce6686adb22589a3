"""Make: compiles models of several widths to WebAssembly, finds what can be seen of them, and writes the page.

A program with its views is kept in the cache. What makes them takes a minute a model; the page itself takes none.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from hashlib import sha256
from pathlib import Path

from ...compiler.numerics import numerics
from ...data.corpus import Corpus
from ...data.tokenizer import Tokenizer
from ...model import gpt
from ...model.config import AdamConfig, GPTConfig
from ...runtime.executable.estimate import Estimate, together
from ...runtime.executable.program import program_key
from ...runtime.executable.wasm import script
from ...runtime.machine.wasm import VECTOR_WIDTH, wasm_module
from ...runtime.programs.c_source import proved_source
from ...runtime.programs.estimate import estimate_flat
from ...runtime.programs.wasm import module_of
from ...runtime.reporting import Report, silent
from ...runtime.storage.cache import Cache
from ...runtime.storage.sources import sources_digest
from . import lines, views
from .page import Program, write_page

__all__ = ["WIDTHS", "estimate", "make_page"]

WIDTHS = (8, 16, 32)

_WASM, _VIEWS = "program.wasm", "views.json"


def estimate(configs: Sequence[GPTConfig]) -> Estimate | None:
    """What compiling takes that is not in the cache."""
    return together(map(estimate_flat, configs), 1)


def make_page(corpus: Corpus, configs: Sequence[GPTConfig], seed: int, cache: Cache, report: Report = silent) -> str:
    """The page: HTML. The same input gives the same bytes.

    Args:
        configs: models over the alphabet of the corpus that differ in their widths.
        seed: that is chosen first.

    Raises:
        ToolchainError: if no compiler makes WebAssembly.
        CompileError: if a model cannot be compiled.
    """
    alphabet = Tokenizer.of(corpus.documents).characters
    source = Path(gpt.__file__).read_text("utf-8")
    with numerics("portable"):
        programs = [
            _program(config, alphabet, source, cache, partial(report, done, len(configs)))
            for done, config in enumerate(configs)
        ]
        if any(is_new for _, is_new in programs):
            report(len(configs), len(configs))
    return write_page([program for program, _ in programs], script(), source, corpus, alphabet, seed)


def _program(
    config: GPTConfig, alphabet: Sequence[str], source: str, cache: Cache, tell: Callable[[str], None]
) -> tuple[Program, bool]:
    """A program, and whether it had to be compiled."""
    what = {
        "config": asdict(config),
        "alphabet": list(alphabet),
        "sources": [sources_digest("microgpt.model"), sources_digest("microgpt.runtime")],
        "views": [sha256(inspect.getsource(module).encode()).hexdigest() for module in (lines, views)],
    }
    key = f"playground-{program_key(what)}"
    known = cache.load(key)
    if known is None:
        with cache.lock(key):
            files = _compiled(config, alphabet, source, tell)
            cache.store(key, files)
    else:
        files = known
    return Program(config, files[_WASM], json.loads(files[_VIEWS])), known is None


def _compiled(config: GPTConfig, alphabet: Sequence[str], source: str, tell: Callable[[str], None]) -> dict[str, bytes]:
    wasm_module({"empty.c": ""})  # before minutes of work, whether there is a compiler
    tell(f"proving the programs of width {config.n_embd}")
    library = proved_source(config, AdamConfig(), "microgpt", VECTOR_WIDTH, reuses=False)
    tell("finding what is kept in memory")
    seen = views.as_json(views.views_of(library, source))
    tell("compiling to WebAssembly")
    return {_WASM: module_of(library, alphabet), _VIEWS: json.dumps(seen).encode()}
