"""The page: one HTML file with its style, its scripts, its programs and its documents in it, that fetches nothing.

Whatever texts are in it are escaped by the template, or packed. Style and script are allowed by their hashes, the
worker as what the page makes of its own text, WebAssembly as such; nothing else is. The same input gives the same
bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from ...data.corpus import Corpus
from ...model.config import GPTConfig
from ...runtime.version import VERSION
from ..explore.pack import pack_bytes, pack_lines
from ..pictures.content_policy import content_policy

__all__ = ["Program", "write_page"]

# In the order in which they build upon each other; the first two are the explorer's.
SHARED = ("unpack.js", "syntax.js")
SCRIPTS = (
    "hex.js", "colours.js", "curve.js", "plane.js", "attention.js", "plates.js", "cards.js", "source.js", "names.js",
    "controls.js", "app.js",
)  # fmt: skip
# The line that is shown first, and the text that is read first, as far as the alphabet has its letters.
FIRST, TEXT = "attention = _softmax", "emma"
MOST_SEED = 99


@dataclass(frozen=True)
class Program:
    """A model that can be trained in the page.

    Attributes:
        config: its shape.
        wasm: its program.
        seen: what can be seen of it, see `views.as_json`.
    """

    config: GPTConfig
    wasm: bytes
    seen: Mapping[str, object]


def write_page(
    programs: Sequence[Program], module: str, source: str, corpus: Corpus, alphabet: Sequence[str], seed: int
) -> str:
    """The HTML.

    Args:
        programs: models of several widths over one alphabet; the one closest to the default is chosen first.
        module: the JavaScript that loads a program: a module that exports ``load``.
        source: of the model.
        alphabet: its characters.
    """
    default = GPTConfig().n_embd
    chosen = min(programs, key=lambda program: abs(program.config.n_embd - default))
    block = chosen.config.block_size
    known = "".join(letter for letter in TEXT if letter in alphabet) or "".join(corpus.documents[0])
    blocks = {f"wasm{program.config.n_embd}": pack_bytes(program.wasm) for program in programs}
    blocks |= {
        "about": pack_bytes(json.dumps(_about(programs, alphabet, block, known[:block])).encode()),
        "worker": pack_bytes(_worker(module).encode()),
        "source": pack_lines(source.splitlines()),
        "documents": pack_lines(corpus.documents),
    }
    style = _resource("playground", "page.css")
    scripts = [*(_resource("explore", name) for name in SHARED), *(_resource("playground", name) for name in SCRIPTS)]
    script = "\n".join(['(() => {\n"use strict";', *scripts, "})();"])
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_resource("playground", "page.html"))
    count = len(corpus.documents)
    return template.render(
        # Ours, without markup.
        policy=Markup(content_policy(style, script, worker=True)),
        style=Markup(style),
        script=Markup(script),
        sizes=[
            {
                "width": program.config.n_embd,
                "parameters": f"{program.config.parameter_count:,}",
                "chosen": program is chosen,
            }
            for program in programs
        ],
        parameters=f"{chosen.config.parameter_count:,}",
        subject=f"from {count:,} {'names' if corpus.name == 'names' else 'lines'}",
        steps="1,000",
        seed=seed,
        most_seed=max(MOST_SEED, seed),
        text=known[:block],
        block=block,
        letters=_letters(alphabet),
        version=VERSION,
        blocks=blocks,
    )


def _worker(module: str) -> str:
    """The worker: a script, since one that is a module cannot be made in a page that was opened as a file."""
    text, export, rest = module.rpartition("export {")
    assert export, "the module exports nothing"
    assert rest.strip() == "load };", "the module ends with its only export"
    return f'"use strict";\n{text}\n{_resource("playground", "worker.js")}'


def _about(programs: Sequence[Program], alphabet: Sequence[str], block: int, text: str) -> Mapping[str, object]:
    sizes = {
        str(program.config.n_embd): {
            "block": f"wasm{program.config.n_embd}",
            **program.seen,
        }
        for program in programs
    }
    return {"sizes": sizes, "alphabet": list(alphabet), "block": block, "text": text, "first": FIRST}


def _letters(alphabet: Sequence[str]) -> str:
    text = "".join(alphabet)
    if len(text) > 2 and ord(text[-1]) - ord(text[0]) == len(text) - 1:
        return f"{text[0]} to {text[-1]}"
    return " ".join(letter if letter != " " else "the space" for letter in text)


def _resource(package: str, name: str) -> str:
    folder = files(f"{__package__.rpartition('.')[0]}.{package}") / "page"
    return (folder / name).read_text("utf-8")
