"""Arrays that are not needed at the same time share their room, and no others do."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest
from loop_texts import program_of

from microgpt.compiler.c.memory_struct import memory_struct
from microgpt.compiler.errors import VerifyError
from microgpt.compiler.loops.interpret_loops import interpret_loops
from microgpt.compiler.loops.layout import Layout
from microgpt.compiler.loops.loop_ir import Array, LoopProgram
from microgpt.compiler.loops.reuse import LiveRanges, check_reuse, live_ranges, reuse

# Each array is read by the nest behind it; the first once more by the last.
CHAIN = """
program f
    array given[8][8] argument double
    array a[8][8] value double
    array b[8][8] value double
    array c[8][8] value double
    array d[8][8] value double
    array result[8][8] output double
    nest
        for i < 8
        for j < 8
        a[i][j] = mul(given[i][j], 0.5)
    nest
        for i < 8
        for j < 8
        b[i][j] = add(a[i][j], 1.5)
    nest
        for i < 8
        for j < 8
        c[i][j] = mul(b[i][j], b[i][j])
    nest
        for i < 8
        for j < 8
        d[i][j] = add(c[i][j], 2.5)
    nest
        for i < 8
        for j < 8
        result[i][j] = add(d[i][j], a[i][j])
"""


def results(program: LoopProgram, layout: Layout) -> list[float]:
    given = [Random(2).gauss(0.0, 1.0) for _ in range(64)]
    return interpret_loops(program, layout, {"given": given})["result"]


def test_what_is_dead_makes_room():
    program, layout = program_of(CHAIN)
    smaller = reuse(layout, live_ranges([program]))
    check_reuse(program, smaller)
    assert (layout.size, smaller.size) == (64 * 6, 64 * 5)
    assert results(program, smaller) == results(program, layout)


@pytest.mark.parametrize(("one", "other"), [*combinations("abcd", 2)])
def test_a_room_that_is_taken_too_early_is_noticed(one: str, other: str):
    program, layout = program_of(CHAIN)
    arrays = {array.name: array for array, _, _ in layout.placed}
    sharing = [arrays.pop(name) for name in "abcd"]
    smaller = layout.only(arrays, "")
    offsets = {name: 200 * place for place, name in enumerate("abcd")}
    offsets[other] = offsets[one] + 24
    smaller.add_together([(array, offsets[array.name]) for array in sharing])
    if (one, other) == ("b", "d"):
        check_reuse(program, smaller)
        assert results(program, smaller) == results(program, layout)
    else:
        with pytest.raises(VerifyError, match=r"has its room|whose room is in use"):
            check_reuse(program, smaller)


def test_what_is_read_before_it_is_assigned_keeps_its_room():
    program, _ = program_of(CHAIN.replace("mul(given[i][j], 0.5)", "mul(d[i][j], 0.5)"))
    assert set(live_ranges([program])) == {"a", "b", "c"}


def test_nests_that_kernels_may_carry_out_together_are_one_time():
    """What one of them reads is not overwritten by the next."""
    program, layout = program_of(CHAIN.replace("        for j < 8\n", "").replace("[i][j]", "[i]"))
    assert reuse(layout, live_ranges([program])).size == layout.size


def test_what_results_are_made_of_is_kept_to_the_end():
    """They may be added up behind everything else."""
    text = CHAIN.replace("d[i][j] = add(c[i][j], 2.5)", "result[i][j] = add(c[i][j], 2.5)")
    assert live_ranges([program_of(text)[0]])["c"] == {0: (2, 5)}


def test_each_program_has_its_own_times():
    first, layout = program_of(CHAIN)
    second, _ = program_of(CHAIN.replace("d[i][j] = add(c", "d[i][j] = add(b"))
    assert len(live_ranges([first, first])["b"]) == 1
    layout = reuse(layout, live_ranges([first, second]))
    starts = {array.name: start for array, start, _ in layout.placed}
    assert starts["b"] not in (starts["d"], starts["c"])
    for program in (first, second):
        check_reuse(program, layout)


def some_layout(random: Random) -> tuple[Layout, dict[str, dict[int, tuple[int, int]]]]:
    layout, ranges = Layout(), dict[str, dict[int, tuple[int, int]]]()
    for number in range(random.randint(1, 40)):
        layout.add(Array(f"a{number}", (random.randint(1, 300),)))
        times = {}
        for program in range(3):
            first, last = sorted((random.randrange(20), random.randrange(20)))
            if program == 0 or random.random() < 0.5:
                times[program] = first, last
        ranges[f"a{number}"] = times
    return layout, ranges


def meet(ranges: LiveRanges, one: str, other: str) -> bool:
    return any(
        set(range(first, last + 1)) & set(range(ranges[other][program][0], ranges[other][program][1] + 1))
        for program, (first, last) in ranges[one].items()
        if program in ranges[other]
    )


@pytest.mark.parametrize("seed", range(20))
def test_no_two_that_are_needed_at_one_time_overlap(seed: int):
    layout, ranges = some_layout(Random(seed))
    found = reuse(layout, ranges)
    assert found.size <= layout.size
    for array, start, _ in found.placed:
        assert start % found.align == 0
        for other, begin, _ in found.placed:
            if array.name < other.name and meet(ranges, array.name, other.name):
                assert start + array.size <= begin or begin + other.size <= start
    again = reuse(layout, ranges)
    assert again.placed == found.placed


def test_c_has_them_in_a_union():
    """Which the C compiler takes as a sign that one may be the other."""
    program, layout = program_of(CHAIN)
    text = memory_struct(reuse(layout, live_ranges([program])), "memory")
    union = text[text.index("union") : text.index("} memory;")]
    assert union.count("struct {") == 2
    assert "double result[8][8];" in text[: text.index("union")]
