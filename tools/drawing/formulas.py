"""Formulas: a loop nest in mathematical notation: ``scores[t,h,s] = (Σ_j query[t,4h+j]·key[s,4h+j])·0.5``.

In: a nest, and names for addresses. Out: a `Formula`. A fold is written ``Σ_j``, or ``max_j``; ``Σ_j↓`` is one that
goes from the last term to the first. The order of terms is that of the program.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...compiler.ir.ops import ADD, OPS
from ...compiler.loops import loop_ir
from ...compiler.loops.loop_ir import AddAt, Const, Equal, Expr, Fold, Gather, Load, Nest, Op, Pick, Run, parts_of, walk
from .arrays import Affine, Array, Arrays, affine_text
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


def formula_of(nest: Nest, arrays: Arrays) -> Formula:
    """The formula of a nest. Nests are to come in the order in which they run."""
    return _Writer(nest, arrays).write()


@dataclass(frozen=True)
class _Loop:
    """A loop: its level, its variable, and where that begins. A `flipped` variable runs down to it."""

    level: int
    name: str
    start: int
    flipped: bool


@dataclass
class _Turn:
    """The variable of a fold: its name, how often it turns, whether it runs downwards, and where it begins."""

    name: str
    count: Affine
    descending: bool
    first: Affine


class _Writer:
    def __init__(self, nest: Nest, arrays: Arrays) -> None:
        self.nest, self.arrays, self.body = nest, arrays, nest.body
        self.indices = [
            (tensor.name, tensor.start, tensor.count) for tensor in arrays.indices for _ in range(tensor.count)
        ]
        self.trips = [loop.trips for loop in nest.loops]
        self.home = arrays.scope(self._address(self.body))
        # Letters that the model's own inputs have.
        self.reserved = {tensor.name for tensor in arrays.inputs} | {index.name for index in arrays.indices}
        self.taken: list[str] = []
        # How many values each variable takes, and the greatest.
        self.counts: dict[str, int] = {}
        self.highest: dict[str, int] = {}
        self.loops: list[_Loop] = []
        self.fold: _Turn | None = None
        for level in range(len(self.trips)):
            self.loops.append(self._loop(level))
        self.ranges: list[str] = []

    def _address(self, place: Load | Gather | loop_ir.Body) -> int:
        return self.arrays.layout.address(place.array, place.index).start

    def _loop(self, level: int) -> _Loop:
        places = [self.body, *(part for part in walk(self.body.value) if isinstance(part, Load | Gather))]
        name = self._letter(level, places)
        self.counts[name] = self._extent(level)[1]
        steps = [part.steps[level] for part in _affines(self.nest)]
        steady = not any(self.trips[level].steps)
        flipped = steady and all(step <= 0 for step in steps) and any(steps)
        start = 0
        for axis, part in zip(self.body.array.axes, self.body.index, strict=False):
            if axis and part.steps[level] == 1:
                start = part.start
        self.highest[name] = start + self.counts[name] - 1
        return _Loop(level, name, start, flipped)

    def _letter(self, level: int, places: Sequence[Load | Gather | loop_ir.Body]) -> str:
        """The variable of a loop or fold, after the coordinate that it moves: of the target, else of what is read."""
        letters = known = ""
        for each in places:
            axes = (*each.array.axes, *[""] * len(each.index))
            for place, (axis, part) in enumerate(zip(axes, each.index, strict=False)):
                if len(part.steps) <= level or not part.steps[level]:
                    continue
                if axis:
                    letters += _LETTERS.get(axis, axis[:1])
                else:
                    known += self.arrays.letters.get((self.arrays.of(each.array).start, place), "")
        free = (letter for letter in letters + known + _LETTERS[""] + _SPARE if letter not in self.reserved)
        found = next(letter for letter in free if letter not in self.taken)
        self.taken.append(found)
        return found

    def _extent(self, level: int) -> tuple[int, int]:
        """The least and the greatest number of trips."""
        trips = self.trips[level]
        low = high = trips.start
        for outer, step in enumerate(trips.steps):
            reach = step * (self._extent(outer)[1] - 1)
            low, high = low + min(reach, 0), high + max(reach, 0)
        return low, high

    def _affine(self, number: loop_ir.Affine) -> Affine:
        """A number in the variables of the loops, and of the fold that it stands in."""
        affine: Affine = {"": number.start}
        for loop, step in zip(self.loops, number.steps, strict=False):
            if step and loop.flipped:
                affine[loop.name] = -step
                affine[""] += step * (self.trips[loop.level].start - 1)
            elif step:
                affine[loop.name] = step
                affine[""] -= step * loop.start
        if self.fold and len(number.steps) > len(self.loops) and number.steps[-1]:
            self._turned(affine, number.steps[-1], self.fold)
        return {name: part for name, part in affine.items() if part or not name}

    @staticmethod
    def _turned(affine: Affine, step: int, fold: _Turn) -> None:
        if fold.descending:
            # Counted from the last repetition, the variable runs downwards.
            for name, part in fold.count.items():
                affine[name] = affine.get(name, 0) + step * part
            affine[""] -= step
            step = -step
        affine[fold.name] = step
        for name, part in fold.first.items():
            affine[name] = affine.get(name, 0) - step * part

    def write(self) -> Formula:
        body = self.body
        chosen = (body.stride, body.chosen) if isinstance(body, AddAt) else None
        target, assigns = self._element(body, chosen), "+=" if chosen else "="
        array = self.arrays.of(body.array)
        for place, part in enumerate(map(self._affine, body.index)):
            name = next((name for name, number in part.items() if name and number == 1), None)
            if name and len({*part} - {""}) == 1 and (part[""] == 0):
                self.arrays.letters.setdefault((array.start, place), name)
        value = self._expression(body.value).text
        ranges, sizes = [], []
        for loop in self.loops:
            last = self._affine(self.trips[loop.level])
            last[""] += loop.start - 1
            low, high = self._extent(loop.level)
            sizes.append(str(low) if low == high else f"{low}…{high}")
            ends = [str(loop.start), affine_text(last, self.taken)]
            ranges.append(f"{loop.name} = {'…'.join(reversed(ends) if loop.flipped else ends)}")
        return Formula(target, value, assigns, (*ranges, *self.ranges), " × ".join(sizes), array)

    def _element(
        self, place: Load | Gather | loop_ir.Body, chosen: tuple[tuple[int, ...], loop_ir.Affine] | None = None
    ) -> str:
        """An element; of one that an index chooses, a coordinate is what it chooses."""
        array = self.arrays.of(place.array)
        index = [self._affine(part) for part in place.index]
        if chosen:
            # The index counts like one more variable.
            index = [part | ({"@": step} if step else {}) for part, step in zip(index, chosen[0], strict=True)]
        texts = []
        for part in array.shown(index):
            text = affine_text({name: number for name, number in part.items() if name != "@"}, self.taken)
            if chosen and "@" in part:
                found = self._index(chosen[1])
                text = found if text == "0" else f"{text}+{found}"
            texts.append(text)
        title = self.arrays.title(self._address(place), self.home)
        return f"{title}[{','.join(texts)}]" if texts else title

    def _index(self, number: loop_ir.Affine) -> str:
        name, start, count = self.indices[number.start]
        affine = self._affine(number)
        affine[""] -= start
        return f"{name}[{affine_text(affine, self.taken)}]" if count > 1 else name

    def _expression(self, expr: Expr) -> Spelled:
        """Expressions are never deep."""
        match expr:
            case Const(text):
                return Spelled.atom(number_text(float.fromhex(text)))
            case Fold():
                return self._fold(expr)
            case Load():
                return Spelled.atom(self._element(expr))
            case Equal():
                shown = affine_text(self._affine(expr.number), self.taken)
                return Spelled(f"{self._index(expr.chosen)}={shown}", SUM_TIGHT)
            case Gather():
                return Spelled.atom(self._element(expr, (expr.stride, expr.chosen)))
            case Pick():
                return Spelled.atom(f"choice[{self._index(expr.chosen)}]")
            case Op():
                return spell(expr.op, [self._expression(part) for part in parts_of(expr)])

    def _fold(self, fold: Fold) -> Spelled:
        nested = any(isinstance(part, Run) for run in fold.runs for part in run.parts)
        if nested or sum(len(run.parts) for run in fold.runs) > _KINDS:
            return self._told(fold)
        texts = []
        for run in fold.runs:
            moves = any(part.steps[-1] for part in _places(run))
            if self._affine(run.count) == {"": 1} or not moves:
                texts += [self._expression(term).text for term in run.terms]
                continue
            texts.append(self._sum(fold.op, run))
        if fold.op == ADD:
            return Spelled(_added(texts), SUM_TIGHT if len(texts) > 1 else PRODUCT_TIGHT)
        name = OPS[fold.op].name
        return Spelled(texts[0], PRODUCT_TIGHT) if len(texts) == 1 else Spelled.atom(f"{name}({', '.join(texts)})")

    def _sum(self, op: int, run: Run) -> str:
        reads = [part for term in run.terms for part in walk(term) if isinstance(part, Load | Gather)]
        letter = self._letter(len(self.loops), reads)
        count = self._affine(run.count)
        descending = all(part.steps[-1] <= 0 for part in _places(run))
        self.counts[letter] = count[""] + sum(
            max(number, 0) * self.highest[name] for name, number in count.items() if name
        )
        self.fold = _Turn(letter, count, descending, {})
        self.fold.first = first = self._shift(reads)
        last = {name: first.get(name, 0) + count.get(name, 0) for name in dict.fromkeys((*first, *count))}
        last[""] = last.get("", 0) - 1
        ends = [affine_text(first, self.taken), affine_text(last, self.taken)]
        text = _added(self._expression(term).text for term in run.terms)
        self.ranges.append(f"{letter} = {'…'.join(reversed(ends) if descending else ends)}")
        self.taken.remove(letter)
        self.fold = None
        word = "Σ" if op == ADD else OPS[op].name
        return f"{word}_{letter}{'↓' * descending} {f'({text})' if len(run.parts) > 1 else text}"

    def _shift(self, reads: Sequence[Load | Gather]) -> Affine:
        """Lets a fold's variable be the named coordinate that it moves; returns where it begins then."""
        assert self.fold is not None
        for each in reads:
            for axis, number in zip(each.array.axes, each.index, strict=False):
                part = self._affine(number)
                if axis and part.get(self.fold.name) == 1 and (part[""] or len(part) > 2):
                    return {name: number for name, number in part.items() if name != self.fold.name}
        return {"": 0}

    def _told(self, fold: Fold) -> Spelled:
        """A long fold in words: what its terms are made of, and how many there are of each kind."""
        kinds: dict[str, int] = {}
        for term, times in _times(fold.runs, 1):
            reads = [part for part in walk(term) if isinstance(part, Load | Gather)]
            kind = "·".join(self.arrays.title(self._address(part), self.home) for part in reads)
            kinds[kind] = kinds.get(kind, 0) + times
        word = "Σ" if fold.op == ADD else OPS[fold.op].name
        shown = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        return Spelled(f"{word} of {shown}, in turns", SUM_TIGHT)


