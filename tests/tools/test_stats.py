"""`microgpt stats`: counting operations, live values, paths and traffic; roofs, and where a program stands."""

import json
from itertools import pairwise

import pytest
from click.testing import CliRunner, Result
from small_graphs import written

from microgpt.compiler.ir.graph import Origin
from microgpt.compiler.ir.ops import ADD, EXP, MUL, OPS
from microgpt.compiler.loops.interpret_loops import NumberDomain
from microgpt.compiler.loops.layout import Layout
from microgpt.compiler.loops.loop_ir import Array
from microgpt.compiler.loops.loop_text import parse_program
from microgpt.compiler.loops.run_loops import run_program
from microgpt.compiler.pipeline import compile_graph, compile_loops
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.machine import stopwatch
from microgpt.runtime.machine.roofline import Level, Machine, Roofs
from microgpt.runtime.programs.recipe import Recipe
from microgpt.tools.cli import cli
from microgpt.tools.stats.count_operations import Count, by_kind, by_scope, flops, function_calls
from microgpt.tools.stats.critical_path import critical_path
from microgpt.tools.stats.liveness import last_uses, measure_liveness
from microgpt.tools.stats.roofline import stand
from microgpt.tools.stats.statistics import collect, kinds_of
from microgpt.tools.stats.tables import quantity, time_text
from microgpt.tools.stats.traffic import Traffic, measure_traffic
from microgpt.tools.stats.work import work_of
from microgpt.tools.subject.model import BusyError, ModelSubject, difference
from microgpt.tools.text.document import bar

MODEL = ["--n-embd", "4", "--n-head", "2", "--block-size", "4"]
CONFIG = GPTConfig(27, 1, 4, 2, 4)
RECIPE = Recipe("training", 2, CONFIG)

GRAPH = written(
    "%0 = input 0",
    "%1 = input 1",
    "%2 = mul %0, %1",
    "%3 = exp %0",
    "%4 = add %2, %3",
    "%5 = exp %4",
    "%6 = mul %2, %1",
    "%7 = add %5, %6",
    "output loss = %7",
)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["stats", *MODEL, *map(str, arguments)])


def test_operations_are_counted():
    assert by_kind(GRAPH) == {"input": Count(2, 0), "add": Count(2, 0), "mul": Count(2, 0), "exp": Count(2, 0)}
    assert flops(GRAPH) == Count(6, 0)
    assert function_calls(GRAPH) == Count(2, 0)
    assert Origin("position12.layer0.head3.scores", "", "", 0, "").role == "position.layer.head.scores"
    graph = compile_graph(RECIPE.trace, "parameters")
    kinds, scopes = by_kind(graph), by_scope(graph)
    assert sum(count.all for count in kinds.values()) == len(graph)
    reads = sum(kinds[name].all for name in ("const", "input", "index", "gather"))
    assert sum(count.all for count in scopes.values()) == len(graph) - reads
    assert sum(count.backward for count in kinds.values()) == sum(source < 0 for source in graph.source)
    assert scopes["position.layer.head.scores"].forward == 3 * 2 * 4  # pairs, heads; two products, a sum, a scaling


def test_live_values():
    # After %4 live: %2, which %6 needs, and %4; %3 has been used up. After %6: %5 and %6.
    assert last_uses(GRAPH) == [3, 6, 6, 4, 5, 7, 7, 8]
    live = measure_liveness(GRAPH)
    assert (live.values, live.peak, live.peak_node) == (6, 2, 3)
    assert live.histogram == (4, 1, 1)  # %3, %4, %6 and the result live one operation on; %5 two; %2 four
    assert live.mean == (4 + 1 + 1 + 2 + 1 + 1) / 6


def test_live_values_of_a_model_one_by_one():
    graph = compile_graph(RECIPE.trace, "parameters")
    live, last = measure_liveness(graph), last_uses(graph)
    computed = [
        node for node, code in enumerate(graph.op) if OPS[code].name not in ("const", "input", "index", "gather")
    ]
    peaks = [sum(node <= now < last[node] for node in computed) for now in range(0, len(graph), 101)]
    assert max(peaks) <= live.peak
    assert sum(node <= live.peak_node < last[node] for node in computed) == live.peak
    assert sum(live.histogram) == live.values == len(computed)


