"""Statements, schedule and layout: what they promise, on real graphs and with tight limits."""

from __future__ import annotations

from functools import cache

import networkx as nx
import pytest
from differential.programs import random_program

from microgpt.compiler.errors import CompileError
from microgpt.compiler.ir.graph import Graph
from microgpt.compiler.pipeline import compile_graph
from microgpt.compiler.python import allocate as allocate_module
from microgpt.compiler.python import form_statements as form_module
from microgpt.compiler.python.allocate import Layout, allocate
from microgpt.compiler.python.form_statements import LEAVES, LONGEST, Statements, form_statements
from microgpt.compiler.python.schedule import schedule
from microgpt.model.config import GPTConfig
from microgpt.runtime.programs import graphs


@cache
def clean_graph(name: str) -> Graph:
    kind, number = name.split()
    if kind == "random":
        program = random_program(int(number))
        try:
            return compile_graph(program.trace, program.argument, derivative=program.derivative)
        except CompileError:
            assert program.may_be_refused
            pytest.skip("refused")
    if kind == "inference":
        return compile_graph(lambda: graphs.inference_graph(GPTConfig(n_embd=8, n_head=2), int(number)))
    config = GPTConfig(vocab_size=9, n_layer=2, n_embd=8, n_head=2)
    return compile_graph(lambda: graphs.training_graph(config, int(number)), "parameters")


NAMES = [
    *("training 1", "training 3", "inference 0", "inference 2"),
    *(pytest.param(f"random {seed}", marks=[pytest.mark.slow] * (seed >= 15)) for seed in range(30)),
]
every_graph = pytest.mark.parametrize("name", NAMES)


@every_graph
def test_statements_partition_the_operations(name: str) -> None:
    graph = clean_graph(name)
    statements = form_statements(graph)
    _check_partition(statements)


def _check_partition(statements: Statements) -> None:
    graph = statements.graph
    owned = [node for body in statements.bodies for node in body]
    roots = set(statements.roots)
    assert len(owned) == len(set(owned))
    assert set(owned) == {node for node, op in enumerate(graph.op) if op not in LEAVES}
    for number, (root, body) in enumerate(zip(statements.roots, statements.bodies, strict=True)):
        assert body[-1] == root
        assert list(body) == sorted(body)
        assert len(body) <= 2 * LONGEST + 1
        needed = set()
        for node in body:
            assert statements.statement_of[node] == number
            for operand in graph.operands(node):
                if graph.op[operand] not in LEAVES and operand not in body:
                    needed.add(operand)
                    assert operand in roots, "a value inside another statement has no name"
        assert list(statements.operands[number]) == sorted(needed)
    outputs = {node for node in graph.roots() if graph.op[node] not in LEAVES}
    assert outputs <= roots


@every_graph
def test_schedule_is_topological_and_complete(name: str) -> None:
    plan = schedule(form_statements(clean_graph(name)))
    order = [statement for block in plan.order for statement in block]
    assert sorted(order) == list(range(len(plan.statements.roots)))
    assert nx.is_directed_acyclic_graph(plan.coarse)
    done: set[int] = set()
    for statement in order:
        assert done.issuperset(plan.statements.operands[statement])
        done.add(plan.statements.roots[statement])


@every_graph
@pytest.mark.parametrize(("values", "operations"), [(1600, 12_000), (40, 300), (3, 5)])
def test_no_two_live_values_share_a_slot(
    name: str, values: int, operations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allocate_module, "MOST_VALUES", values)
    monkeypatch.setattr(allocate_module, "MOST_OPERATIONS", operations)
    _check_layout(allocate(schedule(form_statements(clean_graph(name)))), values, operations)


def _check_layout(layout: Layout, values: int, operations: int) -> None:
    statements = layout.schedule.statements
    flat = [statement for part in layout.schedule.order for statement in part]
    assert flat == [statement for function in layout.functions for _, part in function.parts for statement in part]
    memory: list[int | None] = [None] * layout.memory
    for function in layout.functions:
        for node in function.loads:
            assert memory[layout.slots[node]] == node, "a slot was overwritten while its value was still needed"
        own = [statement for _, part in function.parts for statement in part]
        known = set(function.loads)
        for statement in own:
            assert known.issuperset(statements.operands[statement]), "neither loaded nor computed here"
            known.add(statements.roots[statement])
        assert set(function.stores) <= {statements.roots[statement] for statement in own}
        for node in function.stores:
            memory[layout.slots[node]] = node
        if len(own) > 1:
            assert len(known) <= values
            assert sum(len(statements.bodies[statement]) for statement in own) <= operations
    for node in layout.final_loads:
        assert memory[layout.slots[node]] == node
    scattered = {scatter.node for output in statements.graph.outputs for scatter in output.scatters}
    assert set(layout.final_loads) == {node for node in scattered if statements.graph.op[node] not in LEAVES}


def test_memory_is_reused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocate_module, "MOST_VALUES", 100)
    layout = allocate(schedule(form_statements(clean_graph("training 3"))))
    assert len(layout.functions) > 5
    assert layout.memory < len(layout.slots) * 2 / 3


@every_graph
@pytest.mark.parametrize("longest", [1, 4])
def test_shorter_statements_are_a_partition_as_well(name: str, longest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form_module, "LONGEST", longest)
    _check_partition(form_statements(clean_graph(name)))
