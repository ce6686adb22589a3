"""Measure: how long each loop nest of a program takes, on this machine.

In: the program's C. A C compiler makes a library that calls every nest many times between two looks at the clock; the
least of several rounds counts, for whatever disturbs a run makes it longer. The time of a nest is shared out evenly
among the operations that it carries out.
"""

from __future__ import annotations

import ctypes
import re
import tempfile
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from pathlib import Path

from ...compiler.c.emit_function import memory_size
from ...compiler.errors import InternalError
from ...compiler.ir.ops import GIVEN
from ...runtime.machine.find_toolchain import find_toolchain
from ...runtime.storage.files import write_plainly
from ..provenance.chain import Chain
from ..subject.c_program import CProgram

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

__attribute__((visibility("default")))
void microgpt_time_calls(%s *m, const int *ix, int rounds, int calls, double *seconds)
{
    double start, each;
%s
    for (int round = 0; round < rounds; round++) {
%s
    }
}
"""
_CALL = """\
        start = now();
        for (int call = 0; call < calls; call++) %s
        each = (now() - start) / calls;
        if (round == 0 || each < seconds[%d]) seconds[%d] = each;"""


@dataclass(frozen=True)
class Times:
    """What was measured.

    Attributes:
        of_calls: of each call of a kernel, in seconds, in the order of the program.
        of_nodes: for each node of the graph its share of them, in seconds.
        note: for people: what was measured, and how.
    """

    of_calls: Sequence[float]
    of_nodes: Sequence[float]
    note: str


def measure(chain: Chain, inputs: Mapping[str, Sequence[float]], indices: Sequence[int]) -> Times:
    """Runs every kernel call of the program of `chain` with these arguments and indices.

    Raises:
        ToolchainError: if there is no C compiler, or it fails.
    """
    program = chain.c_program
    assert program.unrolled is not None
    # Nests that share their lanes are carried out by one call.
    nests_of: dict[int, list[int]] = {}
    for nest, line in enumerate(program.body.call_of[program.name]):
        nests_of.setdefault(line, []).append(nest)
    of_calls = _run(program, list(nests_of), inputs, indices)
    of_nodes = array("d", bytes(8 * len(chain.graph)))
    for nests, seconds in zip(nests_of.values(), of_calls, strict=True):
        carried = (node for nest in nests for node in program.unrolled.nodes_of(nest))
        nodes = [node for node in carried if chain.graph.op[node] not in GIVEN]
        for node in nodes:
            of_nodes[node] += seconds / len(nodes)
    total, copies = 1e6 * fsum(of_calls), 1e6 * (fsum(of_calls) - fsum(of_nodes))
    note = (
        f"microseconds a run, measured: every loop nest of the C was called {CALLS} times in a row, the fastest of "
        f"{ROUNDS} rounds counts, and its time is shared evenly among its operations; {total:.1f} in all, of which "
        f"{copies:.1f} only copy matrices and belong to no line"
    )
    return Times(of_calls, of_nodes, note)


def _run(
    program: CProgram, calls: Sequence[int], inputs: Mapping[str, Sequence[float]], indices: Sequence[int]
) -> list[float]:
    """Seconds of each call, given by its line of the body."""
    lines = program.body.text.splitlines()
    timed = "\n".join(_CALL % (lines[line].strip(), place, place) for place, line in enumerate(calls))
    # Calls that programs have in common have parameters.
    arguments = "\n".join(
        f"    const {'long' if name.startswith('n') else 'double'} {name} = {value};"
        for name, value in program.body.values[program.name].items()
    )
    seconds = (ctypes.c_double * len(calls))()
    index = (ctypes.c_int * max(1, len(indices)))(*indices)
    with tempfile.TemporaryDirectory(prefix="microgpt-", ignore_cleanup_errors=True) as folder:
        path, built = Path(folder) / "timed.c", Path(folder) / "timed.so"
        write_plainly(path, (program.text + _TIMER % (_memory_type(program), arguments, timed)).encode())
        find_toolchain().build(path, built)
        library = ctypes.CDLL(str(built))
    raw = (ctypes.c_double * (memory_size(program.layout) + 8))()
    start = -(ctypes.addressof(raw) % -64)  # from an address that 64 divides
    memory = ctypes.cast(ctypes.addressof(raw) + start, ctypes.POINTER(ctypes.c_double))
    getattr(library, program.begin)(memory)
    for name, values in inputs.items():
        for number, value in enumerate(values, program.inputs[name]):
            memory[number] = value
    library.microgpt_time_calls(memory, index, ROUNDS, CALLS, seconds)
    return list(seconds)


def _memory_type(program: CProgram) -> str:
    """The type of the memory that the program's function takes."""
    found = re.search(rf"\b{program.name}\((\w+) \*m\b", program.text)
    if found is None:
        raise InternalError(f"the C has no function {program.name}")
    return found[1]