def _added(texts: Iterable[str]) -> str:
    return " + ".join(texts).replace("+ −", "− ")


def _times(parts: Sequence[Expr | Run], times: int) -> Iterator[tuple[Expr, int]]:
    """The terms in parts of a fold, and how often each is repeated at first."""
    for part in parts:
        if isinstance(part, Run):
            yield from _times(part.parts, times * part.count.start)
        else:
            yield part, times


def _places(run: Run) -> list[loop_ir.Affine]:
    """Where the terms of a run read, and what they compare."""
    numbers: list[loop_ir.Affine] = []
    for part in (part for term in run.terms for part in walk(term)):
        match part:
            case Load():
                numbers.append(part.array.flat(part.index))
            case Gather():
                numbers += [part.array.flat(part.index), part.chosen]
            case Equal():
                numbers += [part.chosen, part.number]
            case Pick():
                numbers += [part.start, part.chosen]
    return numbers


def _affines(nest: Nest) -> list[loop_ir.Affine]:
    """All that moves in the loops of a nest, but for the trips of these."""
    body = nest.body
    numbers = [body.array.flat(body.index), *([body.chosen] if isinstance(body, AddAt) else [])]
    numbers += _places(Run(loop_ir.HOLE, (body.value,)))
    return numbers + [run.count for part in walk(body.value) if isinstance(part, Fold) for run in part.runs]
