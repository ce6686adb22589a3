"""Workspaces: memory for one run of a program at a time, the same for every target."""

from __future__ import annotations

import ctypes
import math
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...compiler.ir.graph import Graph

__all__ = ["Workspace", "c_workspace", "doubles", "python_workspace"]


@dataclass(frozen=True)
class Workspace:
    """Memory of a caller's own, so that threads can run one program side by side.

    Attributes:
        inputs: doubles by argument of the graph, to be overwritten before `run`.
        indices: ints, to be overwritten, too; in their ranges, which nobody checks again.
        outputs: doubles by name, valid after `run` and until the next one.
        run: runs the program.
    """

    inputs: Mapping[str, memoryview[float]]
    indices: memoryview[int]
    outputs: Mapping[str, memoryview[float]]
    run: Callable[[], object]


def python_workspace(program: Callable[..., Any], graph: Graph) -> Workspace:
    """A workspace for generated Python, which takes and returns lists."""
    inputs = {name: doubles(size) for name, (_, size) in graph.arguments().items()}
    indices: memoryview[int] = memoryview(array("i", [0]) * sum(tensor.count for tensor in graph.indices))
    spans = [indices[tensor.start : tensor.start + tensor.count] for tensor in graph.indices]
    outputs = {output.name: doubles(len(output.nodes)) for output in graph.outputs}

    def run() -> None:
        results = program(*(view.tolist() for view in inputs.values()), *(span.tolist() for span in spans))
        for view, numbers in zip(outputs.values(), results, strict=True):
            view[:] = array("d", numbers)

    return Workspace(inputs, indices, outputs, run)


def c_workspace(library: ctypes.CDLL, graph: Graph, report: Mapping[str, Any]) -> Workspace:
    """A workspace for C: memory of the program's layout, with a view of each argument and output."""
    memory = (ctypes.c_double * (report["memory"] + 8))()
    view = memoryview(memory).cast("B").cast("d")
    view[:] = array("d", [math.nan]) * len(view)  # so that nothing right comes from what was not assigned
    library.run_begin(memory)
    count = sum(tensor.count for tensor in graph.indices)
    indices = (ctypes.c_int * max(1, count))()
    return Workspace(
        {name: view[start : start + size] for name, (start, size) in report["arguments"].items()},
        memoryview(indices).cast("B").cast("i")[:count],
        {name: view[start : start + size] for name, (start, size) in report["outputs"].items()},
        partial(library.run, ctypes.byref(memory), ctypes.byref(indices)),
    )


def doubles(count: int) -> memoryview[float]:
    """Memory for so many."""
    return memoryview(array("d", bytes(8 * count)))
