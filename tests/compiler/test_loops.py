"""Loops: what is found, that it is proved, and that text and verifier know it."""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from random import Random

import pytest
from helpers import emit_no_c
from loop_texts import program_of

from microgpt.compiler.errors import CompileError, ProofError, VerifyError
from microgpt.compiler.functions import scope
from microgpt.compiler.ir.graph import Graph, Tensor
from microgpt.compiler.ir.interpret import interpret
from microgpt.compiler.ir.ops import ADD, MUL
from microgpt.compiler.loops.compile_family import Family, compile_family
from microgpt.compiler.loops.coverage import coverage
from microgpt.compiler.loops.find_runs import find_runs, nest_runs
from microgpt.compiler.loops.interpret_loops import interpret_loops
from microgpt.compiler.loops.layout import Layout
from microgpt.compiler.loops.loop_ir import MEMORY, Affine, Array, Expr, Load, Loop, Nest, Op, Store, find_fold, turns
from microgpt.compiler.loops.loop_text import format_nest, format_program, parse_program, program_lines
from microgpt.compiler.loops.name_arrays import name_arrays
from microgpt.compiler.loops.prove_loops import NodeDomain
from microgpt.compiler.loops.schedule import strong_components
from microgpt.compiler.loops.stored_nodes import stored_nodes
from microgpt.compiler.loops.transpose import Transposer
from microgpt.compiler.loops.verify_loops import verify_loops
from microgpt.compiler.pipeline import compile_graph, compile_loops, form_loops
from microgpt.compiler.trace import trace
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.programs import graphs
from microgpt.runtime.programs.c_source import ModelSource, model_source

CONFIG = GPTConfig(vocab_size=7, n_layer=1, n_embd=8, n_head=2, block_size=8)
# So small that its programs are not instantiated.
SMALL = replace(CONFIG, n_embd=4, block_size=7)


def matrix_times_vector(rows: int, columns: int) -> Graph:
    def function(inputs, indices):
        w, x = inputs["w"], inputs["x"]
        return {"y": [sum(w[i * columns + j] * x[j] for j in range(columns)) for i in range(rows)]}

    tensors = [Tensor("w", "w", 0, (rows, columns)), Tensor("x", "x", rows * columns, (columns,))]
    return compile_graph(lambda: trace(function, "product", tensors))


@cache
def training_graph(length: int) -> Graph:
    return compile_graph(lambda: graphs.training_graph(CONFIG, length), "parameters")


def new_family(layout: Layout) -> Family:
    return compile_family(layout, "training", training_graph, form_loops, range(1, CONFIG.block_size + 1))


@cache
def training_family() -> tuple[Family, Layout]:
    layout = Layout()
    return new_family(layout), layout


@cache
def proved_source() -> ModelSource:
    with pytest.MonkeyPatch.context() as patch:
        emit_no_c(patch)
        source = model_source(SMALL, AdamConfig())
    source.prove()
    return source


def test_turns_of_a_triangle():
    value = Load(MEMORY, (Affine(0, (0, 0)),))
    nest = Nest((Loop(Affine(3)), Loop(Affine(1, (1,)))), Store(MEMORY, (Affine(9, (4, 1)),), value))
    assert list(turns(nest)) == [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]
    late = replace(nest, loops=(Loop(Affine(3)), Loop(Affine(0, (1,)))))
    assert list(turns(late)) == [(1, 0), (2, 0), (2, 1)]
    assert list(turns(replace(nest, loops=()))) == [()]


def test_a_matrix_times_a_vector_is_one_nest():
    looped = compile_loops(matrix_times_vector(12, 5))
    nests = [nest for nest in looped.program.nests if not isinstance(nest.body.value, Load)]
    assert len(nests) == 1
    assert [loop.trips for loop in nests[0].loops] == [Affine(12)]
    assert find_fold(nests[0].body.value).runs[0].count == Affine(5, (0,))  # terms of each sum
    looped.prove()
    assert coverage(looped.program) == (12 * 9, 12 * 9)


def test_runs_with_a_period_of_two():
    load = Load(MEMORY, (Affine(0),))
    product: Expr = Op(MUL, (load, load))
    terms = [(product, (place + 100 * (place % 2), place)) for place in range(8)]
    (run,) = find_runs(terms)
    assert (run.count, run.step, len(run.parts)) == (4, (2, 2, 2, 2), 2)


