"""Every line of generated code says which operations it carries out, and every operation has its lines."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from microgpt.compiler.ir.graph import Tensor
from microgpt.compiler.ir.names import value_names
from microgpt.compiler.ir.ops import CONST, EQUAL, GATHER, INDEX, INPUT
from microgpt.compiler.loops.loop_text import format_program, parse_program
from microgpt.compiler.loops.place import address
from microgpt.compiler.loops.stored_nodes import stored_nodes
from microgpt.compiler.pipeline import compile_graph, compile_loops, function_text
from microgpt.compiler.trace import trace
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.programs.c_source import ModelSource
from microgpt.runtime.programs.recipe import Recipe
from microgpt.tools.provenance.chain import Chain
from microgpt.tools.provenance.ragged import Ragged
from microgpt.tools.subject.model import ModelSubject

CONFIG = GPTConfig(vocab_size=27)
TINY = GPTConfig(vocab_size=5, n_layer=2, n_embd=4, n_head=2, block_size=4)

# Spelled out wherever they are used: their lines are those of their users.
LEAVES = (CONST, INPUT, INDEX)

# All that stands in a module of Python without being part of an operation.
FRAME = re.compile(
    r'|""".*|Made for .*|from (math|microgpt\.compiler\.arithmetic) import .*|def \w+\(.*\):|    pass'
    r"|    memory = \[0\.0\] \* \d+|    \w+ = \[0\.0\] \* \d+|    \w+\(memory, .*\)|    return .*"
    # of the optimiser, which runs over lanes
    r"|    \w+(, \w+)* = \[\](, \[\])*|    try:|        update\w*\(.*\)|    except \(.*\):"
)


@pytest.fixture(scope="module", params=[("training", 4), ("inference", 3), ("optimizer", 0)], ids=lambda p: p[0])
def chain(request: pytest.FixtureRequest) -> Chain:
    kind, number = request.param
    return Chain(ModelSubject(Recipe(kind, number, AdamConfig() if kind == "optimizer" else TINY), TINY))


def source_of(chain: Chain) -> ModelSource:
    assert isinstance(chain.subject, ModelSubject)
    return chain.subject.library()


def texts(chain: Chain) -> Iterator[str]:
    """The panes that need no C compiler."""
    return (name for name in chain.pane_names if name != "assembly")


def test_every_node_of_every_stage_comes_from_a_line(chain: Chain):
    traced = chain.graphs["trace"]
    for graph in chain.graphs.values():
        for node, source in enumerate(graph.source):
            forward = source if source >= 0 else ~source
            assert 0 <= forward < len(traced)
            if graph.op[node] not in LEAVES:
                origin = graph.origins[graph.origin[node]]
                assert origin.line > 0
                assert origin.file in chain.files
                assert origin.scope or origin.function
            assert source >= 0 or chain.subject.recipe.gradient


def test_every_node_has_lines_everywhere(chain: Chain):
    for name in texts(chain):
        pane = chain.pane(name)
        assert len(pane.units) == len(pane.lines)
        for node, op in enumerate(chain.graph.op):
            if op not in LEAVES and name not in chain.files:
                assert any(pane.lines_of_unit[unit] for unit in pane.units_of_node[node]), (name, node)
    in_source = [chain.pane(file).units_of_node for file in chain.files]
    for node, op in enumerate(chain.graph.op):
        assert op in LEAVES or sum(len(units[node]) for units in in_source) == 1


def test_every_line_has_operations_or_says_what_it_is_for(chain: Chain):
    for name in texts(chain):
        pane = chain.pane(name)
        for place, units in enumerate(pane.units):
            assert bool(units) != (place in pane.notes), (name, place, pane.lines[place])
            # Operations that are not needed in the end are in the stages before that removed them, and nowhere else.
            assert all(pane.nodes[unit] for unit in units) or name in list(chain.graphs)[:-1]


def test_only_the_frame_of_a_module_has_no_operations(chain: Chain):
    pane = chain.pane("python")
    for place, note in pane.notes.items():
        assert note == "frame of the module"
        assert FRAME.fullmatch(pane.lines[place]), pane.lines[place]


