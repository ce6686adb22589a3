"""Elements: variables, indices, masks and elements of arrays as texts of whole-array JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .linear import Linear, Size, size_of
from .program import ArrayProgram, interval, is_positive
from .statements import Axis, Item, Picked, Term
from .text import ATOM, COMPARE, PRODUCT, SUM, UNARY, Text, aligned, bracketed

__all__ = ["Elements", "IndexName"]

_ONE = size_of(1)


@dataclass(frozen=True)
class IndexName:
    """A part of the index: its name, where in it this begins and ends, and below what its numbers are."""

    name: str
    start: Size
    stop: Size
    limit: int = 0


@dataclass
class Elements:
    """What the expressions of one statement consist of.

    Attributes:
        program: that it is of.
        indices: the parts of the index.
        unmet: from a term to the constraints that are masked where it is summed.
        hoist: from a mask to the name of a variable that holds it; None where masks are written in place.
        scalars: variables that are numbers: the steps of a recurrence.
        counts: what padded sizes are called in constants.
        hulls: of the variables in sight.
        order: the order of axes.
    """

    program: ArrayProgram
    indices: Sequence[IndexName]
    unmet: Callable[[Term], frozenset[Linear]]
    hoist: Callable[[Linear, Text], Text] | None
    scalars: frozenset[str] = frozenset()
    counts: Mapping[str, str] = field(default_factory=dict)
    hulls: dict[str, tuple[Size, Size]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)

    def see(self, axes: Sequence[Axis]) -> None:
        """Takes axes into sight."""
        for axis in axes:
            if axis.name in self.scalars:
                continue
            low = interval(axis.low.replaced(self.program.padded), self.hulls)
            high = interval(axis.high.replaced(self.program.padded), self.hulls)
            assert low is not None, axis
            assert high is not None, axis
            self.hulls[axis.name] = low[0], high[1] - _ONE
            if axis.name not in self.order:
                self.order.append(axis.name)

    def union(self, texts: Sequence[Text]) -> tuple[str, ...]:
        """All axes of some texts, in order."""
        return tuple(name for name in self.order if any(name in text.axes for text in texts))

    def variable(self, name: str) -> Text:
        """A variable as an array of its values."""
        if name in self.scalars:
            return Text(name)
        low, high = self.hulls[name]
        return Text(f"jnp.arange({high})" if not low.terms else f"jnp.arange({low}, {high})", ATOM, (name,))

    def linear(self, linear: Linear) -> Text:
        """A linear form as a number or an array of its values."""
        parts: list[Text] = []
        for name, step in linear.steps:
            one = self.variable(name)
            if step == _ONE:
                parts.append(one)
            elif step == -_ONE:
                parts.append(Text("-" + bracketed(one, UNARY), UNARY, one.axes))
            else:
                factor = bracketed(Text(str(step), SUM if len(step.terms) > 1 else PRODUCT), PRODUCT)
                parts.append(Text(f"{factor} * {bracketed(one, UNARY)}", PRODUCT, one.axes))
        parts.sort(key=lambda text: text.code.startswith("-"))
        if linear.start.terms or not parts:
            parts.append(Text(str(linear.start), SUM))
        return self._added(parts)

    def _added(self, parts: Sequence[Text]) -> Text:
        if len(parts) == 1:
            return parts[0]
        axes = self.union(parts)
        code = ""
        for part in parts:
            text = bracketed(aligned(part, axes), SUM)
            code += (f" - {text[1:]}" if text.startswith("-") else f" + {text}") if code else text
        return Text(code, SUM, axes)

    def mask(self, constraints: frozenset[Linear]) -> Text:
        """Where all constraints hold."""
        parts = [self._constraint(each) for each in sorted(constraints, key=lambda each: (len(each.steps), repr(each)))]
        if len(parts) == 1:
            return parts[0]
        axes = self.union(parts)
        return Text(" & ".join(bracketed(aligned(part, axes), UNARY) for part in parts), COMPARE, axes)

    def _constraint(self, constraint: Linear) -> Text:
        """``left <= right`` or ``left < right``, without minus signs."""
        left, right = Linear(), Linear()
        for name, step in constraint.steps:
            part = Linear(Size(), ((name, step),))
            if step.is_negative:
                left += part.times(size_of(-1))
            else:
                right += part
        start, sign = constraint.start, "<="
        for names, factor in start.terms:
            if names == () and factor == -1:
                start, sign = start + _ONE, "<"
                break
        for names, factor in start.terms:
            part = Linear(Size(((names, abs(factor)),)))
            if factor < 0:
                left += part
            else:
                right += part
        sides = [self.linear(left), self.linear(right)]
        axes = self.union(sides)
        code = f" {sign} ".join(bracketed(aligned(side, axes), SUM) for side in sides)
        text = Text(code, COMPARE, axes)
        return self.hoist(constraint, text) if self.hoist and axes else text

    def chosen(self, chosen: Linear) -> Text:
        """Numbers of the index."""
        chosen = chosen.replaced(self.program.padded)
        span = interval(chosen, self.hulls) if not (chosen.variables & self.scalars) else None
        names = list(chosen.variables)
        if span and len(names) <= 1 and all(step == _ONE for _, step in chosen.steps):
            for index in self.indices:
                if index.start == span[0] and index.stop == span[1] and names:
                    return Text(index.name, ATOM, (names[0],))
                if not names and index.start == chosen.start and index.stop == chosen.start + _ONE:
                    return Text(f"{index.name}[0]")
            if names:
                return Text(f"index[{span[0]}:{span[1]}]", ATOM, (names[0],))
        text = self.linear(chosen)
        return Text(f"index[{text.code}]", ATOM, text.axes)

    def _picked(self, node: Picked) -> Text:
        starts = interval(node.start, self.hulls)
        numbers = interval(node.chosen.replaced(self.program.padded), self.hulls)
        assert starts is not None, node
        assert numbers is not None, node
        low, high, chosen = starts[0].number, starts[1].number, numbers[0].number
        assert low is not None, node
        assert high is not None, node
        limit = next(
            index.limit
            for index in self.indices
            if chosen is None or (index.start.number or 0) <= chosen < (index.stop.number or 0)
        )
        places = ", ".join(self.item(place).code for place in self.program.places[low : high - 1 + limit])
        start = node.start - Linear(starts[0])
        sides = [self.linear(start), self.chosen(node.chosen)]
        at = self._added(sides[1:] if start == Linear() else sides)
        return Text(f"jnp.stack([{places}])[{at.code}]", ATOM, at.axes)

    def item(self, item: Item) -> Text:
        """Elements of an array."""
        array = self.program.arrays[item.array]
        name, shape = array.name, array.shape
        index = [part.replaced(self.program.padded) for part in item.index]
        if len(index) < len(shape):
            kept = shape[: len(index) - 1]
            rest = _ONE
            for extent in shape[len(index) - 1 :]:
                rest *= extent
            name = f"{name}.reshape({', '.join(map(str, (*kept, -1)))})"
            shape = (*kept, rest)
        seen: list[str] = []
        entries: list[str] = []
        axes: list[str] = []
        split: list[Size] = []
        gathers = 0
        for place, part in enumerate(index):
            if item.stride and item.stride[place].terms:
                found = self._gathered(item, place, part)
                gathers += 1
            else:
                found = self._sliced(part, shape[place])
            if found is None or set(found[1]) & set(seen):
                return self._advanced(item, name, index)
            seen += found[1]
            entries.append(found[0])
            axes += found[1]
            split = split + found[2]
        if gathers and any(entry not in (":",) and ":" not in entry for entry in entries[gathers:]):
            return self._advanced(item, name, index)
        while entries and entries[-1] == ":":
            entries.pop()
        code = f"{name}[{', '.join(entries)}]" if entries else name
        if any(len(part.variables - self.scalars) > 1 for part in index):
            code = f"{code}.reshape({', '.join(map(str, split))})"
        return Text(code, ATOM, tuple(axes))

    def _gathered(self, item: Item, place: int, part: Linear) -> tuple[str, list[str], list[Size]] | None:
        if part != Linear() or item.stride[place] != _ONE or item.chosen is None:
            return None
        text = self.chosen(item.chosen)
        extents = [self.hulls[name][1] - self.hulls[name][0] for name in text.axes]
        return text.code, list(text.axes), extents

    def _sliced(self, part: Linear, extent: Size) -> tuple[str, list[str], list[Size]] | None:
        """An entry of a subscript, its variables and their extents; None if it needs an array of indices."""
        names = part.variables
        if names <= self.scalars:
            return self.linear(part).code, [], []
        if names & self.scalars:
            return None
        if len(names) > 1:
            return self._rows(part, extent)
        (name,) = names
        low, high = self.hulls[name]
        step = part.step(name)
        first, last = part.start + step * low, part.start + step * (high - _ONE)
        # What is masked may lie outside of the array, where a slice would be shorter.
        if not all(is_positive(end) and is_positive(extent - end - _ONE) for end in (first, last)):
            return None
        if step == _ONE:
            return _range(first, last + _ONE, extent), [name], [high - low]
        number = step.number
        if number is None or number == 0 or first.number is None or last.number is None:
            return None
        if number > 0:
            return f"{first}:{last + _ONE}:{number}", [name], [high - low]
        stop = last.number - 1
        return f"{first}:{stop if stop >= 0 else ''}:{number}", [name], [high - low]

    def _rows(self, part: Linear, extent: Size) -> tuple[str, list[str], list[Size]] | None:
        """Several variables that walk through a dimension row by row."""
        names = sorted(part.variables, key=lambda name: _weight(part.step(name)), reverse=True)
        extents = [self.hulls[name][1] - self.hulls[name][0] for name in names]
        step = _ONE
        for name, own in zip(reversed(names), reversed(extents), strict=True):
            if part.step(name) != step or self.hulls[name][0].terms:
                return None
            step *= own
        if not (is_positive(part.start) and is_positive(extent - part.start - step)):
            return None
        return _range(part.start, part.start + step, extent), names, extents

    def _advanced(self, item: Item, name: str, index: Sequence[Linear]) -> Text:
        """With an array of indices for each dimension."""
        texts = []
        for place, part in enumerate(index):
            text = self.linear(part)
            if item.stride and item.stride[place].terms:
                assert item.chosen is not None
                chosen = self.chosen(item.chosen)
                factor = item.stride[place]
                if factor != _ONE:
                    chosen = Text(f"{factor} * {chosen.code}", PRODUCT, chosen.axes)
                text = chosen if part == Linear() else self._added([chosen, text])
            texts.append(text)
        axes = self.union(texts)
        return Text(f"{name}[{', '.join(aligned(text, axes).code for text in texts)}]", ATOM, axes)


def _weight(step: Size) -> tuple[int, float]:
    return max((len(names) for names, _ in step.terms), default=0), float(
        max((factor for _, factor in step.terms), default=0)
    )


def _range(first: Size, stop: Size, extent: Size) -> str:
    """A slice."""
    start = str(first) if first.terms else ""
    end = "" if stop == extent else str(stop)
    return f"{start}:{end}"