def test_runs_that_are_repeated_in_turn_are_one_run():
    load = Load(MEMORY, (Affine(0),))
    other = Op(MUL, (load, load))
    terms = [(load, (100 * head + unit,)) for head in range(3) for unit in range(5)]
    (run,) = nest_runs(find_runs(terms))
    assert (run.count, run.step, [(part.count, part.step) for part in run.parts]) == (3, (0, 100), [(5, (1,))])
    for head in (2, 1, 0):
        at = terms.index((load, (100 * head + 4,))) + 1
        terms[at:at] = [(other, (head - unit, 5)) for unit in range(3)]
    (run,) = nest_runs(find_runs(terms))
    assert (run.count, run.step, [part.count for part in run.parts]) == (3, (0, 100, 0, 1, 0), [5, 3])
    assert [run.count for run in nest_runs(find_runs(terms[:16]))] == [2], "two of the same length are repeated, too"
    terms[16:16] = [(other, (-2, 5))]
    assert [run.count for run in nest_runs(find_runs(terms[:17]))] == [5, 3, 5, 4], "two of other lengths are not"


def test_a_sum_of_sums_of_growing_length_is_one_fold():
    def function(inputs, indices):
        x = inputs["x"]
        total = x[0]
        for row in range(5):
            for column in range(row + 5):
                total = total + x[10 * row + column] * x[column]
        return {"y": [total]}

    graph = compile_graph(lambda: trace(function, "sums", [Tensor("x", "x", 0, (60,))]))
    looped = compile_loops(graph)
    looped.prove()
    verify_loops(looped.program, looped.layout)
    assert "(m < k+5: mul(x[10*k+m], x[m]))" in format_program(looped.program)
    assert coverage(looped.program)[0] > 40
    arguments = {"x": [0.1 * n - 2.0 for n in range(60)]}
    assert interpret_loops(looped.program, looped.layout, arguments) == interpret(graph, arguments)


def test_strong_components_come_after_what_they_need():
    assert strong_components([{1}, {2}, {1}, set()]) == [[1, 2], [0], [3]]


def test_a_recurrence_runs_in_turns():
    def function(inputs, indices):
        state, weights = inputs["x"][:4], inputs["x"][4:]
        for step in range(6):
            with scope("step", step):
                state = [
                    (sum(weights[4 * i + j] * state[j] for j in range(4)) + inputs["x"][i]).relu() for i in range(4)
                ]
        return {"loss": [sum(state)]}

    graph = compile_graph(lambda: trace(function, "recurrence", [Tensor("x", "x", 0, (20,))]), "x")
    looped = compile_loops(graph)
    looped.prove()
    inside, total = coverage(looped.program)
    assert inside / total > 0.9
    random = Random(1)
    arguments = {"x": [random.gauss(0, 1) for _ in range(20)]}
    assert interpret_loops(looped.program, looped.layout, arguments) == interpret(graph, arguments)


def test_every_length_is_proved_and_long_ones_are_continued():
    family, layout = training_family()
    assert family.continued == (6, 7, 8)
    for length, program in family.programs.items():
        verify_loops(program, layout)
        family.prove(layout, length)
        inside, total = coverage(program)
        assert inside / total > (0.99 if length < 3 else 0.999)


def test_families_do_not_depend_on_the_order_of_sets():
    family, _ = training_family()
    assert new_family(Layout()).programs[8] == family.programs[8]


def test_text_reads_back():
    program = training_family()[0].programs[5]
    assert parse_program(format_program(program)) == program
    with pytest.raises(CompileError, match="line 1 "):
        parse_program("memory[0] = mul(memory[1]")


def test_every_kind_of_expression_reads_back():
    program, layout = program_of("""
        program kinds
        array x[4][3] argument double axes position _ ; what it is about
        array part[3] argument double of whole + 4
        array y[12] output double
        zero y 0 + 3
        places x[1][2] y[3]
        nest ; gpt.py:1, a label
            for position < 2
            for i < position+1
            y[i-position+5] = add(mul(x[2*ix[i]][i], -0.5), places[ix[3]+1])
        nest
            y[8] = fold max { k < 3: x[-k+3][2], x[11]; k < 1: inf; k < 2: -nan; k < 3: (m < k+1: x[k+m-1], 2.0), 0.5 }
        nest
            for i < 3
            y[ix[i+2]] += where(equal(ix[-i+3], i+7), memory[4*i+3])
    """)
    assert parse_program(format_program(program)) == program
    assert layout.arguments["x"][1] == 12