def test_every_nest_is_labelled_and_every_call_says_what_it_writes(chain: Chain):
    source = source_of(chain)
    lines = source.text.splitlines()
    for name, program in source.programs.items():
        for place, nest in enumerate(program.nests):
            assert nest.label
            kernel = source.body.kernels[source.body.kernel_of[name][place]]
            call = lines[source.body_line + source.body.call_of[name][place]]
            assert re.match(rf"    {kernel.name}\(m, ix.*\); /\* .+ \*/", call)
            assert nest.body.array.name in call
            above = lines[source.body_line + kernel.start]
            assert above.startswith("/* ")
        first = source.body_line + source.body.first_zero[name]
        for line in lines[first : first + len(program.zeros)]:
            assert re.match(r"    memset\(.*m->.*\);", line)


def test_functions_of_the_c_are_where_they_are_said_to_be(chain: Chain):
    source = source_of(chain)
    lines = source.text.splitlines()
    spans = [*source.body.kernels, *source.body.routines, *source.body.programs.values()]
    for span in spans:
        text = lines[source.body_line + span.start : source.body_line + span.end]
        assert (
            sum(
                re.match(rf"(KERNEL|static( NOINLINE)? void) {span.name}\(memory \*m, const int \*ix", line) is not None
                for line in text
            )
            == 1
        )
        assert text[-1] == "}"
    for one, two in pairwise(spans):
        assert lines[source.body_line + one.end : source.body_line + two.start] == [""]


def test_labels_name_the_lines_that_the_nests_carry_out(chain: Chain):
    graph, program = chain.graph, chain.c_program
    for number, nest in enumerate(program.program.nests):
        nodes = program.unrolled.nodes_of(number) or program.unrolled.values_of(number)
        if graph.op[nodes[0]] == INPUT:
            assert nest.label.endswith(", transposed") or nest.label.startswith("a copy of ")
            continue
        told = [re.fullmatch(r"(?:with )?(\S.*) (\S+), (forward|backward)", part) for part in nest.label.split("; ")]
        for node in nodes:
            if graph.op[node] in LEAVES:
                continue
            origin = graph.origins[graph.origin[node]]
            role = origin.role or origin.function
            direction = "backward" if graph.is_backward(node) else "forward"
            assert nest.label.endswith("...") or any(
                part and f"{origin.file}:{origin.line}" in part[1].split() and part.groups()[1:] == (role, direction)
                for part in told
            ), (nest.label, str(origin))


def test_turns_of_loops_lead_to_where_values_are_stored(chain: Chain):
    graph, program = chain.graph, chain.c_program
    if chain.subject.recipe.kind == "optimizer":
        assert program.turn(len(graph) - 1) == (len(program.program.nests) - 1, (0,))
        return
    source = source_of(chain)
    family = source.families[chain.subject.recipe.kind == "inference"]
    stored = stored_nodes(graph)
    where = address(source.layout, family.name, graph, stored, family.pinned(chain.subject.recipe.number))
    found = 0
    for node in Random(2).sample(range(len(graph)), 300):
        turn = program.turn(node)
        assert (turn is None) == (graph.op[node] in (INPUT, INDEX)) or graph.op[node] == CONST
        # Nodes of this graph that have been placed are where the loops put them.
        if turn is not None and stored[node] and where.nodes[node] >= 0:
            number, counts = turn
            nest = program.program.nests[number]
            target = source.layout.address(nest.body.array, nest.body.index)
            at = target.start + sum(step * count for step, count in zip(target.steps, counts, strict=True))
            assert at == where.nodes[node]
            found += 1
    assert found > 20


def test_arrays_cover_the_memory(chain: Chain):
    source = source_of(chain)
    layout, begin, end = source.layout, 0, 0
    assert len({array.name for array, _, _ in layout.placed}) == len(layout.placed)
    for array, start, parts in layout.placed:
        # Copies that take turns begin where the first one does.
        assert end <= start < end + 8 or (array.space == "copy" and start == begin)
        begin, end = start, max(end, start + array.size)
        assert f" {array.name}[" in source.text
        assert not parts or sum(part.size for part in parts) == array.size
    assert end <= layout.size < end + 8


