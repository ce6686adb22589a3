"""Formulas: a loop nest in mathematical notation: ``scores[t,h,s] = (Σ_j query[t,4h+j]·key[s,4h+j])·0.5``.

In: a nest, and names for addresses. Out: a `Formula`. A fold is written ``Σ_j``, or ``max_j``; ``Σ_j↓`` is one that
goes from the last term to the first. The order of terms is that of the program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...compiler.ir.graph import Graph
from ...compiler.ir.ops import ADD, OPS
from ...compiler.loops.loop_program import Nest, Recipe, parts_of
from .arrays import Affine, Array, Arrays, affine_text
from .roles import LAYER
from .slots import read_slots, slots_of
from .spelling import PRODUCT_TIGHT, SUM_TIGHT, Spelled, number_text, spell

__all__ = ["Formula", "formula_of"]

_LETTERS = {"position": "ts", "layer": "ln", "head": "hg", "": "ijkmnpqr"}
_SPARE = "uvwxyzabcdef"
# A sum of more kinds of terms than this is described, not written.
_KINDS = 4


@dataclass(frozen=True)
class Formula:
    """One nest in words.

    Attributes:
        target: what is computed: ``scores[t,h,s]``.
        value: how.
        assigns: ``=``, or ``+=`` for what is added to.
        ranges: of the variables, outermost first, then those of sums: ``t = 0…6``.
        shape: how many of each: ``7 × 4 × 1…7``.
        array: what the target is a part of.
    """

    target: str
    value: str
    assigns: str
    ranges: tuple[str, ...]
    shape: str
    array: Array

    def __str__(self) -> str:
        return f"{self.target} {self.assigns} {self.value}"


def formula_of(nest: Nest, arrays: Arrays, graph: Graph) -> Formula:
    """The formula of a nest of `graph`'s program. Nests are to come in the order in which they run."""
    return _Writer(nest, arrays, graph).write()


@dataclass(frozen=True)
class _Loop:
    """A loop: its level, its variable, and where that begins. A `flipped` variable runs down to it."""

    level: int
    name: str
    start: int
    flipped: bool


