"""Faults injected into every stage of the compiler, one at a time: each must end in an internal error.

A mutation changes what one stage makes, once. What notices it is always on: the proof, the witness, a verifier. Nothing
here is compared with a golden text.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from mutations import changes, kernel_changes, loop_changes
from mutations.changes import replaced_once, without_line
from mutations.loop_changes import computes, continued, first_nest, other_statement, other_trips, wider
from mutations.patches import Patch, after_python_stage, after_stage, after_trace, once, results_of, tight
from mutations.roads import ROADS

from microgpt.compiler import pipeline
from microgpt.compiler.c import emit_c
from microgpt.compiler.c.print_c import Printer
from microgpt.compiler.errors import InternalError
from microgpt.compiler.ir.ops import ADD
from microgpt.compiler.kernels.expressions import Name, Number
from microgpt.compiler.kernels.kernel_ir import Advance, Assign, Block, Declare, Evaluate, For, Point
from microgpt.compiler.loops import compile_family, reroll, reuse
from microgpt.compiler.loops.join_recurrences import _Block
from microgpt.compiler.loops.loop_ir import Array, Load, Op
from microgpt.compiler.loops.reuse import LiveRanges
from microgpt.compiler.loops.transpose import Transposer
from microgpt.compiler.passes.regions import ALWAYS, NEVER, Regions
from microgpt.compiler.sizes import generalise
from microgpt.compiler.sizes.fit import Constant, Fitter
from microgpt.compiler.sizes.polynomial import Polynomial
from microgpt.compiler.sizes.sized_layout import SizedLayout
from microgpt.runtime.executable import executable
from microgpt.runtime.programs import c_source, sized_loops
from microgpt.runtime.storage.cache import Cache


def in_text(change: Callable[[str], str]) -> Callable[[Any], Any]:
    """Changes the text of what has one."""
    return lambda made: replace(made, text=change(made.text))


def kernel(old: str, new: str) -> Patch:
    """In the first kernel with `old` in it, `new` once takes its place."""
    return results_of(Printer, "kernel_text", once(replaced_once(old, new), lambda text: old in text))


def attribute(owner: type, name: str, value: object) -> Patch:
    """Another value of an attribute of all objects of a class."""
    return lambda patch: patch.setattr(owner, name, value)


def method(owner: type, name: str, change: Callable[[Any], Any]) -> Patch:
    """A method of which all results are changed."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        original = getattr(owner, name)
        patch.setattr(owner, name, lambda self, *arguments: change(original(self, *arguments)))

    return apply


def parts_exchanged(layout: SizedLayout) -> SizedLayout:
    """The first array with its parts in another order."""
    (whole, parts), *others = layout.placed
    return replace(layout, placed=((whole, parts[::-1]), *others))


