"""The C of one program of a model: the library that it is part of, and which nests of it carry out which nodes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import islice, pairwise

from ...compiler.ir.graph import Graph
from ...compiler.loops.loop_ir import turns
from ...compiler.loops.unroll import Unrolled, unroll
from ...compiler.loops.vmap import one_lane
from ...compiler.pipeline import without_collection
from ...model.config import AdamConfig, GPTConfig
from ...runtime.machine.assembly import Assembly, assembly
from ...runtime.machine.toolchain import find_toolchain, vector_width_here
from ...runtime.programs.c_source import PROGRAM_NAMES, ModelSource, model_source
from ...runtime.programs.recipe import Recipe

__all__ = ["CProgram", "c_program"]


class CProgram:
    """One program of a C library.

    Attributes:
        source: the library.
        name: of the program's function.
        program: its nests.
        unrolled: what they carry out.
    """

    def __init__(self, source: ModelSource, recipe: Recipe, graph: Graph) -> None:
        self.source = source
        self.name = PROGRAM_NAMES[recipe.kind].format(recipe.number)
        self.program = source.programs[self.name]
        self.unrolled = self._unroll(recipe, graph)

    def _unroll(self, recipe: Recipe, graph: Graph) -> Unrolled:
        source = self.source
        if recipe.kind == "optimizer":
            inputs = [source.optimizer_addresses[tensor.name] for tensor in graph.inputs]
            return unroll(one_lane(self.program), graph, source.layout, inputs)
        family = source.families[0 if recipe.kind == "training" else 1]
        where = family.interface(source.layout, recipe.number, graph)
        before = source.programs["copy_parameters"] if recipe.kind == "inference" else None
        return unroll(self.program, graph, source.layout, where.inputs, before)

    @cached_property
    def _row_of(self) -> dict[int, int]:
        """For each node that is computed, the row of `unrolled` in which it is; of several, the first."""
        rows: dict[int, int] = {}
        for row, (start, end) in enumerate(pairwise(self.unrolled.first_node)):
            for node in self.unrolled.nodes[start:end]:
                rows.setdefault(node, row)
        return rows

    def turn(self, node: int) -> tuple[int, tuple[int, ...]] | None:
        """In which nest, and in which turn of each of its loops, outermost first, a node of the graph is computed.

        None for what is only read. In the C, the loops count in ``i0``, ``i1`` and so on, but for the one whose turns
        are lanes of vectors.
        """
        row = self._row_of.get(node)
        if row is None:
            return None
        nest = bisect_right(self.unrolled.first_point, row) - 1
        point = row - self.unrolled.first_point[nest]
        return nest, next(islice(turns(self.program.nests[nest]), point, None))

    @property
    def first_own_line(self) -> int:
        """The first line of the C, counted from 0, that was made from the model."""
        return self.source.body_line

    def nests_of_lines(self) -> list[Sequence[int]]:
        """For each line of the C its nests."""
        body, offset = self.source.body, self.source.body_line
        rows: list[Sequence[int]] = [()] * len(self.source.text.splitlines())
        own = body.kernel_of[self.name]
        nests: dict[int, list[int]] = {}
        for nest, kernel in enumerate(own):
            nests.setdefault(kernel, []).append(nest)
            line = offset + body.call_of[self.name][nest]
            rows[line] = (*rows[line], nest)
        for kernel, members in nests.items():
            span = body.kernels[kernel]
            rows[offset + span.start : offset + span.end] = [members] * (span.end - span.start)
        return rows

    def notes(self) -> dict[int, str]:
        """For lines of no nest of this program, what they are there for."""
        body, offset = self.source.body, self.source.body_line
        notes = dict.fromkeys(range(offset), "what every library begins with")
        end = len(self.source.text.splitlines())
        notes.update(dict.fromkeys(range(offset, end), "the library's own functions and tables"))
        for span in body.kernels:
            notes.update(dict.fromkeys(range(offset + span.start, offset + span.end), "a kernel of other programs"))
        for name, span in body.programs.items():
            what = f"the program {name}" if name == self.name else f"another program, {name}"
            notes.update(dict.fromkeys(range(offset + span.start, offset + span.end), what))
        for place, zeros in enumerate(self.program.zeros, offset + body.first_zero[self.name]):
            notes[place] = f"zeros of {zeros.array.name}"
        return notes

    @cached_property
    def assembly(self) -> Assembly:
        """What the C compiler makes of the library.

        Raises:
            ToolchainError: if there is no C compiler, or it fails.
        """
        return assembly(find_toolchain(), self.source.text, self.first_own_line + 1)


def c_program(
    recipe: Recipe, graph: Graph, config: GPTConfig, optimizer: AdamConfig, vector_width: int | None = None
) -> CProgram:
    """Makes the library of a model and finds a program in it.

    Args:
        recipe: of the program.
        graph: its final graph.
        vector_width: of the processor that the C is for, in doubles; by default, of this one.

    Raises:
        CompileError: if the model cannot be compiled.
    """
    width = vector_width or vector_width_here()
    with without_collection():
        return CProgram(model_source(config, optimizer, vector_width=width), recipe, graph)
