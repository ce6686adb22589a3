"""Emit JAX: the functions of a program of loops, as whole-array JAX.

In: an `ArrayProgram`. Out: lines of Python: a statement becomes an assignment to an array, a recurrence a
``lax.fori_loop``. The target is fast, not exact: the order of sums is free, and functions are those of XLA.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from ..errors import CompileError
from .elements import IndexName
from .linear import Linear, Size, size_of
from .lower import Lowering
from .masks import Masks, constraints_of
from .program import ArrayProgram
from .spelling import FLAGS
from .statements import Axis, Call, Item, Statement, put
from .text import ATOM, Text, aligned

__all__ = ["emit_jax"]

_ONE = size_of(1)


def emit_jax(
    program: ArrayProgram, indices: Sequence[IndexName] = (), counts: Mapping[str, str] | None = None
) -> list[str]:
    """The body of a function that has the arguments of the program as arrays of their names, and ``dtype``.

    Args:
        indices: names of parts of the index, which are arrays, too; other parts are read from ``index``.
        counts: what padded sizes are called where they are numbers to compute with, of type ``dtype``.
    """
    lines = _Emitter(program, indices, counts or {}).lines()
    return [short for line in lines for short in _wrapped(line)]


# Columns, within a function.
_WIDTH = 116


def _wrapped(line: str) -> list[str]:
    """A long sum on several lines."""
    if len(line) <= _WIDTH or line.lstrip().startswith(("#", "def ")):
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    name, _, value = line.partition(" = ")
    parts = _summands(value)
    if len(parts) == 1:
        return [line]
    return [f"{name} = (", *(f"{indent}    {part}" for part in parts), f"{indent})"]


def _summands(value: str) -> list[str]:
    depth, start, parts = 0, 0, []
    for place, character in enumerate(value):
        depth += (character in "([") - (character in ")]")
        if depth == 0 and place and value[place : place + 3] in (" + ", " - "):
            parts.append(value[start:place].strip())
            start = place
    return [*parts, value[start:].strip()]


def _comment(label: str) -> str:
    """Where a statement comes from: the first line of the model, and what it is called."""
    return "# " + label.partition(";")[0].removesuffix(", forward").replace(", backward", ", its gradient")


class _Emitter:
    def __init__(self, program: ArrayProgram, indices: Sequence[IndexName], counts: Mapping[str, str]) -> None:
        self.program, self.indices, self.counts = program, indices, counts
        self.masks = Masks(program)
        self.defined = {name for name, array in program.arrays.items() if array.space in ("argument", "constant")}
        self.hoisted: dict[object, str] = {}
        self.pending: list[str] = []
        self.stores: dict[str, int] = {}
        for statement in program.statements:
            self.stores[statement.target.array] = self.stores.get(statement.target.array, 0) + 1
        self.flags = {
            each.target.array
            for each in program.statements
            if isinstance(each.value, Call) and each.value.op in FLAGS | {"equal"}
        }

    def lines(self) -> Iterator[str]:
        """All lines."""
        numbered = enumerate(self.program.statements)
        label = None
        for recurrence, group in groupby(numbered, lambda pair: pair[1].recurrence):
            statements = list(group)
            if recurrence:
                yield _comment(statements[0][1].label)
                yield from self._recurrence(recurrence, statements)
                label = None
                continue
            for number, statement in statements:
                lines = list(self._statement(number, statement))
                if _comment(statement.label) != label:
                    label = _comment(statement.label)
                    yield label
                yield from self.pending
                self.pending = []
                yield from lines
        for name, array in self.program.arrays.items():
            if array.space == "output" and name not in self.defined:
                yield f"{name} = {self._zeros(name)}"

    # ---- statements

    def _zeros(self, name: str) -> str:
        shape = self.program.arrays[name].shape
        text = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        return f"jnp.zeros(({text}), {'bool' if name in self.flags else 'dtype'})"

    def _statement(self, number: int, statement: Statement, step: Axis | None = None) -> Iterator[str]:
        """The lines of a statement; in a recurrence, within the loop over `step`."""
        scalars = frozenset((step.name,) if step else ())
        low = Lowering(
            self.program, self.indices, self.masks.unmet, None if scalars else self._hoist, scalars, self.counts
        )
        array = self.program.arrays[statement.target.array]
        if step:
            low.hulls[step.name] = step.low.start, step.high.start
        axes = statement.axes
        low.see(axes)
        low.order = [axis.name for axis in sorted(axes, key=lambda axis: _place(statement.target, axis.name))]
        value = low.node(statement.value)
        masked = frozenset(self.masks.masked.get(number, ()))
        if scalars:
            masked |= frozenset(
                each for each in constraints_of(statement.axes, self.program.padded) if each.variables - scalars
            )
        if statement.adds:
            masked |= self.masks.unmet_of(number)
        name = array.name
        if statement.adds:
            yield from self._prepared(name)
            if masked:
                value = low.where(low.mask(masked), value)
            yield f"{name} = {self._at(low, statement.target, value, 'add')}"
            return
        domain = constraints_of(statement.axes, self.program.padded)
        triangle = {each for each in domain if each == each.replaced(self.program.padded)}
        where = None
        if not scalars:
            where = self._whole(low, statement)
        if where is not None:
            if masked:
                value = low.where(low.mask(masked), value)
            yield f"{name} = {self._assigned(low, value, where, array.shape)}"
            self.defined.add(name)
            return
        yield from self._prepared(name)
        if triangle:
            yield f"{name} = {self._dropped(low, statement.target, value, low.mask(frozenset(triangle)))}"
            return
        if masked:
            value = low.where(low.mask(masked), value)
        yield f"{name} = {self._at(low, statement.target, value, 'set')}"

    def _prepared(self, name: str) -> Iterator[str]:
        if name not in self.defined:
            yield f"{name} = {self._zeros(name)}"
            self.defined.add(name)

    def _whole(self, low: Lowering, statement: Statement) -> list[str] | None:
        """The variables of the dimensions of a statement that assigns to all of an array; None if it does not."""
        target, shape = statement.target, self.program.arrays[statement.target.array].shape
        if self.stores[target.array] > 1 or len(target.index) != len(shape):
            return None
        order: list[str] = []
        for part, extent in zip(target.index, shape, strict=True):
            found = low._sliced(part.replaced(self.program.padded), extent)
            if found is None or found[0] != ":" or set(found[1]) & set(order):
                return None
            order += found[1]
        return order

    def _assigned(self, low: Lowering, value: Text, order: Sequence[str], shape: Sequence[Size]) -> str:
        text = aligned(value, order)
        code = text.code
        if set(order) != set(value.axes):
            extents = ", ".join(low._extent(name) for name in order)
            code = f"jnp.broadcast_to({code}, ({extents}{',' if len(order) == 1 else ''}))" if order else code
            text = Text(code)
        if len(order) != len(shape):
            return f"{code if text.binds == ATOM else f'({code})'}.reshape({', '.join(map(str, shape))})"
        return code

    def _at(self, low: Lowering, target: Item, value: Text, how: str) -> str:
        """``array.at[...].set(value)``."""
        array = self.program.arrays[target.array]
        shape = array.shape
        name, back = array.name, ""
        index = [part.replaced(self.program.padded) for part in target.index]
        if len(index) < len(shape):
            kept = shape[: len(index) - 1]
            name = f"{name}.reshape({', '.join(map(str, (*kept, -1)))})"
            back = f".reshape({', '.join(map(str, array.shape))})"
            rest = _ONE
            for extent in shape[len(index) - 1 :]:
                rest *= extent
            shape = (*kept, rest)
        entries: list[str] = []
        order: list[str] = []
        gathers = 0
        for place, part in enumerate(index):
            if target.stride and target.stride[place].terms:
                found = low._gathered(target, place, part)
                gathers += 1
            else:
                found = low._sliced(part, shape[place])
            if (
                found is None
                or set(found[1]) & set(order)
                or len(found[1]) > 1
                or (gathers and ":" not in found[0] and place >= gathers)
            ):
                return self._scattered(low, name, target, index, value, how) + back
            entries.append(found[0])
            order += found[1]
        if set(value.axes) - set(order):
            return self._scattered(low, name, target, index, value, how) + back
        subscript = ", ".join(entries) or "..."
        return f"{name}.at[{subscript}].{how}({aligned(value, order).code}){back}"

    def _scattered(self, low: Lowering, name: str, target: Item, index: Sequence[Linear], value: Text, how: str) -> str:
        at = low._advanced(target, "", index)
        axes = low.union([at, value])
        entries = self._entries(low, target, index, axes)
        code = aligned(value, axes).code
        return f"{name}.at[{', '.join(entries)}].{how}({code})"

    def _entries(self, low: Lowering, target: Item, index: Sequence[Linear], axes: Sequence[str]) -> list[str]:
        texts = []
        for place, part in enumerate(index):
            text = low.linear(part)
            if target.stride and target.stride[place].terms:
                assert target.chosen is not None
                chosen = low.chosen(target.chosen)
                factor = target.stride[place]
                if factor != _ONE:
                    chosen = Text(f"{factor} * {chosen.code}", 2, chosen.axes)
                text = chosen if part == Linear() else low._added([chosen, text])
            texts.append(aligned(text, axes).code)
        return texts

    def _dropped(self, low: Lowering, target: Item, value: Text, mask: Text) -> str:
        """Assigns at the points of a mask alone."""
        array = self.program.arrays[target.array]
        index = [part.replaced(self.program.padded) for part in target.index]
        at = low._advanced(target, "", index)
        axes = low.union([at, value, mask])
        entries = self._entries(low, target, index, axes)
        size = array.shape[0]
        if len(index) < len(array.shape):
            raise CompileError("no JAX for it: a masked result is stored through several dimensions at once")
        entries[0] = f"jnp.where({aligned(mask, axes).code}, {entries[0]}, {size})"
        return f'{array.name}.at[{", ".join(entries)}].set({aligned(value, axes).code}, mode="drop")'

    def _hoist(self, constraint: Linear, text: Text) -> Text:
        """Gives a mask a name; the same for all that are the same arrays."""
        key = text.code
        if key not in self.hoisted:
            wanted = "inside" if len(text.axes) == 1 else "past"
            name, number = wanted, 1
            while name in self.hoisted.values() or name in self.program.arrays:
                number += 1
                name = f"{wanted}{number}"
            self.hoisted[key] = name
            self.pending.append(f"{name} = {text.code}")
        return Text(self.hoisted[key], ATOM, text.axes)

    # ---- recurrences

    def _recurrence(self, number: int, statements: Sequence[tuple[int, Statement]]) -> Iterator[str]:
        step = statements[0][1].axes[0]
        state = list(dict.fromkeys(each.target.array for _, each in statements))
        body: list[str] = []
        for name in state:
            yield from self._prepared(name)
        for at, statement in statements:
            # All share their steps, under the name of the first.
            own = statement.axes[0]
            renamed = _renamed(statement, own.name, step.name)
            rest = replace(renamed, axes=renamed.axes[1:])
            body += self._statement(at, rest, step)
        names = ", ".join(state)
        yield f"def recurrence_{number}({step.name}, state):"
        yield f"    {names}{',' * (len(state) == 1)} = state"
        for line in body:
            yield f"    {line}"
        yield f"    return {names}{',' * (len(state) == 1)}"
        yield ""
        yield (
            f"{names}{',' * (len(state) == 1)} = lax.fori_loop(0, {step.high.start}, recurrence_{number}, "
            f"({names}{',' * (len(state) == 1)}))"
        )


def _renamed(statement: Statement, old: str, new: str) -> Statement:
    if old == new:
        return statement
    axes = tuple(Axis(new if axis.name == old else axis.name, axis.low, axis.high) for axis in statement.axes)
    return put(replace(statement, axes=axes), {old: Linear.of(new)})


def _place(target: Item, name: str) -> tuple[int, int]:
    """Where in the target a variable stands; what is to its left in a dimension takes longer steps."""
    for place, part in enumerate(target.index):
        if name in part.variables:
            number = part.step(name).number
            return place, -(number if number is not None else 10**6)
    if target.chosen is not None and name in target.chosen.variables:
        place = next(place for place, stride in enumerate(target.stride) if stride.terms)
        return place, 0
    return len(target.index), 0