class Checker:
    """Asserts that the chain of an operation is complete, and the same in both directions."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.graph = chain.graph
        self.text = chain.pane("python").lines
        self.names = value_names(chain.graph, chain.statements.roots)
        self.from_source = cache(lambda file, line: set(chain.from_source(file, line).nodes))
        self.from_scope = cache(lambda scope: set(chain.from_scope(scope).nodes))
        self.nodes_at = cache(lambda name, line: set(chain.nodes_at(name, line)))
        heads = [place for place, line in enumerate(self.text) if line.startswith("def ")]
        self.functions = list(pairwise([*heads, len(self.text)]))
        self.statements = cache(lambda start, end: list(statements_of(self.text, start, end)))

    def check(self, node: int) -> None:
        """All of it for one operation of the final graph."""
        chain, graph = self.chain, self.graph
        chosen = chain.from_nodes([node])
        lines = {name: chosen.lines(name) for name in texts(chain)}
        leaf = graph.op[node] in LEAVES
        mine = {node, *(user for user in chain.users[node] if leaf)}
        mine |= {further for user in list(mine) if leaf for further in chain.users[user]}  # an index serves choices
        for name, numbers in lines.items():
            assert numbers or name in chain.files, (name, node)
            pane = chain.pane(name)
            for number in numbers:
                units = pane.units[number - 1]
                if len(units) == 1:
                    assert any(own in pane.nodes[units[0]] for own in mine), (name, number)
                else:
                    assert mine & self.nodes_at(name, number), (name, number)
        assert any(lines[file] for file in chain.files)
        if not leaf:
            self.check_model(node, lines)
            self.check_stages(node, lines)
            self.check_python(node, lines["python"])
            self.check_c(node, lines["c"])

    def check_model(self, node: int, lines: Mapping[str, list[int]]) -> None:
        """The line and the scope are those of the graph."""
        origin = self.graph.origins[self.graph.origin[node]]
        assert lines[origin.file] == [origin.line]
        assert node in self.from_source(origin.file, origin.line)
        assert not origin.scope or node in self.from_scope(origin.scope)

    def check_stages(self, node: int, lines: Mapping[str, list[int]]) -> None:
        """Every stage has the operation, and the trace has the one that it came from."""
        chain = self.chain
        for stage in chain.graphs:
            text = [chain.pane(stage).lines[number - 1] for number in lines[stage]]
            numbers = [int(match[1]) for line in text if (match := re.match(r"%(\d+) = ", line))]
            assert numbers
            assert all(node in chain.from_node(stage, number).nodes for number in numbers)
        source = self.graph.source[node]
        forward = source if source >= 0 else ~source
        shown = [chain.pane("trace").lines[number - 1] for number in lines["trace"]]
        assert any(line.startswith(f"%{forward} = ") for line in shown)

    def check_python(self, node: int, numbers: list[int]) -> None:
        """The lines have the assignment of the statement that has the operation; the others mention its value."""
        statement = self.chain.statements.statement_of[node]
        if statement < 0:  # a choice is spelled out in the statements of its users
            assert self.graph.op[node] in (GATHER, EQUAL)
            return
        root = self.chain.statements.roots[statement]
        name = self.names[root]
        elements = [
            (output.name, at) for output in self.graph.outputs for at, own in enumerate(output.nodes) if own == root
        ]
        assigned = 0
        covered: set[int] = set()
        for start, end in self.functions:
            if not any(start < number - 1 < end for number in numbers):
                continue
            for lines, target, text in self.statements(start, end):
                mine = [line for line in lines if line in numbers]
                covered.update(mine)
                if not mine:
                    continue
                mentioned = re.search(rf"\b{name}\b", text) is not None
                if target == name:
                    assigned += 1
                    assert mine == list(lines)
                elif not mentioned:
                    assert any(is_element(target, *element) for element in elements), text
                    assigned += 1
        assert assigned, name
        rest = [self.text[line - 1] for line in numbers if line not in covered]
        assert all(line.startswith(("    #", "        ")) for line in rest)

    def check_c(self, node: int, numbers: list[int]) -> None:
        """The lines are one call, and the kernel that it calls, whose comment tells the model's line."""
        text = self.chain.pane("c").lines
        lines = [text[number - 1] for number in numbers]
        called = [match[1] for line in lines if (match := re.match(r"    (\w+)\(m, ix", line))]
        kernels = [match[1] for line in lines if (match := re.match(r"KERNEL (\w+)\(memory \*m", line))]
        assert len(called) == 1 or self.graph.op[node] in (GATHER, EQUAL)
        assert sorted(set(called)) == sorted(kernels)
        origin = self.graph.origins[self.graph.origin[node]]
        comment = "\n".join(lines)
        assert f"{origin.file}:{origin.line}" in comment or "..." in comment or " more */" in comment


def statements_of(text: Sequence[str], start: int, end: int) -> Iterator[tuple[range, str, str]]:
    """Of the function on these lines of a module: each statement's lines, counted from 1, target and text."""
    (function,) = ast.parse("\n".join(text[start:end])).body
    waiting = list(function.body) if isinstance(function, ast.FunctionDef) else []
    while waiting:
        found = waiting.pop()
        body = getattr(found, "body", None)
        if body:
            waiting += body
            continue
        target = ast.unparse(found.targets[0]) if isinstance(found, ast.Assign) else ""
        yield range(start + found.lineno, start + (found.end_lineno or found.lineno) + 1), target, ast.unparse(found)