def test_critical_path():
    path = critical_path(GRAPH)
    assert path.nodes == (2, 4, 5, 7)  # of two that are as long, the one that an operand in front belongs to
    assert path.cost == 4
    costs = [0.0] * len(OPS)
    costs[ADD], costs[MUL], costs[EXP] = 1.0, 2.0, 10.0
    path = critical_path(GRAPH, costs)
    assert path.nodes == (3, 4, 5, 7)
    assert path.cost == 22
    assert kinds_of(GRAPH, path) == {"add": 2, "exp": 2}


def test_every_step_of_a_critical_path_needs_the_one_before():
    graph = compile_graph(RECIPE.trace, "parameters")
    path = critical_path(graph).nodes
    assert all(before in graph.operands(after) for before, after in pairwise(path))
    levels = [0] * len(graph)
    for node, code in enumerate(graph.op):
        below = max((levels[operand] for operand in graph.operands(node)), default=0)
        levels[node] = below + (OPS[code].name not in ("const", "input", "index", "gather"))
    assert len(path) == max(levels)


class _Counted(list[float]):
    """A memory that counts."""

    def __init__(self, size: int) -> None:
        super().__init__([1.0] * size)
        self.read: list[int] = []
        self.written: list[int] = []

    def __getitem__(self, address):  # type: ignore[no-untyped-def]
        self.read.append(address)
        return super().__getitem__(address)

    def __setitem__(self, address, value):  # type: ignore[no-untyped-def]
        self.written.append(address)
        super().__setitem__(address, value)


@pytest.mark.parametrize("kind", ["training", "inference"])
def test_traffic_is_what_a_run_reads_and_writes(kind: str):
    recipe = Recipe(kind, 2, CONFIG)
    looped = compile_loops(compile_graph(recipe.trace, recipe.gradient))
    memory = _Counted(looped.layout.size)
    for span in looped.program.zeros:
        start = looped.layout.start(span.array) + span.start
        memory.written += range(start, start + span.size)
    run_program(looped.program, NumberDomain(looped.program, looped.layout, memory, [0] * 10))  # type: ignore[arg-type]
    traffic = measure_traffic(looped.program, looped.layout)
    assert (traffic.loads, traffic.stores) == (len(memory.read), len(memory.written))
    assert (traffic.reads, traffic.writes) == (len(set(memory.read)), len(set(memory.written)))
    assert traffic.touched == len({*memory.read, *memory.written})
    assert traffic.reads <= traffic.nest_reads <= traffic.loads
    assert traffic.writes <= traffic.nest_writes <= traffic.stores


def test_traffic_of_one_nest():
    # Three terms each, walking up and down.
    layout = Layout()
    layout.add(Array("y", (16,)))
    program = parse_program("""
        program one
        zero memory 4 + 2
        nest
            for i < 4
            memory[i] = fold add { k < 3: mul(memory[k+8], memory[-k+9]) }
    """)
    traffic = measure_traffic(program, layout)
    assert traffic == Traffic(24, 6, 4, 6, 4, 6, 10)
    assert traffic.accesses == 30
    assert traffic.nest_accesses == 10


def roofs(flops: float = 1e9, first: float = 1e9, second: float = 1e9) -> Roofs:
    levels = (Level("L1", 1024, first), Level("L2", 1 << 20, second), Level("memory", None, 1e6))
    waits = dict.fromkeys(("add", "mul", "div", "max", "relu", "pow", "log", "exp"), 1e-9)
    return Roofs(
        "cc", 8, flops, flops, levels, waits, {"pow": 1e-8, "log": 1e-8, "exp": 1e-8}, {"div": 1e8, "root": 5e7}
    )


def test_a_program_stands_under_the_lowest_roof():
    subject = work_of(ModelSubject(RECIPE, CONFIG))
    statistics = collect(subject)
    slow = stand(subject, statistics, roofs(flops=1e6), 1.0)
    assert slow.roof.name == "arithmetic"
    assert slow.roof.seconds == statistics.flops.all / 1e6
    assert slow.attained == slow.roof.seconds
    assert slow.flops == statistics.flops.all
    assert stand(subject, statistics, roofs(first=1e3), 1.0).roof.name == "loops and L1 cache"
    home = stand(subject, statistics, roofs(second=1e3), 1.0)
    assert home.roof.name == "data from L2 cache"  # too large for 1024 bytes
    assert home.roof.seconds == 8 * (statistics.traffic.reads + statistics.traffic.writes) / 1e3
    waits = {bound.name: bound.seconds for bound in home.bounds}
    assert waits["critical path"] == pytest.approx(1e-9 * len(statistics.path.nodes))
    assert waits["calls of libm"] == pytest.approx(1e-8 * sum(statistics.calls.values()))


