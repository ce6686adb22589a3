"""The C of a function with sums over rows: its programs, and the loops over the rows between them.

In: a `RowProgram`. Out: a `RowsSource`. Each program has a memory of its own; what one hands to another is copied,
which costs less than a tenth of the shortest program. The memory begins with the numbers of the clean graph's inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...compiler.c.c_text import c_text
from ...compiler.c.emit_function import memory_size
from ...compiler.ir.graph import Graph
from ...compiler.loops.coverage import coverage
from ...compiler.loops.looped_graph import LoopedGraph
from ...compiler.pipeline import compile_loops, function_text
from .executable import c_head
from .repeat import BLOCK
from .row_graphs import FIXED, INITIAL, RowPlan
from .row_program import Before, RowProgram
from .row_sums import ROW, SHARED

__all__ = ["RowsSource", "rows_source"]

_PACKAGE = __package__ or ""
# Programs begin at addresses that this many doubles divide, as the widest vectors do.
_ALIGNMENT = 8


@dataclass(frozen=True)
class RowsSource:
    """A library in C.

    Attributes:
        head, body: of the C file.
        report: what was made, and where arguments and results lie.
        looped: the programs.
    """

    head: str
    body: str
    report: Mapping[str, Any]
    looped: Sequence[LoopedGraph]

    @property
    def text(self) -> str:
        """The C file."""
        return f"{self.head}{self.body}"


@dataclass
class _Writer:
    """Places programs in memory.

    Attributes:
        end: of the memory so far.
    """

    vector_width: int
    prefix: str
    end: int
    texts: list[str] = field(default_factory=list)
    begins: list[str] = field(default_factory=list)
    looped: dict[str, LoopedGraph] = field(default_factory=dict)
    bases: dict[str, int] = field(default_factory=dict)

    def place(self, name: str, graph: Graph) -> None:
        """Adds a program."""
        self.end += -self.end % _ALIGNMENT
        looped = compile_loops(graph)
        self.looped[name], self.bases[name] = looped, self.end
        self.texts.append(function_text(looped, f"{self.prefix}{name}", self.vector_width).text)
        self.begins.append(f"    {self.prefix}{name}_begin(m + {self.end});")
        self.end += memory_size(looped.layout)

    def at(self, name: str, what: str) -> int:
        """The address of an argument or a result of a program."""
        layout = self.looped[name].layout
        start, *_ = layout.outputs[what] if what in layout.outputs else layout.arguments[what]
        return self.bases[name] + start

    def given(self, name: str) -> list[str]:
        """Copies the inputs of the clean graph that a program has."""
        spans = self.looped[name].graph.arguments()
        return [_copy(self.at(name, argument), start, size) for argument, (start, size) in spans.items()]


def rows_source(program: RowProgram, vector_width: int, prefix: str = "") -> RowsSource:
    """Compiles a function with sums over rows to C. Whoever uses the result has to prove it.

    Args:
        vector_width: doubles in the widest vector of the processor that the library is for: 8, 4 or 2; 1 for none.
        prefix: what every name that other files can see begins with.
    """
    writer = _Writer(vector_width, prefix, program.size)
    steps = []
    for number, (plan, before) in enumerate(zip(program.plans, program.before, strict=True)):
        steps.append(_loop(writer, number, program.numbers[plan.loop.place], plan, before))
    writer.place("behind", program.ir)
    steps.append("\n".join([*writer.given("behind"), f"    {prefix}behind(m + {writer.bases['behind']}, index);"]))
    driver = c_text(_PACKAGE, "rows.c", prefix=prefix, begins="\n".join(writer.begins), steps="\n".join(steps))
    layout = writer.looped["behind"].layout
    report = {
        "memory": writer.end + _ALIGNMENT,
        "rows": len(program.rows),
        "arguments": dict(program.arguments),
        "outputs": {
            output.name: (writer.at("behind", output.name), layout.outputs[output.name][1])
            for output in program.ir.outputs
        },
        "nests": {name: len(looped.program.nests) for name, looped in writer.looped.items()},
        "coverage": {name: coverage(looped.program) for name, looped in writer.looped.items()},
    }
    body = "\n".join([*writer.texts, driver])
    return RowsSource(c_head(program.ir, body, vector_width), body, report, list(writer.looped.values()))


def _loop(writer: _Writer, number: int, rows: int, plan: RowPlan, before: Before) -> str:
    """The C of one loop, with what comes before it."""
    loop, lines = plan.loop, []
    if before.inputs is None:
        name = f"before{number}"
        writer.place(name, before.graph)
        lines += [*writer.given(name), f"    {writer.prefix}{name}(m + {writer.bases[name]}, index);"]
        start = writer.at(name, loop.shared)
        shared = list(range(start, start + loop.size))
    else:
        shared = before.inputs
    programs = {f"row{number}": plan.one} | ({f"block{number}": plan.block} if plan.block else {})
    for name, each in programs.items():
        writer.place(name, each.graph)
        for argument, chosen in ((SHARED, plan.shared), (FIXED, plan.fixed)):
            if argument in each.graph.arguments():
                lines += _copies(writer.at(name, argument), [shared[place] for place in chosen])
    slopes = len(plan.results) * len(plan.shared)
    names: dict[str, Any] = {
        "number": number, "rows": rows, "count": loop.count, "size": loop.row_size, "indices": loop.index_count,
        "together": BLOCK, "slopes": slopes, "prefix": writer.prefix,
    }  # fmt: skip
    for name in programs:
        kind = name.rstrip("0123456789")
        names[kind] = writer.bases[name]
        names[f"{kind}_results"] = writer.at(name, "results")
        names[f"{kind}_row"] = writer.at(name, ROW) if loop.row_size else 0
        names[f"{kind}_initial"] = writer.at(name, INITIAL) if slopes else 0
        names[f"{kind}_jacobian"] = writer.at(name, "jacobian") if slopes else 0
    after = [f"        m[{loop.start + place}] = sums[{place}]{_over(plan)};" for place in range(loop.count)]
    for place, result in enumerate(plan.results):
        begin = loop.start + loop.count + result * loop.size
        targets = [begin + other for other in plan.shared]
        source = names["row_initial"] + place * len(plan.shared)
        for first, offset, size in _runs(targets):
            after.append(
                f"        for (long i = 0; i < {size}; i++) m[{first} + i] = m[{source + offset} + i]{_over(plan)};"
            )
    lines.append(
        c_text(
            _PACKAGE, "rows_loop.c", **names,
            blocks=c_text(_PACKAGE, "rows_block.c", **names) if plan.block else "",
            after="\n".join(after),
        ).rstrip("\n")
    )  # fmt: skip
    return "\n".join(lines)


def _over(plan: RowPlan) -> str:
    return " / (double)count" if plan.loop.mean else ""


def _copies(target: int, sources: Sequence[int]) -> list[str]:
    """Copies numbers from these addresses to neighbours."""
    return [_copy(target + offset, first, size) for first, offset, size in _runs(sources)]


def _copy(target: int, source: int, size: int) -> str:
    return f"    memcpy(m + {target}, m + {source}, {size} * sizeof(double));"


def _runs(addresses: Sequence[int]) -> list[tuple[int, int, int]]:
    """Neighbours that follow one another: the first address, its place in the sequence, and how many they are."""
    runs: list[tuple[int, int, int]] = []
    for place, address in enumerate(addresses):
        if runs and runs[-1][0] + runs[-1][2] == address:
            runs[-1] = (*runs[-1][:2], runs[-1][2] + 1)
        else:
            runs.append((address, place, 1))
    return runs