class _Writer:
    def __init__(self, nest: Nest, arrays: Arrays, graph: Graph) -> None:
        self.nest, self.arrays = nest, arrays
        self.indices = [
            (tensor.name, tensor.start, tensor.count) for tensor in graph.indices for _ in range(tensor.count)
        ]
        self.width = len(nest.base)
        self.slots = [slot for slot, _ in slots_of(nest.recipe)]
        self.home = arrays.scope(nest.base[0])
        # Letters that the model's own inputs have.
        self.reserved = {tensor.name for tensor in graph.inputs} | {index.name for index in graph.indices}
        self.taken: list[str] = []
        # How many values each variable takes, and the greatest.
        self.counts: dict[str, int] = {}
        self.highest: dict[str, int] = {}
        self.loops: list[_Loop] = []
        for level in range(len(nest.trips) - 1, -1, -1):
            self.loops.append(self._loop(level))
        self.ranges: list[str] = []
        self.run = 0

    def _loop(self, level: int) -> _Loop:
        nest, step = self.nest, self.nest.strides[level]
        name = self._letter(step, [0, *self.slots])
        self.counts[name] = self._extent(level)[1]
        steady = not any(stride[self.width + level] for stride in nest.strides[level + 1 :])
        flipped = steady and all(number <= 0 for number in step[: self.width]) and any(step[: self.width])
        array = self.arrays.at(nest.base[0])
        start = 0
        parts = array.subscripts({name: step[0], "": nest.base[0]})
        for coordinate, part in zip(array.coordinates, parts, strict=True):
            if coordinate and part.get(name) == 1:
                start = part.get("", 0)
        self.highest[name] = start + self.counts[name] - 1
        return _Loop(level, name, start, flipped)

    def _letter(self, step: Sequence[int], slots: Sequence[int]) -> str:
        """The variable of a loop or fold, after the coordinate that it moves: of the target, else of what is read."""
        letters = known = ""
        for slot in slots:
            if step[slot]:
                array = self.arrays.at(self.nest.base[slot])
                for place, part in enumerate(array.subscripts({"x": step[slot]})):
                    named = array.coordinates[place]
                    if part and named:
                        letters += _LETTERS.get(named, named[:1])
                    elif part:
                        known += self.arrays.letters.get((array.start, place), "")
        free = (letter for letter in letters + known + _LETTERS[""] + _SPARE if letter not in self.reserved)
        found = next(letter for letter in free if letter not in self.taken)
        self.taken.append(found)
        return found

    def _extent(self, level: int) -> tuple[int, int]:
        """The least and the greatest number of trips."""
        low = high = self.nest.trips[level]
        for outer in range(level + 1, len(self.nest.trips)):
            step = self.nest.strides[outer][self.width + level] * (self.nest.trips[outer] - 1)
            low, high = low + min(step, 0), high + max(step, 0)
        return low, high

    def _affine(self, base: int, column: int) -> Affine:
        """A slot, or behind the slots a trip count, in the variables of the loops."""
        affine: Affine = {"": base}
        for loop in self.loops:
            strides = self.nest.strides[loop.level]
            step = strides[column] if column < len(strides) else 0
            if step and loop.flipped:
                affine[loop.name] = -step
                affine[""] += step * (self.nest.trips[loop.level] - 1)
            elif step:
                affine[loop.name] = step
                affine[""] -= step * loop.start
        return affine

    def _slot(self, slot: int, fold: Mapping[int, Affine]) -> Affine:
        return fold.get(slot) or self._affine(self.nest.base[slot], slot)

    def write(self) -> Formula:
        nest, array = self.nest, self.arrays.at(self.nest.base[0])
        if nest.row_stride is None:
            target, assigns = self._element(0, {}), "="
        else:
            target, assigns = self._row(0, nest.row_stride, 1, {}), "+="
        for place, part in enumerate(array.subscripts(self._slot(0, {}))):
            name = next((name for name, number in part.items() if name and number == 1), None)
            if name and len(part) == 1:
                self.arrays.letters.setdefault((array.start, place), name)
        value = self._expression(nest.recipe, {}).text
        ranges, sizes = [], []
        for loop in self.loops:
            last = self._affine(nest.trips[loop.level] - 1, self.width + loop.level)
            last[""] += loop.start
            low, high = self._extent(loop.level)
            sizes.append(str(low) if low == high else f"{low}…{high}")
            ends = [str(loop.start), affine_text(last, self.taken)]
            ranges.append(f"{loop.name} = {'…'.join(reversed(ends) if loop.flipped else ends)}")
        return Formula(target, value, assigns, (*ranges, *self.ranges), " × ".join(sizes), array)

    def _element(self, slot: int, fold: Mapping[int, Affine]) -> str:
        address = self._slot(slot, fold)
        if self.nest.base[slot] in self.arrays.constants:
            return number_text(self.arrays.constants[self.nest.base[slot]])
        array = self.arrays.at(self.nest.base[slot])
        title = self.arrays.title(self.nest.base[slot], self.home)
        for loop in self.loops:
            # A loop may go from array to array: from the matrix of one layer to that of the next.
            step = self.nest.strides[loop.level][slot]
            if not loop.flipped and self.arrays.at(self.nest.base[slot] + step) != array:
                address = {name: number for name, number in address.items() if name != loop.name}
                address[""] += step * loop.start
                title = LAYER.sub(f"layer[{loop.name}]", title, count=1)
        subscripts = ",".join(affine_text(part, self.taken) for part in array.shown(address, self.counts))
        return f"{title}[{subscripts}]" if subscripts else title

    def _index(self, slot: int, fold: Mapping[int, Affine]) -> str:
        name, start, count = self.indices[self.nest.base[slot]]
        address = dict(self._slot(slot, fold))
        address[""] -= start
        return f"{name}[{affine_text(address, self.taken)}]" if count > 1 else name

    def _row(self, slot: int, stride: int, index: int, fold: Mapping[int, Affine]) -> str:
        """An element of which an index chooses one coordinate."""
        array = self.arrays.at(self.nest.base[slot])
        # The index counts like one more variable.
        parts = array.shown({**self._slot(slot, fold), "@": stride}, self.counts)
        texts = []
        for part in parts:
            text = affine_text(part, self.taken)
            if "@" in part:
                chosen = self._index(index, fold)
                text = chosen if text == "0" else f"{text}+{chosen}"
            texts.append(text)
        return f"{self.arrays.title(self.nest.base[slot], self.home)}[{','.join(texts)}]"

    def _expression(self, recipe: Recipe, fold: Mapping[int, Affine]) -> Spelled:
        """Recipes are never deep."""
        match recipe:
            case ("const", text):
                return Spelled.atom(number_text(float.fromhex(text)))
            case ("fold", _, _):
                return self._fold(recipe)
            case ("mem", slot):
                return Spelled.atom(self._element(slot, fold))
            case ("equal", index, place):
                shown = affine_text(self._slot(place, fold), self.taken)
                return Spelled(f"{self._index(index, fold)}={shown}", SUM_TIGHT)
            case ("row", slot, stride, index):
                return Spelled.atom(self._row(slot, stride, index, fold))
            case ("pick", _, index):
                return Spelled.atom(f"choice[{self._index(index, fold)}]")
        return spell(recipe[0], [self._expression(part, fold) for part in parts_of(recipe)])

    def _fold(self, recipe: Recipe) -> Spelled:
        _, op, runs = recipe
        steps = self.nest.steps[self.run : self.run + len(runs)]
        self.run += len(runs)
        if self._is_long(runs, steps):
            return self._told(op, runs, steps)
        texts = []
        for (count_slot, terms), step in zip(runs, steps, strict=True):
            slots = read_slots(terms)
            count = self._affine(self.nest.base[count_slot], count_slot)
            if count == {"": 1} or not any(step[slot] for slot in slots):
                texts += [self._expression(term, {}).text for term in terms]
                continue
            texts.append(self._sum(op, terms, slots, count, step))
        if op == ADD:
            return Spelled(" + ".join(texts), SUM_TIGHT if len(texts) > 1 else PRODUCT_TIGHT)
        return (
            Spelled(texts[0], PRODUCT_TIGHT) if len(texts) == 1 else Spelled.atom(f"{OPS[op].name}({', '.join(texts)})")
        )

    def _sum(self, op: int, terms: Sequence[Recipe], slots: Sequence[int], count: Affine, step: Sequence[int]) -> str:
        letter = self._letter(step, slots)
        descending = all(step[slot] <= 0 for slot in slots)
        self.counts[letter] = count[""] + sum(
            max(number, 0) * self.highest[name] for name, number in count.items() if name
        )
        fold: dict[int, Affine] = {}
        for slot in (slot for term in terms for slot, _ in slots_of(term)):
            address, moved = self._affine(self.nest.base[slot], slot), step[slot]
            if descending and moved:
                # Counted from the last repetition, the variable runs downwards.
                for name, number in count.items():
                    address[name] = address.get(name, 0) + moved * number
                address[""] -= moved
                moved = -moved
            address[letter] = moved
            fold[slot] = {name: number for name, number in address.items() if number or not name}
        first = self._shift(fold, slots, letter)
        last = {name: first.get(name, 0) + count.get(name, 0) for name in dict.fromkeys((*first, *count))}
        last[""] = last.get("", 0) - 1
        ends = [affine_text(first, self.taken), affine_text(last, self.taken)]
        text = " + ".join(self._expression(term, fold).text for term in terms)
        self.ranges.append(f"{letter} = {'…'.join(reversed(ends) if descending else ends)}")
        self.taken.remove(letter)
        word = "Σ" if op == ADD else OPS[op].name
        return f"{word}_{letter}{'↓' * descending} {f'({text})' if len(terms) > 1 else text}"

    def _shift(self, fold: dict[int, Affine], slots: Sequence[int], letter: str) -> Affine:
        """Lets a fold's variable be the named coordinate that it moves; returns where it begins then."""
        for slot in slots:
            address, array = fold[slot], self.arrays.at(self.nest.base[slot])
            for coordinate, part in zip(array.coordinates, array.subscripts(address), strict=True):
                if coordinate and part.get(letter) == 1 and len(part) > 1:
                    first = {name: number for name, number in part.items() if name != letter}
                    for other in fold.values():
                        for name, number in first.items():
                            other[name] = other.get(name, 0) - other.get(letter, 0) * number
                    return first
        return {"": 0}

    def _is_long(self, runs: Sequence[tuple[int, Sequence[Recipe]]], steps: Sequence[Sequence[int]]) -> bool:
        """Whether a fold has many kinds of terms, or walks from one array into another."""
        if sum(len(terms) for _, terms in runs) > _KINDS:
            return True
        for (count, terms), step in zip(runs, steps, strict=True):
            for slot in read_slots(terms):
                base = self.nest.base[slot]
                end = base + step[slot] * (self.nest.base[count] - 1)
                if self.arrays.at(base) != self.arrays.at(end):
                    return True
        return False

    def _told(self, op: int, runs: Sequence[tuple[int, Sequence[Recipe]]], steps: Sequence[Sequence[int]]) -> Spelled:
        """A long fold in words: what its terms are made of, and how many there are of each kind."""
        kinds: dict[str, int] = {}
        for (count, terms), step in zip(runs, steps, strict=True):
            for turn in range(self.nest.base[count]):
                for term in terms:
                    titles = [
                        self.arrays.title(self.nest.base[slot] + step[slot] * turn, self.home)
                        for slot in read_slots([term])
                    ]
                    kinds["·".join(titles)] = kinds.get("·".join(titles), 0) + 1
        word = "Σ" if op == ADD else OPS[op].name
        shown = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        return Spelled(f"{word} of {shown}, in turns", SUM_TIGHT)