def test_the_proof_notices_other_loops():
    graph = matrix_times_vector(8, 4)
    looped = compile_loops(graph)
    nest = next(nest for nest in looped.program.nests if not isinstance(nest.body.value, Load))
    text = format_nest(nest)
    wrong = [text.replace("i < 8", "i < 7"), text.replace("k < 4", "k < 3"), text.replace("x[k]", "x[-k+3]")]
    assert all(other != text for other in wrong)
    for other in wrong:
        changed = parse_program(format_program(looped.program).replace(text, other))
        with pytest.raises(ProofError):
            replace(looped, program=changed).prove()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("y[i]", "y[i+1]", "an index of y goes from 1 to 3"),
        ("y[i]", "y[2]", "twice"),
        ("w[i][k]", "w[i+1][k]", "an index of w goes from 1 to 3"),
        ("x[k]", "x[k][k]", "2 indices for x"),
        ("k < 4", "k < i", "a fold of 0 times"),
        ("mul(", "pow(mul(", "pow of 1 operands"),
    ],
)
def test_the_verifier_notices_broken_rules(old: str, new: str, message: str):
    looped = compile_loops(matrix_times_vector(3, 4))
    verify_loops(looped.program, looped.layout)
    text = format_program(looped.program)
    assert old in text
    text = text.replace(old, new)
    broken = parse_program(text.replace(" }", ") }") if "pow" in new else text)
    with pytest.raises(VerifyError, match=message):
        verify_loops(broken, looped.layout)


def test_the_verifier_counts_steps() -> None:
    looped = compile_loops(matrix_times_vector(3, 4))
    (nest,) = looped.program.nests
    broken = replace(looped.program, nests=(replace(nest, loops=()),))
    with pytest.raises(VerifyError, match="steps in 0 loops"):
        verify_loops(broken, looped.layout)


@pytest.mark.parametrize(
    ("loop", "statement"),
    [
        ("i < 8", "memory[i+10] = add(memory[i+9], memory[i+20])"),
        ("i < 2", "memory[i+10] = fold add { k < 11: memory[k] }"),
        ("i < 8", "memory[i+10] = memory[4*ix[0]+i+9]"),
        ("i < 2", "memory[i+10] = places[ix[0]+1]"),
    ],
)
def test_no_point_reads_what_another_point_assigns(loop: str, statement: str) -> None:
    """In the order of its points, which nobody keeps, each of these nests would compute the graph."""
    head = "program order\narray y[40] value double\nplaces memory[30] memory[10]\nnest\n"
    layout = Layout()
    layout.add(Array("y", (40,)))
    with pytest.raises(VerifyError, match=r"reads 1[01], which another of its points assigns"):
        verify_loops(parse_program(f"{head}    for {loop}\n    {statement}\n"), layout)
    verify_loops(parse_program(f"{head}    for i < 1\n    {statement}\n"), layout)
    for allowed in ("memory[i+10] = add(memory[i+10], memory[i+20])", "memory[ix[0]+i+10] += memory[i+9]"):
        verify_loops(parse_program(f"{head}    for i < 8\n    {allowed}\n"), layout)