def is_element(target: str, output: str, element: int) -> bool:
    """Whether an assignment to part of a list has this element of an output in it."""
    match = re.fullmatch(rf"{output}\[(\d*)(?:(:)(\d*))?\]", target)
    if match is None:
        return False
    first = int(match[1] or 0)
    return first <= element and (element < int(match[3] or element + 1) if match[2] else element == first)


@pytest.mark.slow
def test_chain_of_random_operations():
    checker = Checker(Chain(ModelSubject(Recipe("training", 4, CONFIG))))
    for node in Random(4).sample(range(len(checker.graph)), 200):
        checker.check(node)


@pytest.mark.slow
def test_chain_of_random_operations_at_length_16():
    checker = Checker(Chain(ModelSubject(Recipe("training", 16, CONFIG))))
    for node in Random(16).sample(range(len(checker.graph)), 20):
        checker.check(node)


def test_chain_of_small_programs(chain: Chain):
    checker = Checker(chain)
    for node in Random(1).sample(range(len(chain.graph)), min(200, len(chain.graph))):
        checker.check(node)


def test_a_broken_chain_is_noticed():
    chain = Chain(ModelSubject(Recipe("optimizer", 0, AdamConfig()), TINY))
    pane = chain.pane("c")
    Checker(chain).check(len(chain.graph) - 1)
    moved = Ragged.of([(), *list(pane.units)[:-1]])
    chain._panes["c"] = type(pane)(pane.name, pane.language, moved, pane.nodes, pane.size, {}, pane.write)
    with pytest.raises(AssertionError):
        Checker(chain).check(len(chain.graph) - 1)


def test_lines_from_one_to_another(chain: Chain):
    (file,) = chain.files
    count = len(chain.pane(file).lines)
    whole = chain.from_source(file, 1, count)
    assert set(whole.nodes) == {node for node, op in enumerate(chain.graph.op) if op not in LEAVES}
    assert set(whole.only(backward=True).nodes) | set(whole.only(backward=False).nodes) == set(whole.nodes)
    assert whole.lines(file) == list(range(1, count + 1))
    with pytest.raises(KeyError):
        chain.from_source("other.py", 1)
    with pytest.raises(IndexError):
        chain.from_node("trace", len(chain.graphs["trace"]))


def test_scopes_are_found_by_their_parts(chain: Chain):
    if chain.subject.recipe.kind == "optimizer":
        return
    graph = chain.graph

    def scopes(pattern: str) -> set[str]:
        return {graph.origins[graph.origin[node]].scope for node in chain.from_scope(pattern).nodes}

    position = chain.subject.recipe.number if chain.subject.recipe.kind == "inference" else 3
    assert scopes(f"layer1.head0.position{position}.scores") == {f"position{position}.layer1.head0.scores"}
    assert {scope.split(".")[-1] for scope in scopes("head*.mix")} == {"mix"}
    assert not chain.from_scope("no-such-scope").nodes


def test_labels_survive_the_text_of_loops(chain: Chain):
    for program in source_of(chain).programs.values():
        assert parse_program(format_program(program)) == program


def test_a_model_without_scopes_is_labelled_by_its_functions():
    def function(inputs: Mapping[str, list[Any]], indices: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        w, x = inputs["w"], inputs["x"]
        return {"y": [sum(w[8 * row + column] * x[column] for column in range(8)).relu() for row in range(8)]}

    graph = trace(function, "product", [Tensor("w", "w", 0, (8, 8)), Tensor("x", "x", 64, (8,))])
    looped = compile_loops(compile_graph(lambda: graph))
    labels = [nest.label for nest in looped.program.nests]
    assert labels[0] == "w, transposed"
    assert all(re.search(r"test_provenance\.py:\d+ \S+, forward", label) for label in labels[1:])
    text = function_text(looped, "product").text
    assert all(f"/* {label} */" in text for label in labels)
    assert "double w[8][8];" in text


def test_ragged():
    ragged = Ragged.of([[2, 0], [], [2]])
    assert [list(row) for row in ragged] == [[2, 0], [], [2]]
    assert [list(row) for row in ragged.inverse(3)] == [[0], [], [0, 2]]
    assert [list(row) for row in Ragged.singles([1, -1])] == [[1], []]
