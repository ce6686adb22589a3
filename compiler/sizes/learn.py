"""Learn: the loops of a function over its sizes, from its graphs at a few small ones.

In: graphs at sizes to learn from, and at others, and what makes their loops. Out: `SizedPrograms` of one program. At
the others, what is instantiated must be the graph, operation for operation. If it is not, and other loops than those
are found in the graph, the function is irregular; if the same loops are found, it is a mistake of the compiler.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from ..errors import ProofError
from ..ir.graph import Graph
from ..loops.layout import Layout
from ..loops.loop_ir import Array, LoopProgram, Nest
from ..loops.looped_graph import LoopedGraph
from ..loops.map_numbers import NumberMap
from ..loops.place import NotRegularError, address
from ..loops.prove_loops import prove_loops
from ..loops.transpose import Transposer
from .generalise import Sample, SizedPrograms, generalise
from .sized_layout import PlacedArrays
from .tables import with_tables

__all__ = ["Instance", "instantiate", "learn", "sizes_text"]

Sizes = Mapping[str, int]

# All programs of a layout have names; here there is one.
_ONLY = "program"
_FAMILY = "graph"


@dataclass(frozen=True)
class Instance:
    """A program at some sizes, and its memory."""

    program: LoopProgram
    layout: Layout


def sizes_text(sizes: Sizes) -> str:
    """Sizes for people: ``inputs=784, hidden=512``."""
    return ", ".join(f"{name}={size}" for name, size in sizes.items())


def learn(
    graph_at: Callable[[Sizes], Graph],
    loops_of: Callable[[Graph], LoopedGraph],
    learned: Sequence[Sizes],
    proved: Sequence[Sizes],
) -> SizedPrograms:
    """The program of a function over its sizes.

    Args:
        graph_at: makes the clean graph at some sizes.
        loops_of: makes the loops of a graph, with no matrix copied and no row padded.
        learned: the sizes to learn from.
        proved: others.

    Raises:
        NotRegularError: if its loops are not the same at all sizes, or a number in them has no expression.
        ProofError: if an instance is not its graph, although its loops are; a mistake of the compiler.
    """
    samples: list[Sample] = []
    # The smallest first: most functions that are irregular are so at any two sizes.
    for sizes in sorted(learned, key=lambda sizes: math.prod(sizes.values())):
        samples.append(_sample(sizes, loops_of(graph_at(sizes))))
        _refuse_others(samples[0], samples[-1])
    try:
        found = generalise(samples)
    except NotRegularError as error:
        raise NotRegularError(_reason(samples, error)) from None
    for sample in samples:
        if (difference := _difference(found, sample)) is not None:
            raise ProofError(f"the loops over the sizes are not those that they were learned from: {difference}")
    for sizes in proved:
        graph = graph_at(sizes)
        try:
            _prove(found, sizes, graph)
        except ProofError:
            difference = _difference(found, _sample(sizes, loops_of(graph)))
            if difference is None:  # the loops are those that are found there, and yet not the graph
                raise
            raise NotRegularError(difference) from None
    return found


def instantiate(sized: SizedPrograms, sizes: Sizes, name: str) -> Instance:
    """The program at some sizes, with copies of the matrices that it would walk across.

    Raises:
        NotRegularError: if it is not known there.
    """
    layout = sized.layout.at(sizes)
    program = sized.at(_ONLY, sizes, layout, name)
    return Instance(Transposer(layout).transpose(program), layout)


def _prove(sized: SizedPrograms, sizes: Sizes, graph: Graph) -> None:
    """Checks that an instance is its graph, operation for operation.

    Raises:
        ProofError: if it is not.
    """
    instance = instantiate(sized, sizes, graph.name)
    where = address(instance.layout, _FAMILY, graph, bytearray(len(graph)))
    prove_loops(instance.program, graph, instance.layout, where.inputs, where.outputs)


def _sample(sizes: Sizes, looped: LoopedGraph) -> Sample:
    program, tables = with_tables(looped.program, looped.layout)
    return Sample(sizes, PlacedArrays.of(looped.layout, tables), {_ONLY: program})


_WITHOUT_SHAPES = NumberMap(lambda number: number, lambda text: text, lambda array: Array(array.name, ()))
_WITHOUT_NUMBERS = NumberMap(
    lambda number: 0, lambda text: "", lambda array: Array(array.name, (0,) * len(array.shape))
)


def _difference(sized: SizedPrograms, other: Sample) -> str | None:
    """In what the loops that were learned differ from those that are found at some sizes; None if in nothing."""
    found = other.programs[_ONLY]
    expected = sized.at(_ONLY, other.sizes, sized.layout.at(other.sizes), found.name)
    for ours, theirs in zip_longest(expected.nests, found.nests):
        if ours is None or theirs is None or _WITHOUT_SHAPES(ours) != _WITHOUT_SHAPES(theirs):
            nest = theirs or ours
            assert nest is not None
            return f"{_where(nest)}the loops at {sizes_text(other.sizes)} are not those of other sizes"
    if _WITHOUT_SHAPES(expected.zeros) != _WITHOUT_SHAPES(found.zeros):
        return f"at {sizes_text(other.sizes)}, other results are zero than elsewhere"
    return None


def _where(nest: Nest) -> str:
    """The lines of a nest, for an error: ``model.py:7 loss, forward: ``."""
    return f"{nest.label.partition(';')[0]}: " if nest.label else ""


def _refuse_others(first: Sample, other: Sample) -> None:
    """Compares what two samples have besides numbers.

    Raises:
        NotRegularError: naming the first nest that they do not have in common.
    """
    ours, theirs = first.programs[_ONLY], other.programs[_ONLY]
    for nests in zip_longest(ours.nests, theirs.nests):
        one, another = (nest and _WITHOUT_NUMBERS(nest) for nest in nests)
        if one != another:
            raise NotRegularError(
                f"{_where(nests[1] or nests[0])}the loops at {sizes_text(first.sizes)} and at "
                f"{sizes_text(other.sizes)} differ in more than numbers"
            )
    if len(ours.zeros) != len(theirs.zeros):
        raise NotRegularError("which results are zero differs between sizes in more than numbers")


def _reason(samples: Sequence[Sample], error: NotRegularError) -> str:
    """In which nest it is that a number has no expression."""
    programs = [sample.programs[_ONLY] for sample in samples]
    for nests in zip(*(program.nests for program in programs), strict=True):
        alone = [
            replace(sample, programs={_ONLY: replace(program, nests=(nest,), zeros=())})
            for sample, program, nest in zip(samples, programs, nests, strict=True)
        ]
        try:
            generalise(alone)
        except NotRegularError as problem:
            # What is wrong with all of them is wrong with their arrays.
            return f"{_where(nests[0])}{problem}" if str(problem) == str(error) else str(error)
    return str(error)