STEPS = """\
program steps
array x[9] argument double
array y[9] value double
array z[9] value double
nest recurrence 1 ; one
    for step < 8
    y[step+1] = add(z[step], x[step])
nest recurrence 1 ; other
    for step < 8
    z[step+1] = mul(y[step+1], x[step])
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("", "", None),
        ("add(z[step], x[step])", "add(y[step], z[step])", None),  # what an earlier step has assigned
        ("add(z[step], x[step])", "add(z[step], y[-step+8])", "reads 24, which another of its points assigns"),
        ("step < 8\n    z[step+1]", "step < 7\n    z[step+1]", "recurrence 1 do not take the same steps"),
        ("    for step < 8\n    z[step+1] = mul(y[step+1], x[step])", "    z[1] = y[1]", "do not take the same steps"),
        ("nest recurrence 1 ; other", "nest\n    z[0] = x[0]\nnest recurrence 1 ; other", "do not stand side by side"),
    ],
)
def test_the_verifier_knows_what_a_recurrence_is(old: str, new: str, message: str | None) -> None:
    text = STEPS.replace(old, new, 1)
    layout = Layout()
    for name in "xyz":
        layout.add(Array(name, (9,)))
    program = parse_program(text)
    assert parse_program(format_program(program)) == program
    with pytest.raises(VerifyError, match=message) if message else nullcontext():
        verify_loops(program, layout)


def test_scalars_that_need_each_other_are_a_loop_over_steps() -> None:
    def function(inputs, indices):
        place, speed = inputs["x"][0], inputs["x"][1]
        total = place
        for push in inputs["push"]:
            speed = speed * place + push
            place = place + speed * 0.5
            total = total + place * place
        return {"loss": [total]}

    tensors = [Tensor("x", "x", 0, (2,)), Tensor("push", "push", 2, (40,))]
    graph = compile_graph(lambda: trace(function, "body", tensors), "x")
    looped = compile_loops(graph)
    looped.prove()
    verify_loops(looped.program, looped.layout)
    assert [nest.recurrence for nest in looped.program.nests].count(1) == 2
    assert len(looped.program.nests) < 20
    inside, total = coverage(looped.program)
    assert inside / total > 0.95
    text = format_program(looped.program)
    assert "function[step+1] = add(function[step], mul(function_sum[step+1], 0.5))" in text


@pytest.mark.parametrize(("first", "copied"), [(9, True), (12, False)])
def test_only_folds_that_stay_in_their_rows_read_copies(first: int, copied: bool):
    """Sums of the first numbers of each row; from number 12 on, the longer ones go on into the next row."""
    read = "w[j][k]" if copied else "w[16*j+k]"
    program, layout = program_of(f"""
        program sums
        array w[17][16] argument double
        array sums[8][16] output double
        nest
            for i < 8
            for j < 16
            sums[i][j] = fold add {{ k < i+{first}: {read} }}
    """)
    changed = Transposer(layout).transpose(program)
    assert (changed != program) == copied
    random = Random(5)
    w = [random.gauss(0, 1) for _ in range(17 * 16)]
    assert interpret_loops(changed, layout, {"w": w}) == interpret_loops(program, layout, {"w": w})


@pytest.mark.parametrize(("first", "read"), [(8, "w[j][k]"), (12, "w[16*j+k]")])
def test_elements_are_named_as_far_as_they_stay_in_rows(first: int, read: str):
    layout = Layout()
    layout.add(Array("w", (17, 16)))
    layout.add(Array("sums", (8, 16)))
    program = parse_program(f"""
        program sums
        nest
            for i < 8
            for j < 16
            memory[16*i+j+272] = fold add {{ k < i+{first}: memory[16*j+k] }}
    """)
    named = name_arrays(program, layout)
    verify_loops(named, layout)
    assert f"sums[i][j] = fold add {{ k < i+{first}: {read} }}" in format_program(named)


def test_every_result_is_stored():
    graph = matrix_times_vector(3, 4)
    stored = stored_nodes(graph)
    assert all(stored[node] for node in graph.outputs[0].nodes)
    assert sum(stored) == 3


@pytest.mark.parametrize("name", ["adam", "length7", "position6"])
def test_what_became_of_the_programs_is_proved(name: str):
    """Copies of matrices, and the optimiser's lanes, come after the loops that belong to a graph."""
    source = proved_source()
    program = source.programs[name]
    statement = next(
        line for line in program_lines(program) if " = mul(" in line or (name == "adam" and "first_moment[i] =" in line)
    )
    operand = re.search(r"[\w]+(?:\[[^]]+\])+(?=[,)])", statement)
    other = statement[: operand.end() - 1] + "+1" + statement[operand.end() - 1 :]
    wrong = parse_program(format_program(program).replace(statement, other))
    with pytest.raises(ProofError, match="the loops"):
        replace(source, programs={**source.programs, name: wrong}).prove()


def test_what_nothing_has_been_assigned_to_is_no_operand() -> None:
    """Such operands once had the keys of other operations: -1 beside %1 that of %n-1 beside %0."""
    graph = matrix_times_vector(2, 2)
    looped = compile_loops(graph)
    domain = NodeDomain(graph, looped.program, looped.layout, looped.where.inputs)
    for op in (ADD, MUL):
        for node in range(len(graph)):
            for missing in (domain.unset, domain.zero):
                with pytest.raises(ProofError):
                    domain.apply(op, [node, missing])
    domain.memory[0], domain.memory[1] = domain.unset, 1
    with pytest.raises(ProofError, match="multiply or add"):
        domain.add_products(ADD, None, 0, 0, 1, 0, 1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("y[i] =", "memory[i-1] =", "the number -1"),
        ("y[i] =", "memory[1000000000] =", "beyond memory"),
        ("k < 4", "k < 0", "0 terms"),
        ("x[k]", "memory[-k+2]", "3, -1"),
    ],
)
def test_the_proof_stays_in_memory(old: str, new: str, message: str) -> None:
    """Python would count a negative address from the end, C would not."""
    looped = compile_loops(matrix_times_vector(3, 4))
    text = format_program(looped.program)
    assert old in text
    with pytest.raises(ProofError, match=message):
        replace(looped, program=parse_program(text.replace(old, new))).prove()


def test_nothing_is_assigned_after_rows_have_been_added_to() -> None:
    source = proved_source()
    program = source.programs["length2"]
    adds = [nest for nest in program.nests if nest.adds]
    wrong = replace(program, nests=(*adds, *(nest for nest in program.nests if not nest.adds)))
    with pytest.raises(ProofError, match="assign after they have begun to add"):
        replace(source, programs={**source.programs, "length2": wrong}).prove()
