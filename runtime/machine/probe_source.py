"""What a C compiler is tried with: single operations, and code as we emit it, with the results that it must give.

The emitted code has what all emitted code has: the prelude with its vectors and its powers, loops, reductions, selected
operands. Its text is there for each width of vectors; the compiler takes the one for the processor that it compiles
for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from ...compiler.c.c_text import plain_text
from ...compiler.c.prelude import prelude
from ...compiler.ir.graph import Graph, Tensor
from ...compiler.ir.interpret import interpret
from ...compiler.numerics import exact, numerics
from ...compiler.pipeline import compile_graph, compile_loops, function_text
from ...compiler.trace import trace
from ...compiler.tracing.traced_scalar import TracedScalar

__all__ = ["ProbeSource", "probe_source"]

# By width, what a compiler defines that has such vectors.
_CONDITIONS = {8: "defined(__AVX512F__) && defined(__AVX512DQ__)", 4: "defined(__AVX__)"}

# Units of the hidden vector: more than a vector has, and no multiple of it.
_UNITS, _INPUTS = 19, 5
_SIZE = _INPUTS * (_UNITS + 1)


@dataclass(frozen=True)
class ProbeSource:
    """What a compiler is tried with.

    Attributes:
        text: in C.
        expected: JSON for `probe`: the ``memory`` that the emitted code needs, in doubles; ``inputs`` and ``outputs``,
            each a list of addresses and numbers, as ``float.hex()``.
    """

    text: str
    expected: str


@cache
def probe_source() -> ProbeSource:
    """The text, and what it must compute. Whatever numerics are in force, a compiler is checked with those of libm."""
    with numerics(exact()):
        return _probe_source()


def _probe_source() -> ProbeSource:
    graph = _graph()
    looped = compile_loops(graph)
    looped.prove()
    parts: list[str] = []
    for width in (8, 4, 2):
        condition = f"{'#elif' if parts else '#if'} {_CONDITIONS[width]}" if width in _CONDITIONS else "#else"
        code = prelude(width) + function_text(looped, "probe", width).text
        parts.append(f"{condition}\nenum {{ WIDTH = {width} }};\n{code}\n")
    random = Random(5)
    inputs = [random.gauss(0.0, 0.4) for _ in range(_SIZE)]
    results = interpret(graph, {"x": inputs})
    layout = looped.layout
    expected = {
        "memory": layout.size,
        "inputs": [[layout.arguments["x"][0], *_hex(inputs)]],
        "outputs": [[layout.outputs[output.name][0], *_hex(results[output.name])] for output in graph.outputs],
    }
    return ProbeSource(
        "".join([*parts, "#endif\n", plain_text(__package__ or "", "operations.c")]), json.dumps(expected)
    )


def _hex(numbers: Sequence[float]) -> list[str]:
    return [number.hex() for number in numbers]


def _graph() -> Graph:
    """Loss and gradient of a layer of a network: all operations that models are made of."""

    def function(x: list[TracedScalar]) -> TracedScalar:
        rows = [x[_INPUTS * unit : _INPUTS * (unit + 1)] for unit in range(_UNITS)]
        inputs = x[_INPUTS * _UNITS : _INPUTS * (_UNITS + 1)]
        hidden = [_sum([weight * unit for weight, unit in zip(row, inputs, strict=True)]).relu() for row in rows]
        scale = (_sum([unit * unit for unit in hidden]) / _UNITS + 1e-5) ** -0.5
        powers = [(unit * scale).exp() for unit in hidden]
        total = _sum(powers)
        return _sum([(power / total).log() * unit**2 for power, unit in zip(powers, hidden, strict=True)])

    tensors = [Tensor("x", "x", 0, (_SIZE,))]
    return compile_graph(lambda: trace(lambda given, _: {"loss": [function(given["x"])]}, "probe", tensors), "x")


def _sum(terms: Sequence[TracedScalar]) -> TracedScalar:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
