"""The table of operations: a row each, with all that the compiler knows of it.

Every stage walks this table instead of naming operations: the trace, the interpreter (column `evaluate`),
`differentiate` (column `derivative`), `simplify` (column `zeros`), the emitters (columns `python`, `c` and `c_lanes`),
the text form and the verifier (columns `a`, `b`, `result`). Adding an operation is adding a row, and a method where the
user is to call it.

A node of a graph has an operation and two integers, `a` and `b`. What each integer means is the row's to say: a node
(the operand), an entry of one of the graph's side tables, a plain number, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from .. import arithmetic

if TYPE_CHECKING:
    from .builder import GraphBuilder

__all__ = [
    "ADD", "CONST", "DIV", "EQUAL", "EXP", "GATHER", "GIVEN", "INDEX", "INPUT", "LOG", "MAX", "MUL", "ONE", "OPS",
    "OPS_BY_NAME", "POW", "READ", "RELU", "SELECT", "STEP", "UNLESS", "WHERE", "Field", "Op", "Type", "Zeros",
    "is_closed",
]  # fmt: skip


class Field(Enum):
    """What the integer `a` or `b` of a node refers to."""

    NOTHING = "-"
    NODE = "node"
    CONSTANT = "constant"
    INPUT = "input"
    INDEX = "index"
    TABLE = "table"
    LIST = "list"
    NUMBER = "number"


class Type(Enum):
    """What a node is worth: a double, a whole number, or a truth value."""

    REAL = "real"
    INDEX = "index"
    FLAG = "flag"


# A local gradient of exactly one: the contribution is the gradient itself, and no product need be recorded.
ONE = -1

# From a builder, a node and its two fields to the local gradient of each operand: a node, `ONE`, or None for no
# gradient.
Derivative = Callable[["GraphBuilder", int, int, int], tuple[int | None, int | None]]


@dataclass(frozen=True)
class Zeros:
    """What an operation does with the sign of a zero, which is outside the contract as long as nothing shows it.

    Without knowledge, everything is possible: that is always right, and costs simplifications.

    Attributes:
        handed_on: for each of the two operands, whether the sign of its zero may be that of a zero result. A select
            hands on what its second field says.
        shown: for each of the two operands, whether another number may result from the other sign of its zero. For a
            power see `simplify`: this depends on its exponent.
        negative: whether the result may be a negative zero.
    """

    handed_on: tuple[bool, bool] = (True, True)
    shown: tuple[bool, bool] = (True, True)
    negative: bool = True


@dataclass(frozen=True)
class Op:
    """One row.

    Attributes:
        name: as in the text form.
        a, b: what the two integers of a node refer to.
        types: of those that are nodes.
        result: the type of the node itself.
        evaluate: from the operands' values to the result; None where the interpreter must look into the graph's tables.
        derivative: the local gradients, exactly as the eager autograd computes them; None where there is no gradient.
            `gather` and `select` pass gradients on by position, which `differentiate` does itself.
        python, c: how an expression is spelled, with ``{a}`` and ``{b}`` for the operands' texts; in C with the
            functions of `prelude`, and each operand once.
        python_raising: a faster spelling in Python that raises an exception where IEEE 754 has an answer; or empty.
        exact: why every execution gives the same bits.
        commutative: whether swapping the operands changes nothing.
        c_lanes: how the expression is spelled for vectors of ``{w}`` doubles, whose infix operators take plain doubles
            too; empty where it has to be computed lane by lane.
        zeros: what it does with the sign of a zero.

    Raises:
        ValueError: if a spelling does not mention each operand, or in C mentions one twice.
    """

    name: str
    a: Field
    b: Field
    types: tuple[Type, ...]
    result: Type
    evaluate: Callable[..., float] | None
    derivative: Derivative | None
    python: str
    c: str
    exact: str
    commutative: bool = False
    python_raising: str = ""
    c_lanes: str = ""
    zeros: Zeros = Zeros()

    def __post_init__(self) -> None:
        if self.evaluate is None:
            return  # read, not computed: the emitters know these
        for column in ("python", "python_raising", "c", "c_lanes"):
            spelling = getattr(self, column)
            for operand, field in (("{a}", self.a), ("{b}", self.b)):
                count, wanted = spelling.count(operand), field is not Field.NOTHING
                # An operand is an expression: in C, two mentions of it would double the text at every level.
                if spelling and (count != wanted if column.startswith("c") else bool(count) != wanted):
                    raise ValueError(f"the spelling {spelling!r} in the column {column} has {operand} {count} times")

    @property
    def is_infix(self) -> bool:
        """Whether its spelling in C is an operator between operands, which takes vectors and plain doubles alike."""
        return self.c.startswith("{a}")


def _derive_pow(build: GraphBuilder, node: int, base: int, exponent: int) -> tuple[int | None, int | None]:
    power = build.constant_of(exponent)
    if power == 0.0:  # at 0, the general rule would give 0 times infinity
        return build.const(0.0), None
    return build.mul(exponent, build.pow(base, power - 1)), None


def _derive_div(build: GraphBuilder, node: int, numerator: int, denominator: int) -> tuple[int | None, int | None]:
    inverse = build.div(build.const(1.0), denominator)
    return inverse, build.mul(build.mul(node, inverse), build.const(-1.0))


def is_closed(spelling: str) -> bool:
    """Whether a spelling is one call, or stands in parentheses of its own, so that it can be an operand as it is."""
    depth, start = 0, len(spelling) - len(spelling.lstrip("abcdefghijklmnopqrstuvwxyz_0123456789"))
    for place, character in enumerate(spelling[start:], start):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return character == ")" and place == len(spelling) - 1
    return False


_N, _R, _I, _F = Field.NODE, Type.REAL, Type.INDEX, Type.FLAG
_NO = Field.NOTHING
_PASSES = Zeros(shown=(False, False))
_NO_ZEROS = Zeros((False, False), (False, False), negative=False)
_IEEE = "one IEEE 754 operation, correctly rounded"
_LIBM = "the C library's function, the one CPython calls; never a vectorised or built-in variant"
_CHOICE = "a choice between numbers; nothing is rounded"

OPS: tuple[Op, ...] = (
    Op("const", Field.CONSTANT, _NO, (), _R, None, None, "{a}", "{a}", "printed with 17 digits, or as hex"),
    Op("input", Field.INPUT, _NO, (), _R, None, None, "{a}", "{a}", "read from the caller"),
    Op("index", Field.INDEX, _NO, (), _I, None, None, "{a}", "{a}", "read from the caller"),
    Op("gather", _N, Field.TABLE, (_I,), _R, None, None, "{b}", "{b}", _CHOICE),
    Op("add", _N, _N, (_R, _R), _R, lambda a, b: a + b, lambda build, node, a, b: (ONE, ONE),
       "{a} + {b}", "{a} + {b}", _IEEE, commutative=True, c_lanes="{a} + {b}", zeros=_PASSES),
    Op("mul", _N, _N, (_R, _R), _R, lambda a, b: a * b, lambda build, node, a, b: (b, a),
       "{a} * {b}", "{a} * {b}", _IEEE, commutative=True, c_lanes="{a} * {b}", zeros=_PASSES),
    Op("div", _N, _N, (_R, _R), _R, arithmetic.divide, _derive_div, "divide({a}, {b})", "{a} / {b}", _IEEE,
       python_raising="({a} / {b})", c_lanes="{a} / {b}", zeros=Zeros((True, False), (False, True))),
    Op("pow", _N, _N, (_R, _R), _R, arithmetic.power, _derive_pow, "power({a}, {b})", "pow({a}, {b})", _LIBM,
       python_raising="pow({a}, {b})", zeros=Zeros((True, False), (True, False))),
    Op("log", _N, _NO, (_R,), _R, arithmetic.logarithm,
       lambda build, node, a, b: (build.div(build.const(1.0), a), None), "logarithm({a})", "log({a})", _LIBM,
       python_raising="log({a})", zeros=Zeros((False, False), (False, False))),
    Op("exp", _N, _NO, (_R,), _R, arithmetic.exponential, lambda build, node, a, b: (node, None),
       "exponential({a})", "exp({a})", _LIBM, python_raising="exp({a})", zeros=_NO_ZEROS),
    Op("relu", _N, _NO, (_R,), _R, arithmetic.rectify, lambda build, node, a, b: (build.step(a), None),
       "({a} if {a} > 0.0 else 0.0)", "rectify1({a})", _CHOICE, c_lanes="rectify{w}({a})", zeros=_NO_ZEROS),
    Op("step", _N, _NO, (_R,), _R, arithmetic.step, None,
       "(1.0 if {a} > 0.0 else 0.0)", "positive1({a})", _CHOICE, c_lanes="positive{w}({a})", zeros=_NO_ZEROS),
    Op("max", _N, _N, (_R, _R), _R, arithmetic.larger, None, "max({a}, {b})", "larger1({a}, {b})", _CHOICE,
       c_lanes="larger{w}({a}, {b})", zeros=_PASSES),
    Op("equal", _N, Field.NUMBER, (_I,), _F, lambda a, b: a == b, None, "{a} == {b}", "{a} == {b}", _CHOICE,
       c_lanes="{a} == {b}", zeros=_NO_ZEROS),
    Op("where", _N, _N, (_F, _R), _R, lambda a, b: b if a else 0.0,
       lambda build, node, a, b: (None, build.where(a, build.const(1.0))),
       "{b} if {a} else 0.0", "({a} ? {b} : 0.0)", _CHOICE, c_lanes="keep{w}({a}, {b})", zeros=_PASSES),
    Op("unless", _N, _N, (_F, _R), _R, lambda a, b: 0.0 if a else b,
       lambda build, node, a, b: (None, build.unless(a, build.const(1.0))),
       "0.0 if {a} else {b}", "({a} ? 0.0 : {b})", _CHOICE, c_lanes="drop{w}({a}, {b})", zeros=_PASSES),
    Op("select", _N, Field.LIST, (_I,), _R, None, None, "({b})[{a}]", "{b}", _CHOICE, zeros=_PASSES),
)  # fmt: skip

OPS_BY_NAME = {row.name: code for code, row in enumerate(OPS)}

(CONST, INPUT, INDEX, GATHER, ADD, MUL, DIV, POW, LOG, EXP, RELU, STEP, MAX, EQUAL, WHERE, UNLESS, SELECT) = range(
    len(OPS)
)

# What a graph is given, not what it computes: it has no place of its own in a program.
GIVEN = frozenset((CONST, INPUT, INDEX))
# What is read, not computed.
READ = GIVEN | {GATHER}
