"""Tables: the constants that loops read in order, each load from an array of its own.

In: a program of a graph, which reads constants from wherever the graph has them, and its layout. Out: the same program
reading tables that begin and end where a load does, so that what they hold follows from the sizes and a place in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ..loops.layout import Layout
from ..loops.loop_ir import Affine, Array, Expr, Fold, Load, LoopProgram, Nest, Op, Run
from ..loops.name_arrays import corners

__all__ = ["PLACE", "with_tables"]

# What stands for the place in a table, among the names of sizes: no name.
PLACE = "[i]"


def with_tables(program: LoopProgram, layout: Layout) -> tuple[LoopProgram, dict[str, tuple[str, ...]]]:
    """The program over tables, and what these hold, by name: constants in hexadecimal."""
    tables = _Tables(layout)
    return replace(program, nests=tuple(map(tables.nest, program.nests))), tables.texts


@dataclass
class _Tables:
    layout: Layout
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def nest(self, nest: Nest) -> Nest:
        counts = [loop.trips for loop in nest.loops]
        return replace(nest, body=replace(nest.body, value=self._expr(nest.body.value, counts)))

    def _expr(self, expr: Expr, counts: list[Affine]) -> Expr:
        match expr:
            case Load() if expr.array.space == "constant":
                return self._load(expr, counts)
            case Op():
                return Op(expr.op, tuple(self._expr(part, counts) for part in expr.operands))
            case Fold():
                return Fold(expr.op, tuple(self._run(run, counts) for run in expr.runs))
        return expr

    def _run(self, run: Run, counts: list[Affine]) -> Run:
        inside = [*counts, run.count]
        return Run(
            run.count,
            tuple(self._run(part, inside) if isinstance(part, Run) else self._expr(part, inside) for part in run.parts),
        )

    def _load(self, load: Load, counts: Sequence[Affine]) -> Load:
        flat = load.array.flat(load.index)
        places = [*_at_corners(flat, counts)]
        first, start = min(places), self.layout.start(load.array)
        texts = (self.layout.constants.get(start + place, "") for place in range(first, max(places) + 1))
        name = self.layout.unique("table", self.texts)
        self.texts[name] = tuple(texts)
        table = Array(name, (len(self.texts[name]),), space="constant")
        return Load(table, (Affine(flat.start - first, flat.steps),))


def _at_corners(flat: Affine, counts: Sequence[Affine]) -> Iterator[int]:
    for point in corners(counts):
        yield flat.start + sum(map(int.__mul__, flat.steps, point))
