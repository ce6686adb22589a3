"""The kernel IR: functions of a processor with vectors, which a target prints and decides nothing about.

A `Kernel` is a list of statements over loop variables, its own variables, and places in memory. An expression has a
width: so many lanes it computes, one or a vector of them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeAlias

from ..loops.loop_ir import Array, strides

__all__ = [
    "Advance",
    "Argument",
    "Assign",
    "Block",
    "Buffer",
    "Call",
    "Clear",
    "Declare",
    "Divisor",
    "Entry",
    "Evaluate",
    "Expr",
    "Fold",
    "For",
    "Guess",
    "Invocation",
    "IsSet",
    "Kernel",
    "KernelProgram",
    "Least",
    "Matches",
    "Name",
    "Number",
    "Ones",
    "Parameter",
    "Pick",
    "Place",
    "Point",
    "Proved",
    "Quotient",
    "Reached",
    "Read",
    "Room",
    "Run",
    "Settle",
    "Spread",
    "Statement",
    "Sum",
    "Transpose",
    "Update",
    "Write",
    "mentions",
    "names_in",
    "parts",
    "rebuilt",
    "substituted",
]


@dataclass(frozen=True, slots=True)
class Entry:
    """A number of the index that the program is called with."""

    number: Sum


@dataclass(frozen=True, slots=True)
class Sum:
    """A whole number: a constant, and multiples of variables. A factor may be a parameter."""

    constant: int = 0
    terms: tuple[tuple[int | str, str | Entry], ...] = ()

    def factor(self, name: str) -> int | str:
        """How often a variable is in it."""
        return next((factor for factor, other in self.terms if other == name), 0)

    def plus(self, other: Sum) -> Sum:
        """The sum of two."""
        terms: dict[str | Entry, int | str] = {}
        for factor, name in (*self.terms, *other.terms):
            known = terms.get(name, 0)
            terms[name] = factor if not known else int(known) + int(factor)
        found = tuple((factor, name) for name, factor in terms.items() if factor)
        return Sum(self.constant + other.constant, found)

    def times(self, factor: int) -> Sum:
        """A multiple."""
        if factor == 1:
            return self
        return Sum(self.constant * factor, tuple((int(own) * factor, name) for own, name in self.terms))


@dataclass(frozen=True, slots=True)
class Place:
    """An element of an array, or one that a pointer of that name reaches. An index as in `loop_ir.Load`."""

    base: Array | str
    index: tuple[Sum, ...]

    def flat(self) -> Sum:
        """The number of the element."""
        if isinstance(self.base, str):
            return self.index[0]
        total = Sum()
        for part, distance in zip(self.index, strides(self.base.merged(len(self.index))), strict=True):
            total = total.plus(part.times(distance))
        return total


@dataclass(frozen=True, slots=True)
class Number:
    """A number, in hexadecimal."""

    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """A variable or a parameter."""

    name: str
    width: int = 1


@dataclass(frozen=True, slots=True)
class Read:
    """One element, or a vector of neighbours of which it is the first."""

    place: Place
    width: int = 1


@dataclass(frozen=True, slots=True)
class Pick:
    """An element of those that the programs choose from."""

    start: Sum
    chosen: Sum
    width: int = 1


@dataclass(frozen=True, slots=True)
class Matches:
    """Whether a number of the index is `number`; for a vector, `number` plus the lane."""

    chosen: Sum
    number: Sum
    width: int = 1


@dataclass(frozen=True, slots=True)
class Call:
    """An operation of `ops`."""

    op: int
    operands: tuple[Expr, ...]
    width: int = 1


@dataclass(frozen=True, slots=True)
class Spread:
    """One number, or one flag, in all lanes."""

    value: Expr
    width: int
    is_flag: bool = False


@dataclass(frozen=True, slots=True)
class IsSet:
    """A vector of flags from one of numbers: memory has flags as 1 and 0, vectors as all bits and none."""

    value: Expr
    width: int


@dataclass(frozen=True, slots=True)
class Ones:
    """A vector of numbers from one of flags, the other way round."""

    value: Expr
    width: int


@dataclass(frozen=True, slots=True)
class Divisor:
    """A number that vectors are divided by, and what must be known of it."""

    value: Expr
    width: int = 1


@dataclass(frozen=True, slots=True)
class Quotient:
    """A vector divided by a `Divisor`, or by a variable that has one."""

    dividend: Expr
    divisor: Expr
    width: int


@dataclass(frozen=True, slots=True)
class Proved:
    """A vector of powers by a function that proves each, or leaves it to pow()."""

    function: str
    operand: Expr
    width: int


@dataclass(frozen=True, slots=True)
class Run:
    """Terms of a fold, or runs of terms, that are repeated `count` times. `variable` counts the repetitions."""

    variable: str
    count: Sum
    parts: tuple[Expr | Run, ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """An ordered fold."""

    op: int
    runs: tuple[Run, ...]
    width: int = 1


Expr: TypeAlias = (
    Number | Name | Read | Pick | Matches | Call | Spread | IsSet | Ones | Divisor | Quotient | Proved | Fold
)


@dataclass(frozen=True, slots=True)
class Write:
    """Stores one lane, or a vector of neighbours."""

    place: Place
    value: Expr


@dataclass(frozen=True, slots=True)
class Update:
    """Adds to an element."""

    place: Place
    value: Expr


@dataclass(frozen=True, slots=True)
class Least:
    """The smaller of two whole numbers."""

    one: Sum
    other: Sum


@dataclass(frozen=True, slots=True)
class Reached:
    """The last number that is reached from `start` in steps, and is not beyond `stop`."""

    start: Sum
    stop: Sum
    step: int


@dataclass(frozen=True, slots=True)
class Declare:
    """A variable. `kind` is ``number``, ``whole`` or ``divisor``; only one without a value changes."""

    name: str
    value: Expr | Sum | Least | Reached | None = None
    kind: str = "number"
    width: int = 1


@dataclass(frozen=True, slots=True)
class Assign:
    """Gives a variable a value, or combines it with that by an operation."""

    name: str
    value: Expr
    op: int | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """A pointer variable; what it points to is only read, unless it `writes`."""

    name: str
    place: Place
    writes: bool = False


@dataclass(frozen=True, slots=True)
class Advance:
    """Moves a pointer by so many elements."""

    name: str
    distance: int | str


@dataclass(frozen=True, slots=True)
class For:
    """A loop.

    Attributes:
        lanes: whether turns are neighbours in memory and independent, so that `vectorise` may take several at once.
        divides: of a loop over lanes, a number by which that of its turns can be divided.
        unroll: whether its turns are worth being written out.
        ordered: whether turns read what earlier ones have written.
    """

    name: str
    start: Sum
    end: Sum
    body: tuple[Statement, ...]
    step: int = 1
    lanes: bool = False
    divides: int = 1
    unroll: bool = False
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """Statements with variables of their own."""

    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Transpose:
    """Copies a matrix; rows become columns. `rows` and `columns` are those of what is copied."""

    to: Place
    to_row: int
    source: Place
    source_row: int
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Room:
    """Room for the powers of so many lanes: the pointer ``power``, and for what is noted about them."""

    lanes: int


@dataclass(frozen=True, slots=True)
class Clear:
    """Forgets what has been noted."""


@dataclass(frozen=True, slots=True)
class Guess:
    """Computes a power of a lane or of a vector of them, and notes for which lanes it is not proved.

    Attributes:
        function: that guesses powers of vectors.
        power: what is guessed.
        place: where it goes.
        lane: the first lane, from the first one of the block on.
    """

    function: str
    power: Call
    place: Place
    lane: Sum


@dataclass(frozen=True, slots=True)
class Settle:
    """For each lane of a block of which the power is not proved: that lane, counted from `start`, is `lane`; statements
    follow.
    """

    lane: str
    start: str
    block: int
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Buffer:
    """Room for so many numbers, which `Evaluate` may fill up to a whole vector."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Replaces the numbers of a buffer, up to the pointer `end`, by a function's results.

    Attributes:
        function: that computes them in vectors.
        exponent: a power's.
    """

    function: str
    buffer: str
    end: str
    exponent: Number | None = None


Statement: TypeAlias = (
    Write
    | Update
    | Declare
    | Assign
    | Point
    | Advance
    | For
    | Block
    | Transpose
    | Room
    | Clear
    | Guess
    | Settle
    | Buffer
    | Evaluate
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter. `kind` is ``whole``, ``number``, ``read`` or ``write``: the last two are pointers."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Kernel:
    """A function.

    Attributes:
        parameters: besides memory and index.
        body: its statements.
        labels: of the nests that it carries out.
    """

    parameters: tuple[Parameter, ...]
    body: tuple[Statement, ...]
    labels: tuple[str, ...] = ()


Argument: TypeAlias = int | str | Place


@dataclass(frozen=True, slots=True)
class Invocation:
    """A call of a kernel.

    Attributes:
        kernel: its number.
        arguments: whole numbers, numbers in hexadecimal, and places.
        nests: how many nests of the program it carries out.
        arrays: names of those that it writes to.
    """

    kernel: int
    arguments: tuple[Argument, ...]
    nests: int
    arrays: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KernelProgram:
    """The kernels that programs share, and for each program its calls."""

    kernels: tuple[Kernel, ...]
    calls: tuple[tuple[Invocation, ...], ...]


_FIELDS: dict[object, tuple[str, ...]] = {}


def _fields(node: Any) -> tuple[str, ...]:
    """The names of the fields of a node that may have parts."""
    kind = type(node)
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple(field.name for field in fields(kind) if field.type not in ("int", "bool", "str"))
    return _FIELDS[kind]


def parts(node: Any) -> Iterator[Any]:
    """What a node of the IR consists of, nodes and whole numbers alike."""
    for name in _fields(node):
        value = getattr(node, name)
        if is_dataclass(value):
            yield value
        elif isinstance(value, tuple):
            for part in value:
                yield from part if isinstance(part, tuple) else (part,)


def rebuilt(node: Any, change: Callable[[Any], Any]) -> Any:
    """The node with its parts changed. `change` is asked of each part, outermost first, and gives another one, or None
    to go on inside.
    """
    if isinstance(node, tuple):
        parts_ = [rebuilt(part, change) for part in node]
        return node if all(map(operator.is_, parts_, node)) else tuple(parts_)
    if isinstance(node, int | str | Array) or not is_dataclass(node):
        return node
    found = change(node)
    if found is not None:
        return found
    changed = {}
    for name in _fields(node):
        value = getattr(node, name)
        other = rebuilt(value, change)
        if other is not value:
            changed[name] = other
    return replace(node, **changed) if changed else node  # type: ignore[type-var]


def mentions(node: Any, wanted: Callable[[Any], bool]) -> bool:
    """Whether a node has a part of which something holds."""
    found = False

    def change(part: Any) -> Any:
        nonlocal found
        found = found or wanted(part)
        return part if found else None

    rebuilt(node, change)
    return found


def substituted(node: Any, values: Mapping[str, Sum]) -> Any:
    """The node with sums in place of variables."""

    def change(part: Any) -> Any:
        if not isinstance(part, Sum):
            return None
        total = Sum(part.constant)
        for factor, name in part.terms:
            if isinstance(name, Entry):
                total = total.plus(Sum(0, ((factor, Entry(substituted(name.number, values))),)))
            elif name not in values:
                total = total.plus(Sum(0, ((factor, name),)))
            elif isinstance(factor, int):
                total = total.plus(values[name].times(factor))
            else:
                total = total.plus(_scaled(values[name], factor))
        return total

    return rebuilt(node, change)


def _scaled(value: Sum, factor: str) -> Sum:
    """A variable, or a small number, times a parameter."""
    terms = tuple((factor, name) for own, name in value.terms if own == 1)
    if len(terms) != len(value.terms) or value.constant not in (0, 1):
        raise ValueError(f"{value} cannot be multiplied by {factor}")
    return Sum(0, (*terms, *(((1, factor),) if value.constant else ())))


def names_in(nodes: Iterable[Any]) -> set[str]:
    """The variables that nodes mention."""
    found: set[str] = set()
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            found.add(node)
        elif isinstance(node, tuple):
            stack += node
        elif isinstance(node, Array):
            continue
        elif is_dataclass(node):
            stack += (getattr(node, name) for name in _fields(node))
    return found
