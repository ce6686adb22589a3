"""Eager child: what the eager autograd gives for a trace, from a process of its own.

It takes as long as finding the loops, and needs nothing but the trace. The process,
``python -m microgpt.runtime.executable.eager_child``, reads trace and arguments from a file, and writes the results;
both as JSON.
"""

from __future__ import annotations

import gc
import json
import signal
import sys
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

from ...compiler.ir.graph import Graph, IndexTensor, Origin, Output, Scatter, Table, Tensor
from ...compiler.numerics import current, numerics
from ..machine.child import Child, started, write_answer
from .witness import Numbers, Witness, eager_witnesses, points

__all__ = ["EagerWitnesses", "read", "written"]

# A trace of fewer operations is carried out before another process is ready.
_WORTHWHILE = 20_000


@dataclass
class EagerWitnesses:
    """What a program must give, asked for by calling it; see `eager_witnesses`."""

    traced: Graph
    gradient: str | None
    example: Numbers
    derivative: str
    _child: Child | None = field(default=None, init=False)

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Begins to run the eager autograd, beside what is done within; ends it if that fails."""
        if len(self.traced) < _WORTHWHILE:
            yield
            return
        with tempfile.TemporaryDirectory(prefix="microgpt-", ignore_cleanup_errors=True) as folder:
            file = Path(folder) / "trace"
            example = {name: list(numbers) for name, numbers in self.example.items()}
            file.write_text(json.dumps([written(self.traced), self.gradient, example, self.derivative]), "ascii")
            with started(Child(__name__, str(file), current().name)) as self._child:
                yield

    def __call__(self) -> list[Witness]:
        """The witnesses; computed here if there is no other process, or it has failed.

        Raises:
            ProofError: see `eager_witnesses`.
        """
        answer = self._child.answer() if self._child else None
        if answer is None:
            return eager_witnesses(self.traced, self.gradient, self.example, self.derivative)
        given = points(self.traced, self.example)
        return [Witness(*point, results) for point, results in zip(given, json.loads(answer), strict=True)]


_COLUMNS = ("op", "starts", "flat", "attribute", "origin", "source")


def written(graph: Graph) -> list[Any]:
    """A graph in lists, numbers and strings, for `read`."""
    columns = [(column.typecode, column.tolist()) for column in (getattr(graph, name) for name in _COLUMNS)]
    tables = (graph.tables, graph.origins, graph.inputs, graph.indices, graph.outputs)
    return [graph.name, columns, graph.constants, *([astuple(part) for part in table] for table in tables)]


def read(parts: list[Any]) -> Graph:
    """The graph that was `written`."""
    name, columns, constants, tables, origins, inputs, indices, outputs = parts
    arrays: dict[str, Any] = {
        column: array(typecode, numbers) for column, (typecode, numbers) in zip(_COLUMNS, columns, strict=True)
    }
    return Graph(
        name,
        **arrays,
        constants=tuple(constants),
        tables=tuple(Table(*part) for part in tables),
        origins=tuple(Origin(*part) for part in origins),
        inputs=tuple(Tensor(tensor, argument, start, tuple(shape)) for tensor, argument, start, shape in inputs),
        indices=tuple(IndexTensor(*part) for part in indices),
        outputs=tuple(
            Output(output, tuple(nodes), tuple(Scatter(node, index, Table(*table)) for node, index, table in scatters))
            for output, nodes, scatters in outputs
        ),
    )


def _main(file: str, name: str) -> None:
    # The terminal sends Ctrl-C to everybody; the process that asked ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()  # a Value is in no cycle, and looking for some takes a third of the time
    parts, gradient, example, derivative = json.loads(Path(file).read_text("ascii"))
    with numerics(name):
        found = eager_witnesses(read(parts), gradient, example, derivative)
    write_answer(json.dumps([witness.results for witness in found]))


if __name__ == "__main__":
    _main(*sys.argv[1:])