def test_squares_and_roots_are_no_calls():
    statistics = collect(work_of(ModelSubject(Recipe("optimizer", 0, AdamConfig()), CONFIG)))
    assert statistics.functions.all == 2
    assert statistics.calls == {}
    assert statistics.divisions == {"div": 1, "root": 1}, "the divisions by corrections are multiplications"
    work = work_of(ModelSubject(Recipe("optimizer", 0, AdamConfig()), CONFIG))
    [bound] = [bound for bound in stand(work, statistics, roofs(), 1.0).bounds if bound.name == "divisions and roots"]
    assert bound.amount == 2 * work.lanes
    assert bound.seconds == pytest.approx(work.lanes * 1e-8 / 2), "roots do not take the unit"


def test_quantities():
    assert [quantity(number, "B") for number in (7, 999, 1234, 13_400_000, 296e9)] == [
        "7 B", "999 B", "1.23 kB", "13.4 MB", "296 GB",
    ]  # fmt: skip
    assert [quantity(number, "calls") for number in (420, 12_345, 91e6)] == [
        "420 calls",
        "12,345 calls",
        "91.0 M calls",
    ]
    assert [time_text(seconds) for seconds in (2.5e-8, 1.33e-5, 0.123, 2)] == ["25.0 ns", "13.3 us", "123 ms", "2.00 s"]
    assert bar(0, 10) == ""
    assert len(bar(0.001, 10)) == 1
    assert len(bar(1.0, 10)) == 10


def test_the_best_measurement_counts(monkeypatch: pytest.MonkeyPatch):
    now = [0.0]
    costs = iter([1.0, 0.5, 2.0])

    def run(turns: int) -> None:
        now[0] += turns * next(costs)

    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: now[0])
    assert stopwatch.best_seconds(run, 0.5, 3) == 0.5


def test_an_interruption_is_no_measurement(monkeypatch: pytest.MonkeyPatch):
    """The first call takes longer than the span; it used to be taken for a turn of that length."""
    now, interruptions = [0.0], iter([1.0])

    def run(turns: int) -> None:
        now[0] += turns * 1e-6 + 1e-5 + next(interruptions, 0.0)

    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: now[0])
    assert stopwatch.best_seconds(run, 0.5, 3) == pytest.approx(1e-6, rel=1e-3)


def test_a_difference_of_measurements_is_above_zero():
    """It used to be zero where the parts were interrupted, and the program's speed was a division by that."""
    whole, part = iter([4.0, 3.0, 5.0]), iter([7.0, 3.5, 2.0])
    assert difference(lambda: next(whole), lambda: next(part)) == 1.0
    with pytest.raises(BusyError, match="too busy"):
        difference(lambda: 1.0, lambda: 2.0)


@pytest.mark.parametrize(
    "arguments", [("--length", 2), ("--kind", "inference", "--length", 2), ("--kind", "optimizer")]
)
def test_the_command(arguments: tuple[object, ...]):
    result = run(*arguments, "--no-machine")
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "Roofline" not in result.stdout
    report = json.loads(run(*arguments, "--no-machine", "--json").stdout)
    assert report["machine"] is report["roofline"] is None
    assert f"{report['operations']['all']:,} operations" in result.stdout


@pytest.mark.slow
@pytest.mark.usefixtures("toolchain")
def test_this_machine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("microgpt.tools.stats.measure.ROUNDS", 1)
    monkeypatch.setattr("microgpt.runtime.machine.roofline._cache_sizes", lambda: {"L1": 32 << 10, "L2": 256 << 10})
    monkeypatch.setattr("microgpt.runtime.machine.roofline._MEMORY_LEAST", 1 << 20)
    machine = Machine()
    machine.measure()
    first = machine.roofs
    machine.measure()
    assert machine.roofs.flops >= first.flops > 0
    assert [level.name for level in first.levels][-1] == "memory"
    assert min(first.calls.values()) > 0
    result = run("--length", 2)
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "Roofline: the program is at " in result.stdout
    result = run("--kind", "optimizer", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["roofline"]["seconds"] > 0
    assert report["lanes"] == CONFIG.parameter_count


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch):
    from microgpt.runtime.machine.toolchain import ToolchainError

    def none() -> None:
        raise ToolchainError("there is no C compiler")

    monkeypatch.setattr("microgpt.tools.stats.measure.find_toolchain", none)
    result = run("--length", 1)
    assert result.exit_code == 0
    assert "this machine is not measured: no C compiler can be used" in result.stderr
    assert "Memory: the loops of the C program" in result.stdout
