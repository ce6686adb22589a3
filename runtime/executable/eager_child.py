"""Eager child: what the eager autograd gives for a trace, from a process of its own.

It takes as long as finding the loops, and needs nothing but the trace. The process reads trace and arguments from a
file, ``python -m microgpt.runtime.executable.eager_child``, and writes the results, as JSON.
"""

from __future__ import annotations

import gc
import json
import pickle
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ...compiler.ir.graph import Graph
from ...compiler.numerics import current, numerics
from ..machine.child import Child, started
from .witness import Numbers, Witness, eager_witnesses, points

__all__ = ["EagerWitnesses"]

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
            file.write_bytes(pickle.dumps((self.traced, self.gradient, self.example, self.derivative)))
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


def _main(file: str, name: str) -> None:
    # The terminal sends Ctrl-C to everybody; the process that asked ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()  # a Value is in no cycle, and looking for some takes a third of the time
    traced, gradient, example, derivative = pickle.loads(Path(file).read_bytes())
    with numerics(name):
        found = eager_witnesses(traced, gradient, example, derivative)
    sys.stdout.write(json.dumps([witness.results for witness in found]))


if __name__ == "__main__":
    _main(*sys.argv[1:])
