"""`microgpt passes`: what passes do, in numbers and around one operation."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from small_graphs import written

from microgpt.compiler.passes.cse import cse
from microgpt.compiler.passes.dce import dce
from microgpt.compiler.passes.simplify import simplify
from microgpt.model.config import GPTConfig
from microgpt.runtime.programs.recipe import Recipe
from microgpt.tools.cli import cli
from microgpt.tools.passes import stages
from microgpt.tools.passes.changes import Changes, continue_labels, count_changes, originals
from microgpt.tools.passes.collect import Passes, collect, operations_by_kind
from microgpt.tools.passes.follow import find_operation, follow, statement_name
from microgpt.tools.passes.neighbourhood import neighbourhood
from microgpt.tools.subject.model import ModelSubject

MODEL = ["--n-embd", "4", "--n-head", "2", "--block-size", "4"]
RECIPE = Recipe("training", 2, GPTConfig(27, 1, 4, 2, 4))

GRAPH = written(
    "%0 = input 0",
    "%1 = input 1",
    "%2 = const 0x1.0p+0",
    "%3 = mul %0, %2",
    "%4 = mul %3, %1",
    "%5 = mul %1, %0",
    "%6 = add %4, %5",
    "%7 = exp %6",
    "%8 = log %0",
    "%9 = exp %2",
    "%10 = add %7, %9",
    "output loss = %10",
)


@pytest.fixture(scope="module")
def found() -> Passes:
    return collect(ModelSubject(RECIPE))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["passes", *MODEL, *map(str, arguments)])


def test_what_passes_did_is_counted():
    simple = simplify(GRAPH)
    # x*1 is x, and exp(1) is a number that was not there.
    assert count_changes(GRAPH, *simple) == Changes(11, 0, 2, 0, 1, 10)
    merged = cse(simple.graph)
    assert count_changes(simple.graph, *merged) == Changes(10, 0, 0, 1, 0, 9)
    live = dce(merged.graph)
    assert count_changes(merged.graph, *live) == Changes(9, 2, 0, 0, 0, 7)  # the logarithm and the one


def test_operations_keep_their_numbers():
    simple = simplify(GRAPH)
    labels, free = continue_labels(range(11), 11, GRAPH, *simple)
    assert labels == [0, 1, 2, 4, 5, 6, 7, 8, 11, 10]
    assert free == 12
    assert originals(GRAPH, *simple) == [label if label < 11 else -1 for label in labels]


def test_neighbourhood():
    assert neighbourhood(GRAPH, 6, 0) == [6]
    assert neighbourhood(GRAPH, 6, 1) == [6, 4, 5, 7]
    # Inputs are shown and not gone through: the logarithm is not near.
    assert neighbourhood(GRAPH, 6, 3) == [6, 4, 5, 7, 0, 1, 3, 10, 2, 9]


@pytest.mark.parametrize("kind", ["training", "inference"])
def test_counts_add_up(kind: str):
    subject = ModelSubject(Recipe(kind, 2, GPTConfig(27, 2, 4, 2, 4)))
    found = collect(subject)
    assert [stage.name for stage in found.graphs] == stages.graph_names(subject)
    for stage, changes in found.changes():
        left = changes.before - changes.removed - changes.replaced - changes.merged + changes.added
        assert left == changes.after == len(stage.product) == sum(operations_by_kind(stage.product).values())
        if stage.name == "differentiate":
            assert changes.removed == changes.replaced == changes.merged == 0 < changes.added
        elif stage.name == "cse":
            assert changes.removed == changes.replaced == changes.added == 0 < changes.merged
        elif stage.name == "dce":
            assert changes.merged == changes.replaced == changes.added == 0 < changes.removed


def test_later_stages(found: Passes):
    assert [stage.name for stage in found.python] == ["form_statements", "schedule", "allocate", "emit_python"]
    names = [stage.name for stage in found.c]
    loops, kernels = names[:7], names[7:-1]
    assert loops == ["place", "form_reductions", "schedule", "reroll", "join_recurrences", "name_arrays", "transpose"]
    assert kernels[:4] == ["share", "hoist_loads", "stage_powers", "tile"]
    assert kernels[4:7] == ["vectorise", "hoist_divisors", "accumulate"]
    assert kernels[7:] == ["hold", "batch_calls", "carry", "walk_pointers"]
    assert names[-1] == "emit_c"
    figures = {stage.name: stage.figures for stage in (*found.python, *found.c)}
    assert figures["emit_python"]["lines"] == len(
        stages.stage_product(ModelSubject(RECIPE), "emit_python").splitlines()
    )
    assert figures["form_reductions"]["statements"] == figures["schedule"]["statements"]
    assert figures["emit_c"]["kernels"] == figures["share"]["kernels"] <= figures["transpose"]["nests"]
    assert figures["hoist_loads"]["statements"] < figures["vectorise"]["statements"]
    assert figures["transpose"]["operations"] <= len(found.graphs[-1].product)


def test_an_operation_is_found(found: Passes):
    assert find_operation(found.graphs, "%12") == find_operation(found.graphs, "trace:12") == (0, 12)
    assert find_operation(found.graphs, "simplify:12") == (3, 12)
    last = len(found.graphs) - 1
    stage, node = find_operation(found.graphs, "p1_l0_h1_scores_0")
    assert stage == last
    assert statement_name(found.graphs[last].product, node) == "p1_l0_h1_scores_0"
    stage, node = find_operation(found.graphs, "position1.layer0.head1.scores")
    assert stage == 0
    graph = found.graphs[0].product
    assert graph.origins[graph.origin[node]].scope == "position1.layer0.head1.scores"
    for wrong in ("p1_l7_query_0", "optimise:3", "%1000000"):
        with pytest.raises(ValueError, match=wrong.split(":")[0]):
            find_operation(found.graphs, wrong)


def test_an_operation_is_followed_to_the_end_and_back(found: Passes):
    last = found.graphs[-1].product
    for node in range(0, len(last), 97):
        there = follow(found.graphs, len(found.graphs) - 1, node, 0, 10)
        assert there[-1].after == node
        first = next(hunk for hunk in there if hunk.after >= 0)
        number = there.index(first) + 1
        again = follow(found.graphs, number, first.after, 0, 10)
        assert [hunk.after for hunk in again] == [hunk.after for hunk in there]


def test_a_diff_shows_what_changed_and_nothing_else(found: Passes):
    # The sum of a dot product begins with 0, which simplify takes away.
    where = find_operation(found.graphs, "position0.layer0.query")
    hunks = {hunk.name: hunk for hunk in follow(found.graphs, *where, 1, 40)}
    simple = hunks["simplify"]
    assert simple.fate == "kept, for 1 other too"
    gone = [line for line in simple.lines if line[0] == "-"]
    new = [line for line in simple.lines if line[0] == "+"]
    assert [" = add " in line for line in gone] == [True, True]
    assert len(new) == 1
    assert new[0].split(" = ")[0][1:] == gone[1].split(" = ")[0][1:]  # it has kept its number
    assert hunks["dce"].lines == ()
    assert all(len(line) < 80 for hunk in hunks.values() for line in hunk.lines)


def test_the_command(found: Passes, tmp_path: Path):
    result = run("--around", "p1_l0_h1_scores_0", "--radius", 2)
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert result.stdout.startswith("Loss and gradient of 4 characters: ")
    assert "@@ cse: kept" in result.stdout
    report = json.loads(run("--length", 2, "--around", 7, "--json").stdout)
    assert report["passes"][-1]["after"] == len(found.graphs[-1].product)
    assert report["trace"]["operations"] == operations_by_kind(found.graphs[0].product)
    assert len(report["around"]["passes"]) == 5
    short = run("--length", 1, "--around", "p0_l0_query_0", "--radius", 3, "--limit", 3).stdout
    assert "more; see --limit and --radius" in short


def test_wrong_operations_are_one_line():
    for wrong in ("nonsense", "nowhere:3", "99999999"):
        result = run("--around", wrong)
        assert result.exit_code == 2
        assert len(result.stderr.splitlines()) == 1
        assert "--around" in result.stderr
