"""The kernel IR: functions of a processor with vectors, which a target prints and decides nothing about.

A `Kernel` is a list of statements over loop variables, its own variables, and places in memory. An expression has a
width: so many lanes it computes, one or a vector of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from .expressions import Call, Expr, Name, Number, Place, Sum

__all__ = [
    "Advance",
    "Argument",
    "Assign",
    "Block",
    "Buffer",
    "Clear",
    "Declare",
    "Enclose",
    "EncloseRoots",
    "Evaluate",
    "For",
    "Guess",
    "Invocation",
    "Kernel",
    "KernelProgram",
    "Least",
    "Parameter",
    "Point",
    "Prefetch",
    "Reached",
    "Room",
    "Settle",
    "Spare",
    "Statement",
    "Transpose",
    "Update",
    "Write",
    "WritePart",
]


@dataclass(frozen=True, slots=True)
class Write:
    """Stores one lane, or a vector of neighbours."""

    place: Place
    value: Expr


@dataclass(frozen=True, slots=True)
class WritePart:
    """Stores the first lanes of a vector, at most `count`."""

    place: Place
    value: Expr
    count: Sum


@dataclass(frozen=True, slots=True)
class Prefetch:
    """Asks for an element to be brought into the cache, to be read, or to be written."""

    place: Place
    writes: bool = False


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
    """A variable. `kind` is ``number``, ``whole``, ``divisor``, or ``held``: a vector that stays in a register.

    Only one without a value changes.
    """

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
    """A pointer variable; what it points to is only read, unless it `writes`.

    Attributes:
        apart: whether it reads what another one reads, and the C compiler should not know that.
    """

    name: str
    place: Place
    writes: bool = False
    apart: bool = False


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
        divided: how threads divide its turns: ``evenly``, each takes neighbours; or ``in turns``, where some take
            longer than others; empty if they do not.
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
    divided: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """Statements with variables of their own. Where threads divide a kernel, they may be the first one's `alone`."""

    body: tuple[Statement, ...]
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Transpose:
    """Copies a matrix; rows become columns. `rows` and `columns` are those of what is copied. Threads may divide it."""

    to: Place
    to_row: int | str
    source: Place
    source_row: int | str
    rows: Sum
    columns: Sum
    divided: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """Room for what is noted about so many lanes; and for their powers, the pointer ``power``, if these are guessed."""

    lanes: int
    powers: bool = True


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
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Spare:
    """In a `Settle`: goes on to the next lane where the power makes no difference.

    What pow() gives is the guess or a neighbour of it. So it need not be called where the only value that the power is
    used for is the same with all three.

    Attributes:
        guess: where the guess is.
        value: what the power is used for, in which it is the variable ``guess``.
    """

    guess: Place
    value: Expr


@dataclass(frozen=True, slots=True)
class Enclose:
    """Stores what a power is used for, computed from two numbers between which lies what pow() gives. Where these make
    a difference, pow() is called; or nothing is stored, and the lane is noted.

    Attributes:
        place: where it goes.
        value: what it is, in which the power is the variable ``power``.
        function: that encloses powers of vectors.
        power: the power.
        width: of vectors that this is done with; others call pow().
        lane: the first lane, from the first one of the block on, if lanes are noted.
        before: variables that the value needs and the power does not.
        quotient: in vectors, the division by a sum of the power, which is the variable ``quotient`` of the value.
    """

    place: Place
    value: Expr
    function: str
    power: Call
    width: int
    lane: Sum | None = None
    before: tuple[Declare, ...] = ()
    quotient: Call | None = None


@dataclass(frozen=True, slots=True)
class EncloseRoots:
    """The same for `SEVERAL` vectors, whose roots are computed side by side."""

    parts: tuple[Enclose, ...]


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
    | WritePart
    | Prefetch
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
    | Spare
    | Enclose
    | EncloseRoots
    | Buffer
    | Evaluate
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter.

    Attributes:
        kind: ``whole``, ``number``, ``read`` or ``write``: the last two are pointers.
        span: of whole numbers, the least and the greatest that it gets.
    """

    name: str
    kind: str
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Kernel:
    """A function.

    Attributes:
        parameters: besides memory and index.
        body: its statements.
        labels: of the nests that it carries out.
        divided: whether threads divide what it does; if not, the first of them does it.
    """

    parameters: tuple[Parameter, ...]
    body: tuple[Statement, ...]
    labels: tuple[str, ...] = ()
    divided: bool = False


Argument: TypeAlias = int | str | Place | Name


@dataclass(frozen=True, slots=True)
class Invocation:
    """A call of a kernel.

    Attributes:
        kernel: its number.
        arguments: whole numbers, numbers in hexadecimal, places, and in routines (see `merge`) their parameters.
        nests: how many nests of the program it carries out.
        arrays: names of those that it writes to.
        meets: whether threads wait for one another before it.
    """

    kernel: int
    arguments: tuple[Argument, ...]
    nests: int
    arrays: tuple[str, ...]
    meets: bool = False


@dataclass(frozen=True, slots=True)
class KernelProgram:
    """The kernels that programs share, and for each program its calls. It is `divided` if threads run it together."""

    kernels: tuple[Kernel, ...]
    calls: tuple[tuple[Invocation, ...], ...]
    divided: bool = False
