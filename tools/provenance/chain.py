"""The chain: from a line of any text of a program to what belongs to it in all others.

Give it a subject, and ask::

    chain = Chain(ModelSubject(Recipe("training", 4, config)))
    chain.pane_names                                    # 'gpt.py', 'trace', ..., 'python', 'loops', 'c', 'assembly'
    chain.pane("python").lines                          # the text
    chosen = chain.from_line("python", 120)             # a Selection; lines count from 1, as in an editor
    chosen.nodes                                        # operations of the final graph, `chain.graph`
    chosen.lines("c")                                   # the lines of the C that carry these out
    chain.from_source("gpt.py", 148)
    chain.from_scope("layer0.head2.position3.scores")   # parts in any order, each may have * and ?
    chain.from_node("trace", 17)                        # an operation of a stage's graph
    chain.c_program.turn(chosen.nodes[0])               # its nest, and in which turn of each loop it is computed

Everything meets in the final graph: a pane knows which of its nodes each line carries out (see `Pane` for the
columns), and a line of another pane belongs to it if it carries out one of them. What is spelled out wherever it is
used (numbers, inputs, indices) has no line of its own; its lines are those of its users. Panes are made when they are
first asked for: those of Python take some seconds at length 16, and so does the library in C; ``assembly`` needs a C
compiler.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property

from ...compiler.ir.graph import Graph
from ...compiler.ir.ops import GIVEN
from ...compiler.pipeline import PYTHON_STAGES, Stage, without_collection
from ...compiler.python.allocate import Layout, allocate
from ...compiler.python.form_statements import Statements, form_statements
from ...compiler.python.schedule import Schedule, schedule
from ..subject.c_program import CProgram
from ..subject.places import place_of
from ..subject.sources import source_files
from ..subject.subject import Subject
from . import panes
from .pane import Pane
from .ragged import Ragged
from .stage_nodes import final_nodes

__all__ = ["Chain", "Selection"]


class Chain:
    """One program, and every text that it has on the way from the model to the processor.

    Args:
        subject: the program.
        vector_width: of the processor that the C is for, in doubles; by default, of this one.

    Attributes:
        subject: the program.
        graphs: of every stage that makes one, by name and in order, from ``trace`` to ``dce``.
        graph: the last of them. ``graph.source`` has the traced operation that each node comes from, ``~n`` for what
            `differentiate` added for it; ``graph.origins[graph.origin[node]]`` the model's line and scope.
        ids: by stage, where each node of the graph before has gone.

    Raises:
        CompileError: if the program cannot be compiled.
    """

    def __init__(self, subject: Subject, vector_width: int | None = None) -> None:
        self.subject = subject
        self._vector_width = vector_width
        self.graphs: dict[str, Graph] = {}
        self.ids: dict[str, Sequence[int]] = {}

        def keep(stage: Stage) -> None:
            self.graphs[stage.name], self.ids[stage.name] = stage.product, stage.ids

        self.graph = subject.compile(keep)
        self._panes: dict[str, Pane] = {}

    @cached_property
    def files(self) -> dict[str, str]:
        """The model's files, each with its module."""
        return source_files(self.graphs["trace"])

    @cached_property
    def pane_names(self) -> tuple[str, ...]:
        """All panes: the model's files, the stages by the names of their functions, and the generated code."""
        python = [stage.__name__ for stage in PYTHON_STAGES[:-1]] if not self.subject.mapped else []
        return (*self.files, *self.graphs, *python, "python", "loops", "c", "straight", "assembly")

    def pane(self, name: str) -> Pane:
        """A pane; made if it is not there yet.

        Raises:
            KeyError: if there is none of that name.
            ToolchainError: for ``assembly``, if there is no C compiler, or it fails.
        """
        if name not in self._panes:
            with without_collection():
                self._panes[name] = self._make(name)
        return self._panes[name]

    def _make(self, name: str) -> Pane:
        if name in self.files:
            return panes.source_pane(self.graph, name, self.files[name])
        if name in self.graphs:
            return panes.graph_pane(name, self.graphs[name], self._final_nodes[name], len(self.graph))
        if name in ("form_statements", "schedule", "allocate"):
            product = {"form_statements": self.statements, "schedule": self.schedule, "allocate": self.layout}[name]
            return panes.python_stage_pane(name, product, self.statements)
        if name == "python":
            return panes.python_pane(self.subject, self.statements, self._layout_or_none)
        if name == "straight":
            return panes.straight_pane(self.graph)
        if name == "loops":
            return panes.loops_pane(self.c_program.program, self.nest_nodes, len(self.graph))
        if name == "c":
            return panes.c_pane(self.c_program, self.nest_nodes, len(self.graph))
        if name == "assembly":
            return panes.assembly_pane(self.c_program, self.nest_nodes, len(self.graph))
        raise KeyError(name)

    @cached_property
    def _final_nodes(self) -> dict[str, Ragged]:
        return final_nodes(self.graphs, self.ids)

    @cached_property
    def statements(self) -> Statements:
        """The statements of the Python."""
        return form_statements(self.graph)

    @cached_property
    def schedule(self) -> Schedule:
        """Their order."""
        return schedule(self.statements)

    @cached_property
    def layout(self) -> Layout:
        """Functions and memory slots of the Python."""
        return allocate(self.schedule)

    @property
    def _layout_or_none(self) -> Layout | None:
        return None if self.subject.mapped else self.layout

    @cached_property
    def c_program(self) -> CProgram:
        """The program in C."""
        return self.subject.c_program(self.graph, self._vector_width)

    @cached_property
    def nest_nodes(self) -> Ragged:
        """What each nest of it carries out."""
        return panes.nest_nodes(self.graph, self.c_program)

    @cached_property
    def users(self) -> Ragged:
        """For each node of the final graph, the nodes that it is an operand of."""
        graph = self.graph
        return Ragged.of(graph.operands(node) for node in range(len(graph))).inverse(len(graph))

    def nodes_at(self, pane: str, line: int) -> list[int]:
        """The nodes of the final graph that a line carries out, ascending. Lines count from 1."""
        shown = self.pane(pane)
        if not 0 < line <= len(shown.units):
            return []
        return sorted({node for unit in shown.units[line - 1] for node in shown.nodes[unit]})

    def lines_of(self, pane: str, nodes: Iterable[int]) -> list[int]:
        """The lines of a pane that carry out any of these nodes of the final graph, counted from 1, ascending."""
        shown = self.pane(pane)
        lines_of = shown.lines_of_unit
        units: set[int] = set()
        waiting, asked = list(nodes), set[int]()
        while waiting:
            node = waiting.pop()
            own = [unit for unit in shown.units_of_node[node] if lines_of[unit]]
            units.update(own)
            # Spelled out wherever it is used.
            if not own and self.graph.op[node] in GIVEN:
                further = [user for user in self.users[node] if user not in asked]
                asked.update(further)
                waiting += further
        return sorted({line + 1 for unit in units for line in lines_of[unit]})

    def lines_from(self, stage: str, origins: frozenset[int]) -> list[int]:
        """The lines of the operations of a stage's graph that come from these origins, counted from 1, ascending."""
        graph = self.graphs[stage]
        first = panes.first_node_line(graph) + 1
        rows = zip(graph.op, graph.origin, strict=True)
        return [first + node for node, (op, own) in enumerate(rows) if own in origins and op not in GIVEN]

    def note(self, pane: str, line: int) -> str:
        """What a line is there for that carries out nothing; empty for others."""
        return self.pane(pane).notes.get(line - 1, "")

    def from_line(self, pane: str, first: int, last: int | None = None) -> Selection:
        """What a line, or the lines from one to another, carry out. Lines count from 1."""
        lines = range(first, (last or first) + 1)
        nodes = {node for line in lines for node in self.nodes_at(pane, line)}
        return Selection(self, tuple(sorted(nodes)), tuple((pane, line) for line in lines))

    def from_source(self, file: str, first: int, last: int | None = None) -> Selection:
        """What comes from a line of the model, or from the lines between two.

        Raises:
            KeyError: if no operation comes from a file of that name.
        """
        if file not in self.files:
            raise KeyError(file)
        last = last or first
        origins = frozenset(
            number
            for number, origin in enumerate(self.graph.origins)
            if origin.file == file and first <= origin.line <= last
        )
        chosen = self.from_line(file, first, last)
        return Selection(self, chosen.nodes, chosen.seeds, origins)

    def from_scope(self, pattern: str) -> Selection:
        """What was recorded in scopes, or outside of them functions, that have all parts of the pattern, in any order.

        Args:
            pattern: ``layer0.head2``; ``*`` and ``?`` stand for letters within a part.
        """
        wanted = [re.compile(translate(part)) for part in pattern.split(".")]
        origins = frozenset(
            number
            for number, origin in enumerate(self.graph.origins)
            if all(any(part.match(name) for name in place_of(origin).split(".")) for part in wanted)
        )
        rows = zip(self.graph.op, self.graph.origin, strict=True)
        nodes = tuple(node for node, (op, own) in enumerate(rows) if own in origins and op not in GIVEN)
        return Selection(self, nodes, (), origins)

    def from_node(self, stage: str, node: int) -> Selection:
        """An operation of a stage's graph.

        Raises:
            KeyError: if the stage makes no graph.
            IndexError: if it has no such node.
        """
        if not 0 <= node < len(self.graphs[stage]):
            raise IndexError(node)
        line = panes.first_node_line(self.graphs[stage]) + node + 1
        return Selection(self, tuple(self._final_nodes[stage][node]), ((stage, line),))

    def from_nodes(self, nodes: Iterable[int]) -> Selection:
        """Nodes of the final graph."""
        return Selection(self, tuple(sorted(set(nodes))))


