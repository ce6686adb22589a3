"""The C of one program: the file that it is part of, and which nests of it carry out which nodes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, pairwise

from ...compiler.c.emit_c import CText
from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import LoopProgram, turns
from ...compiler.loops.unroll import Unrolled
from ...runtime.machine.assembly import Assembly, assembly
from ...runtime.machine.find_toolchain import find_toolchain

__all__ = ["CProgram"]


@dataclass(frozen=True)
class CProgram:
    """One program in a file of C.

    Attributes:
        text: of the file.
        body: the part of it that was made from programs, which begins after `body_line` lines.
        name: of the program's function.
        program: its nests.
        unrolled: what they carry out; None of a program whose graph is not made.
        layout: of the memory that it works on.
        begin: the function that prepares a memory.
        inputs: by argument, where in the memory it is.
    """

    text: str
    body: CText
    body_line: int
    name: str
    program: LoopProgram
    unrolled: Unrolled | None
    layout: Layout
    begin: str
    inputs: Mapping[str, int]

    @cached_property
    def _row_of(self) -> dict[int, int]:
        """For each node that is computed, the row of `unrolled` in which it is; of several, the first."""
        rows: dict[int, int] = {}
        if self.unrolled is None:
            return rows
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
        if row is None or self.unrolled is None:
            return None
        nest = bisect_right(self.unrolled.first_point, row) - 1
        point = row - self.unrolled.first_point[nest]
        return nest, next(islice(turns(self.program.nests[nest]), point, None))

    @property
    def first_own_line(self) -> int:
        """The first line of the C, counted from 0, that was made from the program."""
        return self.body_line

    def nests_of_lines(self) -> list[Sequence[int]]:
        """For each line of the C its nests."""
        body, offset = self.body, self.body_line
        rows: list[Sequence[int]] = [()] * len(self.text.splitlines())
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
        body, offset = self.body, self.body_line
        notes = dict.fromkeys(range(offset), "what every library begins with")
        end = len(self.text.splitlines())
        notes.update(dict.fromkeys(range(offset, end), "the library's own functions and tables"))
        for span in body.kernels:
            notes.update(dict.fromkeys(range(offset + span.start, offset + span.end), "a kernel of other programs"))
        for span in body.routines:
            notes.update(
                dict.fromkeys(range(offset + span.start, offset + span.end), "calls that programs have in common")
            )
        for name, span in body.programs.items():
            what = f"the program {name}" if name == self.name else f"another program, {name}"
            notes.update(dict.fromkeys(range(offset + span.start, offset + span.end), what))
        for place, zeros in enumerate(self.program.zeros, offset + body.first_zero[self.name]):
            notes[place] = f"zeros of {zeros.array.name}"
        return notes

    @cached_property
    def assembly(self) -> Assembly:
        """What the C compiler makes of it.

        Raises:
            ToolchainError: if there is no C compiler, or it fails.
        """
        return assembly(find_toolchain(), self.text, self.first_own_line + 1)
