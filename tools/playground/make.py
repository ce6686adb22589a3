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
from ...runtime.executable.program import program_key, sources_digest
from ...runtime.executable.wasm import script
from ...runtime.machine.wasm import VECTOR_WIDTH
from ...runtime.programs.c_source import proved_source
from ...runtime.programs.estimate import estimate_flat
from ...runtime.programs.wasm import module_of
from ...runtime.reporting import Report, silent
from ...runtime.storage.cache import Cache
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
        total, programs, compiled = len(configs), [], 0
        for done, config in enumerate(configs):
            program, is_new = _program(config, alphabet, source, cache, partial(report, done, total))
            programs.append(program)
            compiled += is_new
        if compiled:
            report(total, total)
    return write_page(programs, script(), source, corpus, alphabet, seed)


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
    files = cache.load(key)
    if is_new := files is None:
        with cache.lock(key):
            tell(f"proving the programs of width {config.n_embd}")
            library = proved_source(config, AdamConfig(), "microgpt", VECTOR_WIDTH)
            tell("finding what is kept in memory")
            seen = views.as_json(views.views_of(library, source))
            tell("compiling to WebAssembly")
            files = {_WASM: module_of(library, alphabet), _VIEWS: json.dumps(seen).encode()}
            cache.store(key, files)
    return Program(config, files[_WASM], json.loads(files[_VIEWS])), is_new
