"""Measure: how long each loop nest of a program takes, on this machine.

In: the program's C. A C compiler makes a library that calls every nest many times between two looks at the clock; the
least of several rounds counts, for whatever disturbs a run makes it longer. The time of a nest is shared out evenly
among the operations that it carries out.
"""

from __future__ import annotations

import ctypes
import tempfile
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...runtime.toolchain import find_toolchain
from ..provenance.chain import Chain

__all__ = ["Times", "measure"]

ROUNDS = 7
CALLS = 200

_TIMER = """
#include <time.h>

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + 1e-9 * at.tv_nsec;
}

EXPORT void microgpt_time_nests(double *m, const int *ix, int rounds, int calls, double *seconds);
EXPORT void microgpt_time_nests(double *m, const int *ix, int rounds, int calls, double *seconds)
{
    double start, each;
    for (int round = 0; round < rounds; round++) {
%s
    }
}
"""
_NEST = """\
        start = now();
        for (int call = 0; call < calls; call++) %s
        each = (now() - start) / calls;
        if (round == 0 || each < seconds[%d]) seconds[%d] = each;"""


@dataclass(frozen=True)
class Times:
    """What was measured.

    Attributes:
        of_nests: for each nest of the program, seconds a call.
        of_nodes: for each node of the graph its share of them, in seconds.
        note: for people: what was measured, and how.
    """

    of_nests: Sequence[float]
    of_nodes: Sequence[float]
    note: str


def measure(chain: Chain, inputs: Sequence[float], indices: Sequence[int]) -> Times:
    """Runs every nest of the program of `chain` with these parameters, tokens and targets.

    Raises:
        ToolchainError: if there is no C compiler, or it fails.
    """
    program = chain.c_program
    of_nests = _run(chain, inputs, indices)
    of_nodes = array("d", bytes(8 * len(chain.graph)))
    for nest, seconds in enumerate(of_nests):
        nodes = program.unrolled.nodes_of(nest)
        for node in nodes:
            of_nodes[node] += seconds / len(nodes)
    total = 1e6 * sum(of_nests)
    note = (
        f"microseconds a step, measured: every loop nest of the C was called {CALLS} times in a row, the fastest of "
        f"{ROUNDS} rounds counts, and its time is shared evenly among its operations; {total:.1f} in all"
    )
    return Times(of_nests, of_nodes, note)


def _run(chain: Chain, inputs: Sequence[float], indices: Sequence[int]) -> list[float]:
    program, source = chain.c_program, chain.c_program.source
    lines = source.text.splitlines()
    first = source.body_line + source.body.first_call[program.name]
    calls = [lines[first + nest].strip() for nest in range(len(program.program.nests))]
    timed = "\n".join(_NEST % (call, nest, nest) for nest, call in enumerate(calls))
    seconds = (ctypes.c_double * len(calls))()
    index = (ctypes.c_int * len(indices))(*indices)
    with tempfile.TemporaryDirectory(prefix="microgpt-", ignore_cleanup_errors=True) as folder:
        path, built = Path(folder) / "timed.c", Path(folder) / "timed.so"
        path.write_text(source.text + _TIMER % timed, encoding="utf-8")
        find_toolchain().build(path, built)
        library = ctypes.CDLL(str(built))
    size = source.addresses["memory"]
    raw = (ctypes.c_double * (size + 8))()
    start = -(ctypes.addressof(raw) % -64)  # from an address that 64 divides
    memory = ctypes.cast(ctypes.addressof(raw) + start, ctypes.POINTER(ctypes.c_double))
    library.microgpt_initialize(memory)
    at = source.addresses["parameters"]
    for number, value in enumerate(inputs):
        memory[at + number] = value
    library.microgpt_time_nests(memory, index, ROUNDS, CALLS, seconds)
    return list(seconds)
