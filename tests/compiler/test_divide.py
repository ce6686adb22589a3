"""Threads that divide kernels compute each element once, and wait where one reads what another has written."""

from __future__ import annotations

import ctypes
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from loop_texts import program_of
from tile_texts import BODIES, MANY, SIZES, interpreted, text_of

from microgpt.compiler.c.memory_struct import memory_struct
from microgpt.compiler.c.prelude import prelude, team
from microgpt.compiler.kernels.divide import divide
from microgpt.compiler.kernels.expressions import Number, Place, Sum
from microgpt.compiler.kernels.kernel_ir import For, Kernel, Parameter, Statement, Transpose, Update, Write
from microgpt.compiler.kernels.traverse import mentions
from microgpt.compiler.numerics import exact
from microgpt.compiler.pipeline import compile_c, compile_kernels
from microgpt.runtime.machine.toolchain import Toolchain

# Two products: the second one reads all that the first one writes.
CHAIN = """
    array x[{rows}][{terms}] value double
    array w[{terms}][{lanes}] value double
    array y[{rows}][{lanes}] value double
    array z[{lanes}][{rows}] value double
    array t[{rows}][{lanes}] value double
    array s[{lanes}] value double
    nest
        for i < {rows}
        for j < {lanes}
        y[i][j] = fold add {{ k < {terms}: mul(x[i][k], w[k][j]) }}
    nest
        for i < {lanes}
        for j < {rows}
        z[i][j] = y[j][i]
    nest
        for i < {rows}
        for j < {lanes}
        t[i][j] = exp(z[j][i])
    nest
        for j < {lanes}
        s[j] = fold add {{ k < {rows}: y[k][j] }}
"""
# Turns that need what the turn before has computed.
STEPS = """
    array x[{rows}] value double
    array y[{rows}] value double
    array z[{rows}] value double
    nest
        for i < {rows}
        z[i] = mul(x[i], 0.5)
    nest recurrence 1
        for i < {last}
        y[i+1] = add(y[i], z[i])
    nest
        for i < {rows}
        x[i] = mul(y[i], 0.25)
"""
# Lets those go first whose turn it is; who waits in vain goes on, since the last meeting is nobody's to leave.
SERIAL = """
    for (int i = 0; i < 100 && __atomic_load_n(t->arrived, __ATOMIC_ACQUIRE) < t->met + TURN; i++) sched_yield();
"""


def one_by_one(text: str, turn: str) -> str:
    """C in which, between two meetings, threads carry out their parts one after another."""
    wait = "    wait_for(t->arrived, t->met);\n"
    assert text.count(wait) == 1
    return text.replace(wait, wait + SERIAL.replace("TURN", turn))


ORDERS = {"first": "t->number", "last": "(t->count - 1 - t->number)"}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("body", [*BODIES, CHAIN])
def test_parts_are_the_whole(body: str, order: str, toolchain: Toolchain, tmp_path: Path) -> None:
    random = Random(7)
    for width in {2, toolchain.vector_width}:
        text = prelude(width) + one_by_one(team("double"), ORDERS[order])
        expected = {}
        for number, sizes in enumerate(SIZES + MANY):
            program, layout, numbers, results = interpreted(text_of(body, *sizes), random)
            expected[f"run{number}"] = numbers, results
            prefix = f"s{number}_"
            compiled = compile_c([program], [f"f{number}"], layout, width, prefix, divided=True)
            text += memory_struct(layout, f"{prefix}memory") + compiled.text
            text += f"void run{number}(double *m, long thread, long threads, long *arrived)\n"
            text += (
                f"{{ team t = {{thread, threads, 0, arrived}}; meet(&t); f{number}(({prefix}memory *)m, 0, &t); }}\n"
            )
        source, path = tmp_path / f"width{width}.c", tmp_path / f"width{width}.so"
        source.write_text(text)
        toolchain.build(source, path)
        library = ctypes.CDLL(str(path))
        for threads in (2, 5):
            with ThreadPoolExecutor(threads) as pool:
                for name, (numbers, results) in expected.items():
                    held, arrived = (ctypes.c_double * len(numbers))(*numbers), (ctypes.c_long * 1)()
                    run = getattr(library, name)
                    run.argtypes = [ctypes.c_void_p, ctypes.c_long, ctypes.c_long, ctypes.c_void_p]
                    list(pool.map(lambda each: run(held, each, threads, arrived), range(threads)))  # noqa: B023
                    assert list(held) == results, (name, width, threads)


def test_triangles_are_divided_in_turns_and_others_evenly() -> None:
    for number, expected in ((0, {"evenly"}), (2, {"in turns"})):
        program, layout = program_of(text_of(BODIES[number], *MANY[0]))
        kernels = compile_kernels([program], 8, exact(), divided=layout).kernels
        assert all(kernel.divided for kernel in kernels)
        assert {how for kernel in kernels for how in ways(kernel.body)} == expected


def ways(body: tuple[Statement, ...]) -> set[str]:
    found: set[str] = set()

    def look(part: object) -> bool:
        if isinstance(part, For) and part.divided:
            found.add(part.divided)
        return False

    assert not mentions(body, look)
    return found


def test_threads_meet_where_one_reads_what_another_has_written() -> None:
    program, layout = program_of(text_of(CHAIN, 14, 17, 40))
    compiled = compile_kernels([program], 8, exact(), divided=layout)
    (calls,) = compiled.calls
    assert [(call.arrays, call.meets) for call in calls] == [
        (("y",), False),
        (("z",), True),
        (("t",), True),
        (("s",), False),
    ]
    assert mentions(compiled.kernels[calls[1].kernel].body, lambda part: isinstance(part, Transpose) and part.divided)


def test_what_has_an_order_is_left_to_the_first_thread() -> None:
    program, layout = program_of(text_of(STEPS, 75, 1, 1))
    compiled = compile_kernels([program], 8, exact(), divided=layout)
    (calls,) = compiled.calls
    assert [(compiled.kernels[call.kernel].divided, call.meets) for call in calls] == [
        (True, False),
        (False, True),
        (True, True),
    ]
    text = compile_c([program], ["f"], layout, 8, divided=True).text
    assert text.count("meet(t); if (!t->number) ") == 1


def test_a_kernel_that_adds_where_an_index_says_is_not_divided() -> None:
    place, trips = Place("y0", (Sum(0, ((1, "i"),)),)), Sum(20)
    for statement, expected in ((Write(place, Number("0x1p+0")), True), (Update(place, Number("0x1p+0")), False)):
        kernel = Kernel((Parameter("y0", "write"),), (For("i", Sum(), trips, (statement,)),))
        assert divide(kernel).divided is expected
