"""Sizes table: what compiling costs over sizes, of the GPT and of a perceptron, and what a step takes.

    python -m microgpt.tools.checks.sizes_table [--write DOCS] [--large]

Each row is measured in a process of its own, with an empty cache: CPU seconds of the process and of the C compiler and
what else it starts, the most memory of either, the bytes of C, and the time of a training step on one full document, or
of a call. ``--write`` puts the figures into performance.json and performance.md of the folder DOCS; ``--large`` also
measures four layers of 128 numbers over 256 characters.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...compiler.functions import tanh
from ...model.config import AdamConfig, GPTConfig
from ...model.gpt import initial_parameters
from ...runtime.backends.backend import State, split_document
from ...runtime.backends.c_backend import CBackend
from ...runtime.executable.compile_function import compile_function
from ...runtime.sized.compile_sized import compile_sized
from ...runtime.storage.cache import Cache
from ...runtime.storage.files import write_atomically
from ...runtime.training.random_stream import random_stream

__all__ = ["BEGIN", "END", "section"]

BEGIN, END = "<!-- over sizes: begin -->\n", "<!-- over sizes: end -->\n"

# Layers, width, heads, block.
_MODELS = ((1, 16, 4, 16), (1, 32, 4, 16), (1, 64, 4, 16), (1, 128, 4, 16), (2, 64, 4, 64))
_LARGE = ((4, 128, 4, 256),)
# Inputs and hidden units, and which of them are also compiled from their graph.
_WIDTHS, _FLAT = (16, 64, 256, 1024), (16, 64, 256)
_VOCABULARY = 27


def _model(layers: int, width: int, heads: int, block: int) -> dict[str, Any]:
    config = GPTConfig(_VOCABULARY, layers, width, heads, block)
    backend = CBackend(config, AdamConfig(), Cache.open())
    backend.prepare((), 0)
    found = _used(backend.library.report["bytes"])
    rng = random_stream(42)
    state = State(initial_parameters(config, rng))
    document = split_document(config, [0, *(1 + place % (_VOCABULARY - 1) for place in range(block))])
    return found | {"step": _least(lambda count: backend.advance(state, [document] * count, 10**9))}


def _net(weights: Any, bias: Any, out: Any, x: Any) -> Any:
    """A perceptron with one layer of hidden units, and the square of its result."""
    hidden = [tanh(sum(w * v for w, v in zip(row, x, strict=True)) + b) for row, b in zip(weights, bias, strict=True)]
    return sum(w * unit for w, unit in zip(out, hidden, strict=True)) ** 2


def _example(inputs: int, hidden: int) -> tuple[Any, ...]:
    return [[0.01] * inputs for _ in range(hidden)], [0.5] * hidden, [0.1] * hidden, [0.5] * inputs


def _perceptron(inputs: int, hidden: int, flat: bool = False) -> dict[str, Any]:
    example, wrt = _example(inputs, hidden), ("weights", "bias", "out")
    if flat:
        compiled = compile_function(_net, *example, wrt=wrt, target="c")
    else:
        compiled = compile_sized(_net, _example, wrt=wrt, target="c")(inputs=inputs, hidden=hidden)
    found = _used(compiled._executable.report["bytes"])
    space = compiled._executable.workspace()
    for name, numbers in compiled._structure.by_argument(compiled._structure.floats(example)).items():
        space.inputs[name][:] = array("d", numbers)

    def turns(count: int) -> None:
        for _ in range(count):
            space.run()

    return found | {"step": _least(turns)}


_KINDS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "model": _model,
    "perceptron": _perceptron,
    "flat": partial(_perceptron, flat=True),
}


def _used(size: int) -> dict[str, Any]:
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "own": round(own.ru_utime + own.ru_stime, 2),
        "others": round(others.ru_utime + others.ru_stime, 2),
        "memory": max(own.ru_maxrss, others.ru_maxrss) // 1024,
        "bytes": size,
    }


def _least(run: Callable[[int], object]) -> float:
    """Seconds of a turn: what some turns more take, each the least of several times; calls copy what they are given."""
    count = 1
    while _seconds(run, 2 * count) - _seconds(run, count) < 0.02:
        count *= 2
    few, many = (min(_seconds(run, turns) for _ in range(20)) for turns in (count, 2 * count))
    return (many - few) / count


def _seconds(run: Callable[[int], object], count: int) -> float:
    start = time.perf_counter()
    run(count)
    return time.perf_counter() - start


def _measured(kind: str, sizes: Sequence[int]) -> dict[str, Any]:
    """A row, measured by another process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-P", "-m", "microgpt.tools.checks.sizes_table", "--row", kind, *map(str, sizes)]
        environment = {**os.environ, "MICROGPT_CACHE_DIR": folder}
        result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return {"kind": kind, "sizes": list(sizes), **json.loads(result.stdout)}


def _cells(row: Mapping[str, Any]) -> list[str]:
    sizes = ", ".join(map(str, row["sizes"]))
    step = f"{row['step'] * 1e6:,.1f} us" if row["step"] < 1e-3 else f"{row['step'] * 1e3:,.1f} ms"
    return [sizes, f"{row['own']:.1f} s", f"{row['others']:.1f} s", f"{row['memory']} MB", f"{row['bytes']:,}", step]


def section(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the page says of the figures."""

    def table(kind: str, sizes: str, step: str) -> str:
        headings = [sizes, "This process", "C compiler and helpers", "Memory", "Bytes of C", step]
        lines = [headings, ["---", *["--:"] * 5], *(_cells(row) for row in rows if row["kind"] == kind)]
        return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)

    return (
        f"{BEGIN}\n{table('model', 'GPT: layers, width, heads, block', 'A step')}\n"
        f"{table('perceptron', '`compile_sized`: inputs, hidden', 'A call')}\n"
        f"{table('flat', '`compile`: inputs, hidden', 'A call')}\n{END}"
    )


def _write(docs: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    page = docs / "performance.md"
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    write_atomically(page, f"{before}{section(rows)}{rest.partition(END)[2]}".encode())
    write_atomically(docs / "performance.json", f"{json.dumps(rows, indent=1)}\n".encode())


def _main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", type=Path, metavar="DOCS", help="the folder of performance.json and performance.md")
    parser.add_argument("--large", action="store_true", help="also four layers of 128 numbers over 256 characters")
    parser.add_argument("--row", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        kind, *sizes = options.row
        print(json.dumps(_KINDS[kind](*map(int, sizes))))
        return
    wanted: list[tuple[str, tuple[int, ...]]] = [("model", sizes) for sizes in _MODELS]
    wanted += [("model", sizes) for sizes in _LARGE if options.large]
    wanted += [("perceptron", (width, width)) for width in _WIDTHS] + [("flat", (width, width)) for width in _FLAT]
    rows = []
    for kind, sizes in wanted:
        rows.append(_measured(kind, sizes))
        print(kind, *_cells(rows[-1]), sep="\t", flush=True)
    if options.write:
        _write(options.write, rows)


if __name__ == "__main__":
    _main()
