"""Subject: a program to look at, whoever made it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...compiler.ir.graph import Graph, IndexTensor, Tensor
from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import LoopProgram
from ...compiler.loops.place import Addressing
from ...compiler.pipeline import Observer, compile_graph
from ...runtime.executable.estimate import Estimate
from ...runtime.reporting import Report, silent
from .c_program import CProgram

__all__ = ["Subject"]


class Subject(ABC):
    """A program, and every text that it has.

    Attributes:
        title: what it computes, for a heading.
        name: what a file about it is called: ``training7``.
        about: what ``--json`` says of it.
        gradient: the argument that it differentiates in; None for the value alone.
        derivative: what it computes of that: see `compile_graph`.
        outputs: those that it keeps; None for all.
        initial: the argument that the derivative is added to; None for zero.
        mapped: the arguments that hold a number for each lane; empty for a program that is carried out once.
        lanes: how many times the graph is carried out.
        heading: of the Python module.
        is_sized: whether its loops are instances of a program over named sizes.
        is_large: whether its graph is better not made, and its loops are found without.
    """

    title: str
    name: str
    about: Mapping[str, Any]
    gradient: str | None
    derivative: str = "gradient"
    outputs: Sequence[str] | None = None
    initial: str | None = None
    mapped: Sequence[str] = ()
    lanes: int = 1
    heading: Sequence[str]
    is_sized: bool = False
    is_large: bool = False

    @abstractmethod
    def trace(self) -> Graph:
        """The forward graph.

        Raises:
            TraceError: if the function cannot be recorded.
        """

    def compile(self, observe: Observer | None = None) -> Graph:
        """The final graph.

        Args:
            observe: takes what each stage makes.

        Raises:
            CompileError: if it cannot be compiled.
        """
        return compile_graph(
            self.trace,
            self.gradient,
            observe,
            derivative=self.derivative,
            outputs=self.outputs,
            initial=self.initial,
        )

    @abstractmethod
    def c_program(self, graph: Graph, vector_width: int | None = None) -> CProgram:
        """The program in C.

        Args:
            graph: its final graph.
            vector_width: of the processor that the C is for, in doubles; by default, of this one.
        """

    def loops(self, graph: Graph) -> tuple[LoopProgram, Layout]:
        """The loops of the program, and the layout of the memory that they work on.

        Args:
            graph: its final graph.
        """
        found = self.c_program(graph)
        return found.program, found.layout

    def c_alone(self) -> CProgram:
        """The program in C without its graph, if it `is_large`."""
        raise NotImplementedError

    def loops_alone(self) -> tuple[LoopProgram, Layout]:
        """Its loops without its graph, if it `is_large`."""
        raise NotImplementedError

    def loops_as_found(self) -> tuple[LoopProgram, Layout]:
        """The same before its loops were given copies of matrices, if it `is_sized`."""
        raise NotImplementedError

    def interface(self, graph: Graph) -> Addressing:
        """Where in the memory of these its final graph has its arguments and results."""
        raise NotImplementedError

    def arguments(self) -> tuple[Sequence[Tensor], Sequence[IndexTensor]]:
        """What it is called with, if it `is_sized`: its inputs and its indices."""
        raise NotImplementedError

    def results(self) -> Sequence[tuple[int, int]]:
        """Where in that memory results begin, and how many there are."""
        raise NotImplementedError

    def numbered(self) -> Mapping[str, int]:
        """How many positions, heads and so on it has, by what its scopes call them, if it `is_sized`."""
        raise NotImplementedError

    def place_first(self, layout: Layout) -> Mapping[str, int]:
        """Gives a layout what stands before the values of its graph; returns where outputs are, by name, that have no
        place of their own.
        """
        return {}

    def small_one(self) -> Subject:
        """One that such loops have been proved for, if it `is_large`: small, of a graph that is like its own."""
        raise NotImplementedError

    def loops_over_sizes(self) -> LoopProgram:
        """The program over named sizes, if it `is_sized`.

        Raises:
            NotRegularError: if there is none after all.
        """
        raise NotImplementedError

    @abstractmethod
    def python_source(self, report: Report = silent, jobs: int | None = None) -> str:
        """The Python module that runs; compiled if it is not in the cache.

        Args:
            jobs: how many programs to compile at a time.
        """

    @abstractmethod
    def c_source(self, report: Report = silent) -> str:
        """The C that runs; compiled if it is not in the cache.

        Raises:
            ToolchainError: if there is no C compiler, or it fails.
        """

    @abstractmethod
    def stopwatch(self, report: Report = silent) -> Callable[[], float]:
        """What measures one run of the C program, in seconds, the best of some.

        Raises:
            ToolchainError: if there is no C compiler, or it fails.
        """

    @abstractmethod
    def ordinary_inputs(self) -> tuple[Mapping[str, Sequence[float]], Sequence[int]]:
        """Numbers that the program can be measured on: a sequence for each argument, and all indices."""

    @abstractmethod
    def graph_estimate(self) -> Estimate | None:
        """What making the program's graphs takes; None if it is little."""

    @abstractmethod
    def c_estimate(self) -> Estimate | None:
        """What compiling its C takes; None if it is little."""

    @abstractmethod
    def page_estimate(self) -> Estimate | None:
        """What making every text of it takes; None if it is little."""
