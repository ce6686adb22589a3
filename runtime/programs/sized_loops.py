"""Sized loops: the loop programs of a model of any size, from traces of small models.

Models of one number of layers differ in their sizes alone. A few small ones are compiled; what their programs have in
common is a program over the sizes, which is proved at sizes that nothing was learned from, and instantiated at the
model's own. No graph of the model itself is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from ...compiler.ir.ops import CONST, EQUAL, GATHER, INDEX, INPUT, SELECT
from ...compiler.loops.compile_family import Family
from ...compiler.loops.coverage import coverage
from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import LoopProgram
from ...compiler.loops.place import NotRegularError
from ...compiler.loops.reuse import LARGE, LiveRanges, check_reuse, live_ranges, reuse
from ...compiler.numerics import current
from ...compiler.sizes.fit import Constant
from ...compiler.sizes.generalise import SizedPrograms, generalise
from ...model.config import GPTConfig
from ..machine.child import Child
from .model_loops import ModelLoops, Regular, build_graph, gradient_spans, with_copies
from .samples import FIRST, WORDS, samples_of
from .shapes import LEARNED, PROVED, Shape

__all__ = ["SizedModel", "sized_loops", "sized_model"]

# What is smaller than all that was learned from.
_LEAST = {name: min(getattr(shape, name) for shape in LEARNED) for name in ("n_head", "head_size", "vocab_size")}
# What this process has learned, by the number of layers, the kind of the programs for lengths and the numerics.
_LEARNED: dict[tuple[int, str, str], SizedModel] = {}
# So many of the first, and of the last programs are made, and one from the middle. A polynomial of degree two is known
# from three, and the others are checks. What depends on whether a length is large enough is alike if both ends are.
_ENDS = 2
# Nodes of graphs that are no operations of loops, but what these read.
_NOT_COVERED = {CONST, EQUAL, GATHER, INDEX, INPUT, SELECT}
_TITLES = {
    "training": "gpt_loss_length{}",
    "accumulation": "gpt_accumulation_length{}",
    "lanes": "gpt_lanes_length{}",
    "inference": "gpt_inference_position{}",
}


@dataclass
class SizedModel:
    """The programs of all models of a number of layers.

    Attributes:
        n_layer: that number.
        programs: over the sizes: ``length1`` and ``position0`` of the first ones, ``length`` and ``position`` of all
            later ones.
        is_proved: whether they have been proved.
        kind: of the programs for lengths, see `flat_loops`.
    """

    n_layer: int
    programs: SizedPrograms
    is_proved: bool = False
    kind: str = "training"

    @cached_property
    def _ranges(self) -> LiveRanges:
        return live_ranges(self.programs.programs.values())

    def at(
        self, shape: Shape, lengths: Sequence[int], positions: Sequence[int], reuses: bool | None = None
    ) -> ModelLoops:
        """The programs of some lengths and positions.

        Args:
            reuses: whether arrays share their room (see `reuse`), so that most values are gone when a program is done;
                by default, if the memory is large.

        Raises:
            NotRegularError: if the programs are not known at these sizes.
        """
        config, sizes = shape.config(self.n_layer), shape.sizes
        layout = self.programs.layout.at(sizes)
        if layout.size >= LARGE if reuses is None else reuses:
            layout = reuse(layout, self._ranges)
        start, size = layout.arguments["cache"]
        entry = size // config.block_size
        instances = [
            _Instances(self.programs, kind, numbers, sizes, layout)
            for kind, numbers in ((self.kind, lengths), ("inference", positions))
        ]
        training, inference = (
            Family(own.kind, own, partial(build_graph, config, own.kind, _silent), pinned, tuple(own), {})
            for own, pinned in zip(
                instances, (lambda number: {}, lambda number: {"entry": start + entry * number}), strict=True
            )
        )
        regular = {own.kind: found for own in instances if (found := own.regular())}
        return ModelLoops(layout, training, inference, start, gradient_spans(config), self.prove, regular)

    def program(self, kind: str, number: int) -> LoopProgram:
        """The program over the sizes that the one of a length or a position is an instance of."""
        return self.programs.programs[WORDS[kind] if number >= FIRST[kind] else f"{WORDS[kind]}{number}"]

    def prove(self) -> None:
        """Checks the programs at sizes that they have not been learned from, operation for operation, once.

        Raises:
            ProofError: if they are not the graphs of these models.
        """
        if not self.is_proved:
            for shape in PROVED:
                self.prove_at(shape)
        self.is_proved = True

    def prove_at(self, shape: Shape) -> None:
        """Checks the programs at some sizes.

        Raises:
            ProofError: if they are not the graphs of such a model.
        """
        loops = self.at(shape, (1, shape.length), (0, shape.position), True)
        final = with_copies(loops)
        for family in loops.families:
            for number in family.programs:
                loops.prove(final, family, number)


class _Instances(Mapping[int, LoopProgram]):
    """The programs of some lengths or positions, each made when it is first asked for."""

    def __init__(
        self,
        programs: SizedPrograms,
        kind: str,
        numbers: Sequence[int],
        sizes: Mapping[str, int],
        layout: Layout,
    ) -> None:
        self.kind = kind
        self._programs, self._numbers, self._sizes, self._layout = programs, numbers, sizes, layout
        self._made: dict[int, LoopProgram] = {}

    def __getitem__(self, number: int) -> LoopProgram:
        if number not in self._made:
            if number not in self._numbers:
                raise KeyError(number)
            title = _TITLES[self.kind].format(number)
            program = self._programs.at(self._name(number), self._at(number), self._layout, title)
            check_reuse(program, self._layout)
            self._made[number] = program
        return self._made[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def regular(self) -> Regular | None:
        """What says which programs the later ones are, if they are many: the first of these, one from the middle, and
        the last.
        """
        later = [number for number in self._numbers if number >= FIRST[self.kind]]
        if len(later) <= 2 * _ENDS + 1:
            return None
        made = (*later[:_ENDS], later[len(later) // 2], *later[-_ENDS:])
        known: dict[tuple[str, ...], Constant] = {}
        for constant in self._programs.constants(self._name(made[0])):
            texts = tuple(constant.value(self._at(number)) for number in made)
            if known.setdefault(texts, constant) != constant and len(set(texts)) > 1:
                return None  # two rules that these programs do not tell apart
        return Regular(
            tuple(later),
            made,
            lambda number: self._programs.zeros_at(self._name(number), self._at(number), self._layout),
            lambda texts, number: known[texts].value(self._at(number)),
        )

    def _name(self, number: int) -> str:
        word = WORDS[self.kind]
        return word if number >= FIRST[self.kind] else f"{word}{number}"

    def _at(self, number: int) -> dict[str, int]:
        return {**self._sizes, WORDS[self.kind]: number}


def sized_model(n_layer: int, child: Child | None = None, kind: str = "training") -> SizedModel:
    """Learns the programs of models of so many layers, once, in the numerics in force.

    Args:
        child, kind: see `samples_of`.

    Raises:
        NotRegularError: if those of small ones have too little in common.
    """
    key = n_layer, kind, current().name
    if key not in _LEARNED:
        _LEARNED[key] = SizedModel(n_layer, generalise(samples_of(n_layer, child, kind)), kind=kind)
    return _LEARNED[key]


def _silent(what: str, kind: str = "", number: int = 0) -> None:
    pass


def sized_loops(
    config: GPTConfig,
    model: SizedModel,
    lengths: Sequence[int] = (),
    positions: Sequence[int] = (),
    reuses: bool | None = None,
) -> ModelLoops:
    """The programs of a model, instantiated.

    Args:
        model: the programs of all models of as many layers.
        lengths, positions: that are wanted; all by default.
        reuses: see `SizedModel.at`.

    Raises:
        NotRegularError: if they are not known at its sizes; then they must be found there.
        ProofError: if they are not the graphs of models as small as this one; a mistake of the compiler.
    """
    block = config.block_size
    last = max(block, FIRST["training"]), max(block - 1, FIRST["inference"])
    shape = Shape(config.n_head, config.head_size, config.vocab_size, block, *last)
    small = {name: size for name, least in _LEAST.items() if (size := getattr(shape, name)) < least}
    if small:
        model.prove()  # what is wrong anywhere is no exception
        least = replace(PROVED[0], **small)
        if _is_exception(model, least):
            raise NotRegularError("models of such small sizes are exceptions")
        model.prove_at(least)
    return model.at(shape, lengths or range(1, block + 1), positions or range(block), reuses)


def _is_exception(model: SizedModel, shape: Shape) -> bool:
    """Whether models of sizes that are smaller than all that was learned from do something else, as those with heads of
    one number do: what is divided by the root of their size is divided by 1, which is no operation of their graphs. So
    it suffices to count operations. That a program has the right ones is for the proof to say.
    """
    loops = model.at(shape, (1, shape.length), (0, shape.position))
    return any(
        coverage(program)[1] != sum(code not in _NOT_COVERED for code in family.build(number).op)
        for family in loops.families
        for number, program in family.programs.items()
    )