@dataclass(frozen=True)
class Selection:
    """Operations that something has been asked about.

    Attributes:
        chain: of the program.
        nodes: of its final graph, ascending.
        seeds: lines that were asked about by their numbers, by pane: they belong to the selection even where no
            operation of the final graph does, because it was not needed in the end.
        origins: places of ``graph.origins``, if it is these that have been asked about: the graphs of all stages know
            them, also for operations that a later stage has removed.
    """

    chain: Chain
    nodes: tuple[int, ...]
    seeds: tuple[tuple[str, int], ...] = ()
    origins: frozenset[int] | None = None

    def lines(self, pane: str) -> list[int]:
        """The lines of a pane that belong to the selection, counted from 1, ascending."""
        if self.origins is not None and pane in self.chain.graphs:
            lines = self.chain.lines_from(pane, self.origins)
        else:
            lines = self.chain.lines_of(pane, self.nodes)
        return sorted({*lines, *(line for name, line in self.seeds if name == pane)})

    def everywhere(self, panes: Iterable[str]) -> dict[str, list[int]]:
        """The same for several panes."""
        return {pane: self.lines(pane) for pane in panes}

    def only(self, backward: bool) -> Selection:
        """The part that is of one direction."""
        graph = self.chain.graph
        return Selection(self.chain, tuple(node for node in self.nodes if graph.is_backward(node) == backward))
