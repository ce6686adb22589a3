"""Compile family: loop programs for graphs that differ in one number, such as the length of a sequence.

In: a function from a number to a clean graph, and what makes the loops of a graph. Out: a program for each number, all
over one memory. Only the graphs of small numbers are made; programs of larger ones continue them (see `extrapolate`).
Where a family does not continue evenly, every graph is made. Nothing is proved here: what becomes of the programs is
for `Family.prove`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..ir.graph import Graph, IndexTensor
from .extrapolate import extrapolate
from .layout import Layout
from .loop_ir import LoopProgram
from .name_arrays import name_arrays
from .place import Addressing, NotRegularError, address, place
from .prove_loops import prove_loops
from .stored_nodes import stored_nodes

__all__ = ["Family", "compile_family"]

# Small members are special: folds of one or two terms, loops of one or two turns. From here on they tend to be alike.
_REGULAR = 3
_ATTEMPTS = 3
Form = Callable[[Graph, bytearray, Layout, Addressing], LoopProgram]


@dataclass
class Family:
    """What was compiled.

    Attributes:
        name: of the family.
        programs: by number.
        build: makes the graph of a number.
        pinned: by number, where outputs are that have no place of their own.
        continued: the numbers whose graphs have not been made.
        graphs: those that have been made, by number.
    """

    name: str
    programs: Mapping[int, LoopProgram]
    build: Callable[[int], Graph]
    pinned: Callable[[int], Mapping[str, int]]
    continued: tuple[int, ...]
    graphs: Mapping[int, Graph]

    def prove(
        self, layout: Layout, number: int, program: LoopProgram | None = None, before: LoopProgram | None = None
    ) -> Graph:
        """Checks that the program of `number` is its graph, operation for operation; returns the graph.

        Args:
            program: what became of the family's program since it was made.
            before: a program that has run before that one.

        Raises:
            ProofError: if it is not.
        """
        graph = self.graphs.get(number) or self.build(number)
        where = self.interface(layout, number, graph)
        prove_loops(program or self.programs[number], graph, layout, where.inputs, where.outputs, before)
        return graph

    def interface(self, layout: Layout, number: int, graph: Graph) -> Addressing:
        """Where the graph of `number` has its arguments and results; nothing is said of what is between them."""
        return address(layout, self.name, graph, bytearray(len(graph)), self.pinned(number))


def compile_family(
    layout: Layout,
    name: str,
    build: Callable[[int], Graph],
    form: Form,
    numbers: Sequence[int],
    pinned: Callable[[int], Mapping[str, int]] | None = None,
) -> Family:
    """Programs for the graphs of all `numbers`, which are a range if any are to be continued.

    Args:
        layout: takes the arrays of the family.
        form: makes the loops of a graph, see `pipeline.form_loops`.
        pinned: from a number to where its outputs are, by name, if not in a place of their own.
    """
    made: dict[int, tuple[Graph, bytearray]] = {}

    def make(number: int) -> tuple[Graph, bytearray]:
        if number not in made:
            graph = build(number)
            made[number] = graph, stored_nodes(graph)
        return made[number]

    where = pinned or (lambda number: {})
    for attempt in range(_ATTEMPTS):
        end = _REGULAR + attempt + 3
        if end >= numbers[-1]:
            break
        try:
            return _continued(layout, name, {n: make(n) for n in numbers if n < end}, build, form, numbers, where)
        except NotRegularError:
            continue
    family = {number: make(number) for number in numbers}
    place(layout, name, family)
    programs = {number: _formed(form, layout, name, number, *member, where) for number, member in family.items()}
    return _family(layout, name, programs, build, where, (), family)


def _continued(
    layout: Layout,
    name: str,
    family: dict[int, tuple[Graph, bytearray]],
    build: Callable[[int], Graph],
    form: Form,
    numbers: Sequence[int],
    pinned: Callable[[int], Mapping[str, int]],
) -> Family:
    trial = layout.copy()
    place(trial, name, family, numbers[-1])
    programs = {number: _formed(form, trial, name, number, *member, pinned) for number, member in family.items()}
    three = dict(list(programs.items())[-3:])
    last = max(family)
    prefix = programs[last].name.removesuffix(str(last))
    further = extrapolate(three, lambda number: f"{prefix}{number}")
    continued = tuple(number for number in numbers if number not in family)
    programs.update({number: further(number) for number in continued})
    layout.become(trial)
    return _family(layout, name, programs, build, pinned, continued, family)


def _family(
    layout: Layout,
    name: str,
    programs: Mapping[int, LoopProgram],
    build: Callable[[int], Graph],
    pinned: Callable[[int], Mapping[str, int]],
    continued: tuple[int, ...],
    made: Mapping[int, tuple[Graph, bytearray]],
) -> Family:
    indices = {number: graph.indices for number, (graph, _) in made.items()}
    most = max((index.limit for each in indices.values() for index in each), default=0)
    # Of what is continued, there is no graph: each number of its index is taken for one with the highest limit.
    unknown = (IndexTensor("", 0, sys.maxsize, most),) if most else ()
    named = {number: name_arrays(program, layout, indices.get(number, unknown)) for number, program in programs.items()}
    return Family(name, named, build, pinned, continued, {number: graph for number, (graph, _) in made.items()})


def _formed(
    form: Form,
    layout: Layout,
    name: str,
    number: int,
    graph: Graph,
    stored: bytearray,
    pinned: Callable[[int], Mapping[str, int]],
) -> LoopProgram:
    return form(graph, stored, layout, address(layout, name, graph, stored, pinned(number)))
