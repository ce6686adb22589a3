"""Models whose graphs are too large to be made: what the commands say of their loops."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from microgpt.compiler.errors import ProofError
from microgpt.compiler.ir.graph import Graph
from microgpt.compiler.ir.ops import EQUAL, GIVEN, OPS, OPS_BY_NAME, READ
from microgpt.compiler.loops.loop_ir import Loop, turns
from microgpt.compiler.loops.loop_text import format_program
from microgpt.compiler.pipeline import compile_graph
from microgpt.model.config import GPTConfig
from microgpt.runtime.programs.recipe import Recipe
from microgpt.runtime.programs.shapes import is_sized
from microgpt.tools.cli import cli
from microgpt.tools.drawing.draw import Wanted, draw
from microgpt.tools.drawing.roles import scope_key
from microgpt.tools.explore.blocks import blocks
from microgpt.tools.explore.places import places_of
from microgpt.tools.loops import terms
from microgpt.tools.loops.known import know
from microgpt.tools.loops.marks import go_through
from microgpt.tools.loops.pieces import cut
from microgpt.tools.loops.terms import Statement
from microgpt.tools.provenance.chain import Chain
from microgpt.tools.stats.count_loops import count_loops
from microgpt.tools.stats.statistics import collect
from microgpt.tools.stats.work import Work, work_of
from microgpt.tools.subject.model import ModelSubject

CONFIG = GPTConfig(27, 1, 12, 3, 9)
MODEL = ["--n-embd", "12", "--n-head", "3", "--block-size", "9"]


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microgpt.tools.subject.model.LARGE", 0)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments), *MODEL])


@pytest.mark.parametrize(("kind", "number"), [("training", 1), ("training", 6), ("inference", 5)])
def test_operations_are_counted_in_loops(kind: str, number: int):
    """As in the graph, but for choices by an index."""
    assert is_sized(CONFIG)
    recipe = Recipe(kind, number, CONFIG)
    subject = ModelSubject(recipe)
    work = work_of(subject)
    assert work.graph is None
    graph = compile_graph(recipe.trace, recipe.gradient)
    found, expected = collect(work), collect(Work(graph, 1, work.loops, work.layout))
    computed = {name: count for name, count in expected.kinds.items() if OPS_BY_NAME[name] not in READ}
    assert found.kinds == {name: count for name, count in computed.items() if name not in ("equal", "select")}
    assert (found.flops, found.functions, found.calls) == (expected.flops, expected.functions, expected.calls)
    assert found.operations == sum(count.all for count in found.kinds.values())
    assert found.liveness is found.path is None
    assert count_loops(work.loops).calls["pow"] >= found.calls.get("pow", 0)
    assert found.scopes.keys() <= expected.scopes.keys()


def test_loops_alone_are_those_of_the_library():
    subject = ModelSubject(Recipe("training", 6, CONFIG))
    program, layout = subject.loops_alone()
    assert format_program(program) == format_program(subject.library().programs["length6"])
    assert layout.size <= subject.library().layout.size


@pytest.mark.parametrize(
    ("kind", "number", "layers"), [("training", 6, 1), ("training", 4, 3), ("inference", 5, 1), ("inference", 8, 2)]
)
@pytest.mark.parametrize(
    "wanted",
    [Wanted("op"), Wanted("op", scope="layer0.scores"), Wanted("model"), Wanted("model", limit=40)],
    ids=["op", "scope", "model", "merged"],
)
def test_a_picture_without_the_graph_is_the_one_with_it(
    monkeypatch: pytest.MonkeyPatch, kind: str, number: int, layers: int, wanted: Wanted
):
    """All boxes and arrows, with every fact about them."""
    recipe = Recipe(kind, number, GPTConfig(27, layers, 12, 3, 9))
    found = draw(ModelSubject(recipe), wanted)
    monkeypatch.setattr("microgpt.tools.subject.model.LARGE", 10**9)
    expected = draw(ModelSubject(recipe), wanted)
    assert found.counts == f"{expected.counts}; made from the loops, without the graph"
    assert found.title == expected.title
    assert list(found.boxes) == list(expected.boxes)
    for name, box in expected.boxes.items():
        assert found.boxes[name] == replace(box, results=()), name
    assert found.arrows == expected.arrows


@pytest.mark.parametrize(("kind", "number"), [("training", 1), ("training", 2), ("inference", 0), ("inference", 1)])
def test_the_first_programs_have_pictures_without_the_graph(monkeypatch: pytest.MonkeyPatch, kind: str, number: int):
    """Loops over so few positions are other loops than those that are found in the graph alone."""
    recipe = Recipe(kind, number, CONFIG)
    found = [draw(ModelSubject(recipe), Wanted(level)) for level in ("op", "model")]
    monkeypatch.setattr("microgpt.tools.subject.model.LARGE", 10**9)
    expected = [draw(ModelSubject(recipe), Wanted(level)) for level in ("op", "model")]
    operations = [picture.counts.partition(" in ")[0] for picture in found]
    assert operations == [picture.counts.partition(" in ")[0] for picture in expected]
    assert found[1].arrows == expected[1].arrows


@pytest.mark.parametrize(("kind", "number"), [("training", 6), ("inference", 5)])
def test_terms_and_marks_are_those_of_every_turn(monkeypatch: pytest.MonkeyPatch, kind: str, number: int):
    """What is counted without going through all turns is what is found by doing so; also where runs overlap."""
    monkeypatch.setattr("microgpt.tools.loops.marks._MANY", 0)
    program, layout = ModelSubject(Recipe(kind, number, CONFIG)).loops_as_found()
    for nest in cut(program)[0].nests:
        statement = Statement(nest)
        found = statement.taken()
        counts = Counter(term for point in turns(nest) for term in statement.carried_out(point))
        computed = {term: count for term, count in found.counts.items() if statement.terms[term].op != terms.READ}
        assert computed == counts, nest.label
        assert sum(found.roots.values()) == len([*turns(nest)])
        for term in statement.terms:
            if term.op == terms.READ:
                loops = replace(nest, loops=tuple(map(Loop, term.around)))
                address = layout.address(term.expr.array, term.expr.index)
                marked: list[tuple[int, int, int]] = []
                go_through(address, term.around, lambda *run, marked=marked: marked.append(run))
                reached = {start + step * turn for start, step, count in marked for turn in range(count)}
                assert reached == {address.at(point) for point in turns(loops)}, nest.label


def test_a_small_program_that_is_not_like_the_large_one_is_noticed(monkeypatch: pytest.MonkeyPatch):
    subject, small = ModelSubject(Recipe("training", 6, CONFIG)), ModelSubject.small_one
    monkeypatch.setattr(
        ModelSubject, "small_one", lambda self: replace_number(small(self), 1) if self is subject else small(self)
    )
    with pytest.raises(ProofError, match="are not like those of"):
        know(subject)


def replace_number(subject: ModelSubject, number: int) -> ModelSubject:
    """The program of another length."""
    return ModelSubject(Recipe(subject.recipe.kind, number, subject.recipe.config))


@pytest.mark.parametrize(("number", "layers"), [(6, 1), (4, 2)])
def test_places_stand_for_the_operations_of_the_graph(number: int, layers: int):
    """By line of the model, kind and direction; and each loop belongs to the lines that its operations come from."""
    subject = ModelSubject(Recipe("training", number, GPTConfig(27, layers, 12, 3, 9)))
    places = places_of(know(subject), subject)
    chain = Chain(subject)

    def key(graph: Graph, node: int) -> tuple[str, int, str, bool]:
        origin = graph.origins[graph.origin[node]]
        return origin.file, origin.line, OPS[graph.op[node]].name, graph.is_backward(node)

    # In loops, a comparison is made wherever it is needed.
    uncounted = {*GIVEN, EQUAL}
    expected = Counter(key(chain.graph, node) for node, op in enumerate(chain.graph.op) if op not in uncounted)
    found: Counter[tuple[str, int, str, bool]] = Counter()
    for node, times in enumerate(places.times):
        if places.graph.op[node] not in uncounted:
            found[key(places.graph, node)] += times
    assert found == expected
    copies = [nest.body.array.space == "copy" for nest in chain.c_program.program.nests]
    loops = [nodes for nodes, is_copy in zip(chain.nest_nodes, copies, strict=True) if not is_copy]
    for nest, (nodes, own) in enumerate(zip(loops, places.nodes_of_nest, strict=True)):
        assert {key(places.graph, node) for node in own} == {key(chain.graph, node) for node in nodes}, nest
    names, block_of_traced = blocks(chain.graphs["trace"])
    assert places.block_names == names
    of_blocks = Counter(dict.fromkeys(names, 0))
    for node, op in enumerate(chain.graph.op):
        source = chain.graph.source[node]
        if op not in uncounted:
            of_blocks[names[block_of_traced[source if source >= 0 else ~source]]] += 1
    for node, times in enumerate(places.times):
        source = places.graph.source[node]
        if places.graph.op[node] not in uncounted:
            of_blocks[names[places.block_of_traced[source if source >= 0 else ~source]]] -= times
    assert not any(of_blocks.values()), of_blocks
    assert _taken(places.graph) == _taken(chain.graph)
    for node in range(len(places.graph)):
        assert all(operand < node for operand in places.graph.operands(node))


def _taken(graph: Graph) -> set[tuple[object, object]]:
    """What takes what: operations by kind, line, direction and scope. A sum is not said to take its own terms."""

    def key(node: int) -> object:
        origin = graph.origins[graph.origin[node]]
        return OPS[graph.op[node]].name, scope_key(origin.scope), origin.line, graph.is_backward(node)

    pairs = {
        (key(operand), key(node))
        for node in range(len(graph))
        for operand in graph.operands(node)
        if graph.op[operand] not in GIVEN
    }
    return {(one, other) for one, other in pairs if one != other}


def test_the_page_of_a_large_model(tmp_path: Path):
    result = run("explore", "--length", 6, "-o", tmp_path / "page.html")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "page.html").read_text("utf-8")
    assert 'data-pane="loops"' in page
    assert 'data-pane="python"' not in page
    assert re.search(r"[\d,]{6,} operations, [\d,]{5,} of them backward, in 73 loops", page)
    assert "known from a small model of as many layers" in page


def test_pictures_by_the_command(tmp_path: Path):
    drawn = run("graph", "--level", "op", "--length", 6, "-o", tmp_path / "op.json")
    assert drawn.exit_code == 0, drawn.output
    picture = json.loads((tmp_path / "op.json").read_text("utf-8"))
    assert picture["graph"]["counts"].endswith("; made from the loops, without the graph")
    query = next(node for node in picture["nodes"] if node["label"] == "query" and node["direction"] == "forward")
    assert query["formula"] == "query[t,i] = Σ_j attn_wq[i,j]·attn_norm[t,j]"
    assert query["source"] == "gpt.py:148"
    assert query["operations"] == 6 * 12 * 23
    numbered = run("graph", "--level", "op", "--scope", "position1.layer0.scores", "-o", tmp_path / "no.json")
    assert numbered.exit_code == 2
    assert "positions and heads are not told apart; ask for layer0.scores" in numbered.stderr
    unknown = run("graph", "--level", "op", "--scope", "layer0.scroes", "-o", tmp_path / "no.json")
    assert "no operation is in 'layer0.scroes'; there are embed, layer0.attn_norm" in unknown.stderr


def test_the_commands():
    result = run("stats", "--no-machine", "--length", 6)
    assert result.exit_code == 0, result.output
    assert "Its graph is not made" in result.stdout
    assert "Operations by scope of the loops" in result.stdout
    assert "Critical path" not in result.stdout
    report = json.loads(run("stats", "--no-machine", "--length", 6, "--json").stdout)
    assert report["live"] is report["critical_path"] is None
    passes = json.loads(run("passes", "--length", 6, "--json").stdout)
    assert passes["small"].startswith("GPTConfig(vocab_size=9, n_layer=1, n_embd=6")
    assert passes["python"] == []
    assert passes["c"][0]["name"] == "instantiate"
    assert passes["c"][0]["figures"]["operations"] == report["operations"]["all"]
    assert "the passes are shown on that" in run("passes", "--length", 6).stdout
    sizes = run("show", "--stage", "sizes").stdout
    assert sizes.startswith("program length\narray wte_grad[vocab_size][n_embd]")
    assert run("show", "--stage", "loops", "--length", 6).stdout.startswith("program gpt_loss_length6\n")
    assert run("show", "--stage", "list").stdout.splitlines()[-1] == "sizes"
    refused = run("show", "--stage", "sizes", "--line", "gpt.py:148")
    assert refused.exit_code == 2
    assert "--grep narrows it down" in refused.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("show",),
        ("show", "--stage", "loops", "--op", "%3"),
        ("graph", "--scope", "position1.layer0.head1.scores"),
        ("explore", "--time"),
    ],
)
def test_what_needs_a_graph_says_what_does_not(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]):
    monkeypatch.setenv("MICROGPT_MEMORY_LIMIT", "1M")
    sizes = ["--n-embd", "48", "--length", "9", "--block-size", "9"]
    refused = CliRunner().invoke(cli, [*arguments, *sizes])
    assert refused.exit_code != 0, refused.output
    assert "million operations: about" in refused.stderr
    assert "`explore` without --text and --time, `graph` at the levels model and op, and `show` with" in refused.stderr