def other_arguments(owner: type, name: str, change: Callable[..., tuple[Any, ...]]) -> Patch:
    """A method that is always called with something else."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        original = getattr(owner, name)
        patch.setattr(owner, name, lambda self, *arguments: original(self, *change(*arguments)))

    return apply


def too_short(ranges: LiveRanges) -> LiveRanges:
    """The first array that is needed for some time, for none."""
    name = next(name for name, own in ranges.items() if all(first + 2 < last for first, last in own.values()))
    return {**ranges, name: {at: (first, first) for at, (first, _) in ranges[name].items()}}


def moved_down(places: list[tuple[Array, int]]) -> list[tuple[Array, int]]:
    """The last room begins in the one before."""
    *others, (array, start) = places
    return [*others, (array, start - 8)]


def unchecked(patch: pytest.MonkeyPatch) -> None:
    """Only the proof looks at who has which room."""
    patch.setattr(sized_loops, "check_reuse", lambda program, layout: None)


def both(*patches: Patch) -> Patch:
    def apply(patch: pytest.MonkeyPatch) -> None:
        for each in patches:
            each(patch)

    return apply


# What is learned of models, and of functions.
def over_sizes() -> dict[str, Patch]:
    """Each time new ones: what changes something once has done so then."""
    return {
        "fit, one more": method(
            Fitter,
            "number",
            once(lambda p: Polynomial((*p.terms, (Fraction(1), ()))), lambda p: isinstance(p, Polynomial)),
        ),
        "fit, another constant": method(
            Fitter, "constant", once(lambda c: replace(c, factor=-c.factor), lambda c: isinstance(c, Constant))
        ),
        "generalise, a nest lost": results_of(generalise, "_program", lambda p: replace(p, nests=p.nests[1:])),
        "generalise, zeros not set": results_of(generalise, "_program", lambda p: replace(p, zeros=())),
        "sized_layout, parts exchanged": results_of(generalise, "sized_layout", parts_exchanged),
    }


MUTATIONS: dict[str, dict[str, Patch]] = {
    "own function": {
        "sink_through_selects, another operation": after_stage("sink_through_selects", changes.other_operation),
        "sink_through_selects, a wrong constant": after_stage("sink_through_selects", changes.wrong_constant),
        "differentiate, terms exchanged": after_stage("differentiate", lambda g: changes.exchanged_terms(g, True)),
        "differentiate, gradients exchanged": after_stage("differentiate", changes.swapped_outputs),
        "differentiate, a gradient lost": after_stage("differentiate", changes.lost_output),
        "simplify, a wrong constant": after_stage("simplify", changes.wrong_constant),
        "simplify, an operand for its operation": after_stage("simplify", changes.operand_for_operation),
        "simplify, terms exchanged": after_stage("simplify", changes.exchanged_terms),
        "cse, unequal ones merged": after_stage("cse", changes.unequal_merged),
        "cse, an operand shifted": after_stage("cse", changes.shifted_operand),
        "dce, a live result lost": after_stage("dce", changes.lost_output),
        "dce, an operand shifted": after_stage("dce", changes.shifted_operand),
        "form_statements, an operation lost": after_python_stage("form_statements", changes.lost_operation),
        "form_statements, values exchanged": after_python_stage("form_statements", changes.other_root),
        "schedule, a block too late": after_python_stage("schedule", changes.late_block),
        "schedule, a statement lost": after_python_stage("schedule", changes.lost_statement),
        "allocate, a slot for two": tight(after_python_stage("allocate", changes.one_slot_for_two)),
        "allocate, a store lost": tight(after_python_stage("allocate", changes.lost_store)),
        "allocate, a load lost": tight(after_python_stage("allocate", changes.lost_load)),
        "emit_python, another operator": after_python_stage("emit_python", replaced_once(" + ", " - ")),
        "emit_python, a wrong constant": after_python_stage("emit_python", replaced_once("0.01", "0.02")),
        "emit_python, inputs shifted": after_python_stage("emit_python", replaced_once("[0:3]", "[1:4]")),
    },
    "own function with branches": {
        "differentiate, a region that has no end": method(Regions, "inside", lambda region: ALWAYS),
        "differentiate, a region that has no beginning": method(Regions, "inside", lambda region: NEVER),
        "differentiate, the wrong branch": method(Regions, "_decision_flag", lambda flag: flag - 1),
        "regions, one of two alone": other_arguments(Regions, "either", lambda a, b: (a, a)),
        "regions, no mask": other_arguments(Regions, "mask", lambda region, number: (ALWAYS, number)),
    },
    "own function, defined near its example": {
        "simplify, a wrong constant": after_stage("simplify", changes.wrong_constant),
        "emit_python, a wrong constant": after_python_stage("emit_python", replaced_once("0.01", "0.02")),
    },
    "C of an own function, defined near its example": {
        "kernels, another operator": kernel(" * ", " + "),
    },
    "Python of a model": {
        "trace, another operation": after_trace(changes.other_operation),
        "trace, an operand shifted": after_trace(changes.shifted_operand),
        "trace, terms exchanged": after_trace(changes.exchanged_terms),
        "trace, a wrong constant": after_trace(changes.wrong_constant),
        "differentiate, a scatter lost": after_stage("differentiate", changes.lost_scatter),
    },
    "Python of the optimiser": {
        "emit_python_map, a result for another": results_of(
            pipeline, "emit_python_map", replaced_once("new_first_moment.append(", "new_parameter.append(")
        ),
        "emit_python_map, another operator in the careful half": results_of(
            pipeline, "emit_python_map", lambda text: replaced_once(" + ", " - ", text.count(" + ") - 1)(text)
        ),
    },
    "loops of a model": {
        "place, an address for two": results_of(compile_family, "address", once(loop_changes.moved_value)),
        "form_reductions, an operand shifted": other_statement(
            lambda s: replace(s, numbers=wider(s.numbers, len(s.numbers) - 1, 1)), lambda s: len(s.numbers) > 2
        ),
        "form_reductions, operands exchanged": other_statement(
            loop_changes.exchanged_numbers,
            lambda s: isinstance(value := s.form.body.value, Op)
            and value.op == ADD
            and not isinstance(value.operands[0], Load),
        ),
        "schedule, the last part first": results_of(pipeline, "schedule_groups", lambda p: [p[-1], *p[:-1]]),
        "schedule, a part lost": results_of(pipeline, "schedule_groups", lambda p: p[:-1]),
        "reroll, a turn less": first_nest(lambda n: other_trips(n, -1), computes),
        "reroll, a turn more": first_nest(lambda n: other_trips(n, 1), computes),
        "reroll, another base": first_nest(loop_changes.other_read, computes),
        "reroll, another stride": first_nest(
            loop_changes.other_stride, lambda n: computes(n) and n.loops[-1].trips.start > 1
        ),
        "reroll, scatters in another order": results_of(reroll, "_scatters", loop_changes.scatters_reversed),
        "reroll, a scatter lost": results_of(reroll, "_scatters", lambda nests: nests[1:]),
        "form_loops, zeros not set": results_of(pipeline, "reroll", lambda p: replace(p, zeros=())),
        "extrapolate, a shorter loop": continued(loop_changes.shorter_loop, 7),
        "extrapolate, another base": continued(loop_changes.later_base, 7),
        "extrapolate, a nest lost": continued(loop_changes.dropped_nest, 7),
        "vmap, an operand shifted": results_of(
            c_source, "vmap", lambda p: replace(p, nests=(loop_changes.other_read(p.nests[0]), *p.nests[1:]))
        ),
    },
    "loops with copies": {
        "form_reductions, terms exchanged": loop_changes.exchanged_terms,
        "reroll, another step of a fold": first_nest(
            loop_changes.other_step, lambda n: computes(n) and loop_changes.walks(n)
        ),
        "name_arrays, another index": results_of(
            compile_family, "name_arrays", once(lambda p: loop_changes.first_computing(p, loop_changes.other_read))
        ),
        "transpose, a copy from elsewhere": results_of(Transposer, "_copy", loop_changes.other_read),
        "transpose, a copy that is none": results_of(
            Transposer, "_copy", lambda n: replace(n, body=replace(n.body, index=n.body.index[::-1]))
        ),
        "transpose, a column less": results_of(Transposer, "_copy", lambda n: other_trips(n, -1)),
    },
    "loops over sizes": {
        **over_sizes(),
        "live_ranges, one that is too short": results_of(sized_loops, "live_ranges", too_short),
        "live_ranges, one that is too short, and proved": both(
            results_of(sized_loops, "live_ranges", too_short), unchecked
        ),
        "reuse, a room that begins too early": results_of(reuse, "_offsets", moved_down),
        "reuse, a room that begins too early, and proved": both(results_of(reuse, "_offsets", moved_down), unchecked),
    },
    "function over sizes": {
        **over_sizes(),
        "transpose, a copy from elsewhere": results_of(Transposer, "_copy", loop_changes.other_read),
        "cse, an operand shifted": after_stage("cse", changes.shifted_operand),
    },
    "loops of a recurrence": {
        "roll_steps, steps in any order": results_of(pipeline, "reroll", loop_changes.in_any_order),
        "roll_steps, part of a step first": results_of(pipeline, "reroll", loop_changes.part_of_a_step_first),
        "roll_steps, a step less": results_of(
            pipeline, "reroll", loop_changes.every_step(lambda n: other_trips(n, -1))
        ),
        "roll_steps, a step more": results_of(
            pipeline, "reroll", loop_changes.every_step(lambda n: other_trips(n, 1))
        ),
        "roll_steps, another move": results_of(
            pipeline, "reroll", loop_changes.every_step(loop_changes.other_stride)
        ),
        "join_recurrences, a step that needs later ones": attribute(_Block, "reads", {}),
        "schedule, a part too early": results_of(pipeline, "schedule_groups", lambda p: [[*c[1:], c[0]] for c in p]),
    },
    "C of a recurrence": {
        "carry, not handed on": results_of(
            pipeline, "carry", kernel_changes.without_last(For, lambda loop: loop.ordered)
        ),
        "carry, another first value": results_of(pipeline, "carry", kernel_changes.other_place(Assign, "graph_places")),
        "carry, the last step for this one": results_of(
            pipeline,
            "carry",
            kernel_changes.first_of(Name, lambda name: replace(name, name="g1"), lambda name: name.name == "h1"),
        ),
    },
    "C of powers in a sum": {
        "batch_calls, another exponent": results_of(
            pipeline,
            "batch_calls",
            kernel_changes.first_of(
                Evaluate, lambda part: replace(part, exponent=Number((-0.75).hex())), lambda part: part.exponent
            ),
        ),
        "batch_calls, a result not taken": results_of(
            pipeline,
            "batch_calls",
            kernel_changes.without_last(For, lambda loop: isinstance(loop.body[-1], Advance)),
        ),
    },
    "C of a graph": {
        "share, another kernel called": results_of(pipeline, "share", kernel_changes.exchanged_kernels),
        "hoist_loads, another element": results_of(
            pipeline, "hoist_loads", kernel_changes.other_place(Declare, "bits_pow")
        ),
        "vectorise, a part lost": results_of(
            pipeline, "vectorise", kernel_changes.without_last(Block, lambda block: len(block.body) > 1)
        ),
        "accumulate, a term lost": results_of(
            pipeline, "accumulate", kernel_changes.without_last(For, lambda loop: loop.name == "k")
        ),
        "walk_pointers, another first element": results_of(
            pipeline, "walk_pointers", kernel_changes.other_place(Point, "bits_multiple_2")
        ),
        "emit_c, a call lost": results_of(executable, "function_text", in_text(without_line("    run_kernel1(m"))),
        "emit_c, a wrong constant": results_of(
            executable, "function_text", in_text(replaced_once("0.625", "0.6250000000000001"))
        ),
        "emit_c, another operator": kernel(" * a0", " + a0"),
        "emit_c, a vector not stored": results_of(
            Printer, "kernel_text", once(without_line("store"), lambda text: "store" in text)
        ),
        "emit_c, a turn of a fold less": kernel("k < 9", "k < 8"),
        "emit_c, an address shifted": kernel("m->bits_sum[", "m->bits_sum[1 - "),
        "emit_c, other places to choose from": results_of(
            executable, "function_text", in_text(replaced_once("run_places[] = {", "run_places[] = {0, "))
        ),
    },
    "C of a model": {
        "extrapolate, between proved programs": continued(loop_changes.later_base, 6),
        "_table, a program in another's place": results_of(
            c_source, "_table", replaced_once("length2, length3", "length3, length2")
        ),
        "merge, the numbers of another program": results_of(
            emit_c, "merge", kernel_changes.numbers_of_the_one_before
        ),
        "merge, the constants of another program": results_of(
            emit_c, "merge", kernel_changes.constants_of_the_one_before
        ),
        "emit_c, zeros not set": results_of(
            c_source,
            "model_source",
            lambda s: replace(s, body=replace(s.body, text=without_line("    memset(&m->")(s.body.text))),
        ),
    },
}  # fmt: skip

NEED_C = (
    "C of a recurrence",
    "C of powers in a sum",
    "C of an own function, defined near its example",
    "C of a graph",
    "C of a model",
)
# Models take seconds.
SLOW = ("loops of a model", "loops with copies", "loops over sizes", "C of a model")
CASES = [
    pytest.param(road, patch, id=f"{road}: {name}", marks=[pytest.mark.slow] if road in SLOW else [])
    for road, mutations in MUTATIONS.items()
    for name, patch in mutations.items()
]


@pytest.fixture
def carry_out(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], None]:
    """Goes a road; one through a C compiler is skipped where there is none."""

    def go(road: str) -> None:
        if road in NEED_C:
            request.getfixturevalue("toolchain")
        ROADS[road](tmp_path)

    return go


@pytest.mark.parametrize(
    "road", [pytest.param(road, marks=[pytest.mark.slow] if road in SLOW else []) for road in ROADS]
)
def test_nothing_is_wrong_without_mutation(road: str, carry_out: Callable[[str], None]) -> None:
    carry_out(road)


@pytest.mark.parametrize(("road", "patch"), CASES)
def test_every_mutation_is_noticed(
    road: str,
    patch: Patch,
    carry_out: Callable[[str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    if road in NEED_C:
        request.getfixturevalue("toolchain")  # is tried with what the compiler makes, so before that is changed
    patch(monkeypatch)
    with pytest.raises(InternalError):
        carry_out(road)
    assert not Cache.open(tmp_path).entries(), "nobody finds a program that is wrong"


def test_there_are_enough() -> None:
    assert len(CASES) >= 30


WITHOUT_ASSERT = """
import sys
from pathlib import Path
import pytest
from mutations.roads import ROADS
from mutations.test_mutations import MUTATIONS
from microgpt.compiler.errors import InternalError

assert False, "this Python carries out assert"
for road, name in (
    ("loops of a recurrence", "roll_steps, a step less"),
    ("loops of a recurrence", "schedule, a part too early"),
    ("own function", "form_statements, an operation lost"),
    ("own function", "allocate, a slot for two"),
):
    with pytest.MonkeyPatch.context() as patch:
        MUTATIONS[road][name](patch)
        try:
            ROADS[road](Path(sys.argv[1]))
        except InternalError:
            print(name)
"""


def test_mutations_are_noticed_without_assert(tmp_path: Path) -> None:
    """Nothing that guards a program is an assert, which ``python -O`` leaves out."""
    tests = Path(__file__).parent.parent
    script = f"import sys; sys.path.insert(0, {str(tests)!r})\n{WITHOUT_ASSERT}"
    command = [sys.executable, "-P", "-O", "-c", script, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) == 4
