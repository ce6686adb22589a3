"""Recurrences share a loop where no step needs a later one; and what steps compute is handed on in variables."""

from __future__ import annotations

import pytest
from loop_texts import program_of

from microgpt.compiler.loops.join_recurrences import join_recurrences
from microgpt.compiler.loops.loop_ir import LoopProgram
from microgpt.compiler.loops.loop_text import format_program, parse_program
from microgpt.compiler.pipeline import compile_c

# Each step needs the one before.
FIRST = "nest recurrence 1\nfor step < 20\nmemory[step+1] = mul(memory[step], 0.5)"


def joined(*nests: str) -> LoopProgram:
    return join_recurrences(parse_program("program steps\n" + "\n".join((FIRST, *nests))))


def second(value: str, steps: int = 20) -> str:
    return f"nest recurrence 2\nfor step < {steps}\nmemory[step+101] = mul(memory[step+100], {value})"


def recurrences(program: LoopProgram) -> list[int]:
    return [nest.recurrence for nest in program.nests]


@pytest.mark.parametrize(
    "value",
    [
        "memory[200]",  # nothing of the first
        "memory[step]",  # an earlier step
        "memory[step+1]",  # this step
        "fold add { k < 3: memory[step+k-1] }",  # two of them
        "memory[-step+60]",  # beyond what it computes
    ],
)
def test_steps_that_need_no_later_ones_share_a_loop(value: str):
    assert recurrences(joined(second(value))) == [1, 1]


@pytest.mark.parametrize(
    "value",
    [
        "memory[step+2]",  # the next step
        "memory[-step+20]",  # the last one first
        "memory[20]",
        "fold add { k < 3: memory[step+k] }",
        "memory[ix[0]]",  # nobody knows
    ],
)
def test_steps_that_need_later_ones_do_not(value: str):
    assert recurrences(joined(second(value))) == [1, 2]


@pytest.mark.parametrize(("steps", "expected"), [(19, [1, 1, 0]), (20, [1, 1]), (21, [1, 1, 0]), (18, [1, 2])])
def test_one_step_more_runs_behind_the_loop(steps: int, expected: list[int]):
    program = joined(second("memory[step]", steps))
    assert recurrences(program) == expected
    if steps == 19:
        assert "nest\n    memory[20] = mul(memory[19], 0.5)" in format_program(program)
    if steps == 21:
        assert "nest\n    memory[121] = mul(memory[120], memory[20])" in format_program(program)


def test_what_is_between_runs_before_or_behind():
    needs = "nest\nfor i < 9\nmemory[i+300] = memory[i+1]"
    needs_that = "nest\nmemory[320] = memory[304]"
    free = "nest\nfor i < 9\nmemory[i+200] = memory[i+400]"
    program = joined(needs, free, needs_that, second("memory[203]"))
    assert recurrences(program) == [0, 1, 1, 0, 0]
    shown = format_program(program)
    assert shown.index("memory[i+200]") < shown.index("memory[step+1]") < shown.index("memory[i+300]")
    assert recurrences(joined(needs, second("memory[301]"))) == [1, 0, 2], "it needs what must run behind the first"
    assert recurrences(joined(needs, needs_that, second("memory[320]"))) == [1, 0, 0, 2]
    chosen = "nest\nmemory[320] = memory[ix[0]]"
    assert recurrences(joined(chosen, second("memory[200]"))) == [1, 0, 2], "nobody knows what it reads"


def test_three_become_one():
    third = second("memory[step+101]").replace("recurrence 2", "recurrence 3").replace("step+10", "step+20")
    assert recurrences(joined(second("memory[step]"), third)) == [1, 1, 1]


def steps_in_c(body: str, arrays: str = "z[100]", width: int = 1) -> list[str]:
    """The lines of the C of recurrences."""
    lines = "\n".join(f"array {array} value double" for array in arrays.split())
    program, layout = program_of(f"program steps\n{lines}\n" + body)
    return [line.strip() for line in compile_c([program], ["f"], layout, width).text.splitlines()]


def nest(line: str, loops: str = "") -> str:
    return f"nest recurrence 1\nfor step < 20\n{loops}{line}\n"


def test_a_step_hands_on_what_it_computes():
    lines = steps_in_c(
        nest("y[step+1] = mul(z[step], 0.5)") + nest("z[step+1] = add(y[step+1], y[step])"), "y[30] z[30]"
    )
    start = lines.index("double g0;")
    assert lines[start : start + 11] == [
        "double g0;",
        "double g1;",
        "g0 = m->y[0];",
        "g1 = m->z[0];",
        "for (long step = 0; step < 20; step++) {",
        "const double h0 = (g1 * 0.5);",
        "m->y[step + 1] = h0;",
        "const double h1 = (h0 + g0);",
        "m->z[step + 1] = h1;",
        "g0 = h0;",
        "g1 = h1;",
    ]


def test_loops_of_a_few_turns_have_variables():
    lines = steps_in_c(nest("z[step+1][i] = mul(z[step][i], 0.5)", "for i < 3\n"), "z[30][3]")
    assert [f"const double h{turn} = (g{turn} * 0.5);" in lines for turn in range(4)] == [True, True, True, False]


def test_vectors_are_handed_on():
    lines = steps_in_c(nest("z[step+1][i] = mul(z[step][i], 0.5)", "for i < 8\n"), "z[30][8]", width=8)
    assert "const v8 h0 = (g0 * 0.5);" in lines
    assert "g0 = load8(m->z[0]);" in [line.replace("&m->z[0][0]", "m->z[0]") for line in lines]


@pytest.mark.parametrize(
    "other",
    [
        "z[2*step] = x[step]",
        "z[-step+40] = x[step]",  # in the first step, what the step before would have written
        "z[40] = x[step]",
    ],
)
def test_what_another_statement_may_write_is_read_from_memory(other: str):
    lines = steps_in_c(nest(other) + nest("z[step+41] = mul(z[step+40], 0.5)"), "x[100] z[100]")
    assert not any(line.startswith("g0") for line in lines)
