"""The C of a problem: programs for an example, a block of them, the penalty and the update, and the loop over steps.

In: a `Problem`. Out: a `FitSource`. Each program has a memory of its own; what one hands to another is copied, which
costs less than a tenth of the shortest program. The rows of data are arguments, so their number is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...compiler.c.c_text import plain_text
from ...compiler.c.emit_function import memory_size
from ...compiler.c.prelude import prelude
from ...compiler.ir.graph import Graph
from ...compiler.loops.coverage import coverage
from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import Array, LoopProgram
from ...compiler.loops.looped_graph import LoopedGraph
from ...compiler.loops.prove_loops import prove_loops
from ...compiler.loops.vmap import one_lane, vmap
from ...compiler.pipeline import compile_loops, function_text, program_text
from ..executable.repeat import BLOCK
from .problem import INITIAL, ROW, WEIGHTS, Problem

__all__ = ["FitSource", "fit_source"]

_PACKAGE = __package__ or ""


@dataclass(frozen=True)
class _Update:
    """The optimiser for all weights.

    Attributes:
        arguments, results: by name, addresses of the first weight's; of constants, of the only one.
    """

    graph: Graph
    program: LoopProgram
    layout: Layout
    arguments: Mapping[str, int]
    results: Mapping[str, int]

    def prove(self) -> None:
        """Proves one lane; the others differ in where they begin alone."""
        inputs = [self.arguments[tensor.name] for tensor in self.graph.inputs]
        prove_loops(one_lane(self.program), self.graph, self.layout, inputs, self.results)


@dataclass(frozen=True)
class FitSource:
    """A library in C.

    Attributes:
        text: of the C file.
        memory: doubles that it needs.
        arguments: by name, addresses of the update's arguments in that memory: an element for each weight.
        report: what was made.
    """

    text: str
    memory: int
    arguments: Mapping[str, int]
    report: Mapping[str, Any]
    _looped: tuple[LoopedGraph, ...]
    _update: _Update

    def prove(self) -> None:
        """Checks that the loops of every program, unrolled, are its graph.

        Raises:
            ProofError: if they are not.
        """
        for looped in self._looped:
            looped.prove()
        self._update.prove()


def fit_source(problem: Problem, vector_width: int) -> FitSource:
    """Compiles a problem to C. Whoever uses the result has to prove it.

    Args:
        vector_width: doubles in the widest vector of the processor that the library is for: 8, 4 or 2.
    """
    functions = {"example": problem.example, "block": problem.block, "penalty": problem.extra}
    looped = {name: compile_loops(function.graph) for name, function in functions.items() if function}
    update = _update_of(problem)
    at, numbers, texts = 0, {"WEIGHTS": problem.size}, []
    for name, found in looped.items():
        texts.append(function_text(found, name, vector_width).text)
        numbers[name.upper()] = at
        numbers |= {f"{name.upper()}_{what.upper()}": at + place for what, place in _places(found).items()}
        at += memory_size(found.layout)
    numbers |= {
        "TOGETHER": BLOCK,
        "ROW": problem.row_size,
        "INDICES": problem.index_count,
        "UPDATE": at,
        "CONSTANTS": len(problem.optimizer.constants),
        "PARAMETER": at + update.arguments["parameter"],
        "GRADIENT": at + update.arguments["gradient"],
        "STEP_CONSTANTS": at + min((update.arguments[name] for name in _shared(problem)), default=0),
    }
    texts.append(program_text(update.program, update.layout, "update", vector_width).text)
    defines = "".join(f"enum {{ {name} = {number} }};\n" for name, number in numbers.items())
    moves = "".join(
        f"    memcpy(m + {at + update.arguments[name]}, m + {at + result}, WEIGHTS * sizeof(double)); /* {name} */\n"
        for name, result in update.results.items()
    )
    has_floats = problem.row_size > 0
    parts = {
        "begin": "".join(f"    {name}_begin(m + {name.upper()});\n" for name in (*looped, "update")),
        "blocks": plain_text(_PACKAGE, "blocks.c") * ("block" in looped),
        "block_row": _copy(16, "m + BLOCK_ROW + row * ROW", "rows + order[row] * ROW", "ROW", "double") * has_floats,
        "block_indices": _copy(16, "chosen + row * INDICES", "indices + order[row] * INDICES", "INDICES", "int")
        * (problem.index_count > 0),
        "row": _copy(12, "m + EXAMPLE_ROW", "rows + *order * ROW", "ROW", "double") * has_floats,
        "penalty": plain_text(_PACKAGE, "penalty.c") * ("penalty" in looped),
        "constants": plain_text(_PACKAGE, "constants.c") * bool(problem.optimizer.constants),
        "moves": moves,
    }
    driver = plain_text(_PACKAGE, "fit.c")
    for name, text in parts.items():
        driver = driver.replace(f"@{name}@\n", text)
    program = "\n".join([*texts, defines, driver])
    heading = f"/* Made from {problem.example.traced.name} by microgpt. Do not edit. */\n"
    text = f"{heading}{prelude(vector_width, program=program)}\n{program}"
    report = {
        "nests": {name: len(found.program.nests) for name, found in looped.items()},
        "coverage": {name: coverage(found.program) for name, found in looped.items()},
        "bytes": len(text),
    }
    arguments = {name: at + place for name, place in update.arguments.items()}
    return FitSource(text, at + memory_size(update.layout), arguments, report, tuple(looped.values()), update)


def _copy(spaces: int, target: str, source: str, count: str, kind: str) -> str:
    return f"{' ' * spaces}memcpy({target}, {source}, {count} * sizeof({kind}));\n"


def _shared(problem: Problem) -> list[str]:
    return [name for name in problem.update.traced.arguments() if name not in problem.lanes]


def _places(looped: LoopedGraph) -> dict[str, int]:
    layout = looped.layout
    places = {name: layout.arguments[name][0] for name in (WEIGHTS, INITIAL, ROW) if name in layout.arguments}
    return places | {name: start for name, (start, *_) in layout.outputs.items()}


def _update_of(problem: Problem) -> _Update:
    graph, layout, size = problem.update.graph, Layout(), problem.size
    arrays = {name: layout.add(Array(layout.unique(name), (size,), space="argument")) for name in problem.lanes}
    names = _shared(problem)
    start = layout.add(Array(layout.unique("step_constants"), (len(names),), space="argument")) if names else 0
    shared = {name: start + place for place, name in enumerate(names)}
    # Apart from the arguments: a function may need what its result replaces until its end.
    results = {
        output.name: layout.add(Array(layout.unique(f"new_{output.name}"), (size,), space="output"))
        for output in graph.outputs
    }
    # What is converted before and after, if C computes in single precision.
    layout.arguments.update({name: (address, size) for name, address in arrays.items()})
    layout.arguments.update({name: (address, 1) for name, address in shared.items()})
    layout.outputs.update({name: (address, size) for name, address in results.items()})
    program = vmap(graph, size, arrays, shared, results, layout)
    return _Update(graph, program, layout, arrays | shared, results)
