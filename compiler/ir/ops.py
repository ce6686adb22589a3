"""The table of operations: a row each, with all that the compiler knows of it.

Every stage walks this table instead of naming operations: the interpreter (column `evaluate`), `differentiate` and the
eager autograd (columns `evaluate` and `derivative`), `simplify` (column `zeros`), the emitters (columns `python`, `c`
and `c_lanes`), the guards of C (column `libm`), the text form and the verifier (columns `types`, `attribute`,
`result`). What users call by its name (column `doc`) is a method of every kind of scalar and a function of the package,
see `elementary`. Adding an operation is adding a row.

A node of a graph has an operation, any number of operands, which are nodes, and an attribute: a whole number that is no
node. The row says of what type each operand is, and what the attribute means: an entry of one of the graph's side
tables, a plain number, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .. import arithmetic
from ..numerics import meaning, power

__all__ = [
    "ADD", "AND", "ATTACH", "BRANCH", "CALLED", "CHOOSE", "CONST", "DIV", "EQUAL", "EXP", "GATHER", "GIVEN", "INDEX",
    "INPUT", "LESS", "LESS_EQUAL", "LETTERS", "LIBM", "LOG", "MAX", "MUL", "NOT", "ONE", "OPS", "OPS_BY_NAME", "OR",
    "POW", "READ", "RELU", "SAME", "SELECT", "STEP", "UNLESS", "WHERE", "Attribute", "Op", "Type", "Zeros", "called_in",
    "is_closed", "spell",
]  # fmt: skip


class Attribute(Enum):
    """What the attribute of a node refers to."""

    NOTHING = "-"
    CONSTANT = "constant"
    INPUT = "input"
    INDEX = "index"
    TABLE = "table"
    NUMBER = "number"


class Type(Enum):
    """What a node is worth: a double, a whole number, or a truth value."""

    REAL = "real"
    INDEX = "index"
    FLAG = "flag"


# A local gradient of exactly one: the contribution is the gradient itself, and no product need be recorded.
ONE = -1

# From a calculator, a result and its operands to the local gradient of each operand, or None for no gradient. All are
# nodes of a graph, or floats: it is written once for both.
Derivative = Callable[..., tuple[Any, ...]]
# A `Calculator`, which takes its operations from this table.
Build = Any

# Names for operands in spellings.
LETTERS = "abcdefgh"


@dataclass(frozen=True)
class Zeros:
    """What an operation does with the sign of a zero, which is outside the contract as long as nothing shows it.

    Without knowledge, everything is possible: that is always right, and costs simplifications.

    Attributes:
        handed_on: for each operand, whether the sign of its zero may be that of a zero result; the last entry is for
            all that follow.
        shown: likewise, whether another number may result from the other sign of its zero. For a power see `simplify`:
            this depends on its exponent.
        negative: whether the result may be a negative zero.
    """

    handed_on: tuple[bool, ...] = (True,)
    shown: tuple[bool, ...] = (True,)
    negative: bool = True


@dataclass(frozen=True)
class Op:
    """One row.

    Attributes:
        name: as in the text form.
        types: of the operands; of a variadic row, the last one is that of all further operands, too.
        result: the type of the node itself.
        evaluate: from the operands' values, and the attribute if there is one, to the result; None where the
            interpreter must look into the graph's tables.
        derivative: the local gradients, exactly as the eager autograd computes them; None where there is no gradient.
            `gather` and `select` pass gradients on by position, which `differentiate` does itself.
        python, c: how an expression is spelled, with ``{a}``, ``{b}``, ... for the operands' texts and ``{n}`` for that
            of the attribute; in C with the functions of `prelude`, and each operand once.
        python_raising: a faster spelling in Python that raises an exception where IEEE 754 has an answer; or empty.
        exact: why every execution gives the same bits.
        commutative: whether swapping the operands changes nothing.
        c_lanes: how the expression is spelled for vectors of ``{w}`` doubles, whose infix operators take plain doubles
            too; empty where it has to be computed lane by lane.
        zeros: what it does with the sign of a zero.
        libm: the functions of the C library that it calls. Every C file protects them from being replaced.
        doc: one line for users; with it, a row of one number is a method and a function that they
            call by its name.
        slope: likewise, its derivative, with what it is taken as where there is none.
        symbol: how it is drawn; by default, by its name.
        attribute: what it refers to.
        variadic: whether there may be any number of operands of the last type; in spellings, ``{b}`` is all of them.
        picks: whether it is one of its operands, picked by its first one, and hands its gradient to that one alone.

    Raises:
        ValueError: if a column is missing, or a spelling does not mention each operand, or in C mentions one twice.
    """

    name: str
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
    libm: tuple[str, ...] = ()
    doc: str = ""
    slope: str = ""
    symbol: str = ""
    attribute: Attribute = Attribute.NOTHING
    variadic: bool = False
    picks: bool = False

    def __post_init__(self) -> None:
        for column in ("name", "python", "c", "exact"):
            if not getattr(self, column):
                raise ValueError(f"the row {self.name!r} has nothing in the column {column}")
        if self.evaluate is None:
            return  # read, not computed: the emitters know these
        if self.doc and (self.derivative is None or not self.slope):
            raise ValueError(f"{self.name} is called by users, so it needs a derivative, and the text of its slope")
        for column in ("python", "python_raising", "c", "c_lanes"):
            spelling = getattr(self, column)
            for place, letter in enumerate((*LETTERS, "n")):
                operand, wanted = f"{{{letter}}}", self.is_marked if letter == "n" else place < len(self.types)
                count = spelling.count(operand)
                # An operand is an expression: in C, two mentions of it would double the text at every level.
                if spelling and (count != wanted if column.startswith("c") else bool(count) != wanted):
                    raise ValueError(f"the spelling {spelling!r} in the column {column} has {operand} {count} times")

    def takes(self, count: int) -> bool:
        """Whether there may be so many operands."""
        return count >= len(self.types) if self.variadic else count == len(self.types)

    def types_of(self, count: int) -> tuple[Type, ...]:
        """The types of so many operands."""
        return self.types + self.types[-1:] * (count - len(self.types))

    @property
    def is_marked(self) -> bool:
        """Whether its nodes have an attribute."""
        return self.attribute is not Attribute.NOTHING

    @property
    def flows(self) -> bool:
        """Whether a gradient flows through it."""
        return self.derivative is not None or self.picks

    @property
    def rounds(self) -> bool:
        """Whether it computes, and not only chooses between numbers."""
        return self.evaluate is not None and self.exact != _CHOICE

    @property
    def is_infix(self) -> bool:
        """Whether its spelling in C is an operator between operands, which takes vectors and plain doubles alike."""
        return self.c.startswith("{a}")


def _derive_pow(build: Build, node: Any, base: Any, exponent: Any) -> tuple[Any, ...]:
    power = build.constant_of(exponent)
    if power == 0.0:  # at 0, the general rule would give 0 times infinity
        return build.const(0.0), None
    return build.mul(exponent, build.pow(base, power - 1)), None


def _derive_div(build: Build, node: Any, numerator: Any, denominator: Any) -> tuple[Any, ...]:
    inverse = build.div(build.const(1.0), denominator)
    return inverse, build.neg(build.mul(node, inverse))


def _of_one(rule: Callable[[Build, Any, Any], Any]) -> Derivative:
    """The derivative of a function of one number: `rule` takes a calculator, the result and the number."""
    return lambda build, node, a: (rule(build, node, a),)


def _derive_maximum(build: Build, node: Any, a: Any, b: Any) -> tuple[Any, ...]:
    second = build.step(build.sub(b, a))
    return build.sub(build.const(1.0), second), second


def _derive_minimum(build: Build, node: Any, a: Any, b: Any) -> tuple[Any, ...]:
    second = build.step(build.sub(a, b))
    return build.sub(build.const(1.0), second), second


def _derive_power(build: Build, node: Any, base: Any, exponent: Any) -> tuple[Any, ...]:
    less = build.node(OPS_BY_NAME["power"], base, build.sub(exponent, build.const(1.0)))
    return build.mul(exponent, less), build.mul(node, build.call("log", base))


def spell(spelling: str, operands: Sequence[str], attribute: object = "", width: object = 1) -> str:
    """A spelling with the texts of operands and attribute in it."""
    return spelling.format(n=attribute, w=width, **dict(zip(LETTERS, operands, strict=False)))


def called_in(spelling: str) -> str:
    """The function that a spelling calls; empty if it is none."""
    name, bracket, _ = spelling.partition("(")
    return name if bracket and name.isidentifier() else ""


def is_closed(spelling: str) -> bool:
    """Whether a spelling is one call, or stands in parentheses of its own, so that it can be an operand as it is."""
    depth, start = 0, len(spelling) - len(spelling.lstrip("abcdefghijklmnopqrstuvwxyz_0123456789"))
    for place, character in enumerate(spelling[start:], start):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return character == ")" and place == len(spelling) - 1
    return False


_R, _I, _F = Type.REAL, Type.INDEX, Type.FLAG
_PASSES = Zeros(shown=(False, False))
_NO_ZEROS = Zeros((False, False), (False, False), negative=False)
_IEEE = "one IEEE 754 operation, correctly rounded"
_LIBM = "the C library's function, the one CPython calls; never a vectorised or built-in variant"
_PROVED = "the C library's function, the one CPython calls; in vectors, what is proved to have its bits"
_FORMULA = "the C library's functions and IEEE 754 operations, the same ones in the same order everywhere"
_CHOICE = "a choice between numbers; nothing is rounded"

OPS: tuple[Op, ...] = (
    Op("const", (), _R, None, None, "{n}", "{n}", "printed with 17 digits, or as hex", attribute=Attribute.CONSTANT),
    Op("input", (), _R, None, None, "{n}", "{n}", "read from the caller", attribute=Attribute.INPUT),
    Op("index", (), _I, None, None, "{n}", "{n}", "read from the caller", attribute=Attribute.INDEX),
    Op("gather", (_I,), _R, None, None, "{n}", "{n}", _CHOICE, attribute=Attribute.TABLE),
    Op("add", (_R, _R), _R, lambda a, b: a + b, lambda build, node, a, b: (build.one, build.one),
       "{a} + {b}", "{a} + {b}", _IEEE, commutative=True, c_lanes="{a} + {b}", zeros=_PASSES, symbol="+"),
    Op("mul", (_R, _R), _R, lambda a, b: a * b, lambda build, node, a, b: (b, a),
       "{a} * {b}", "{a} * {b}", _IEEE, commutative=True, c_lanes="{a} * {b}", zeros=_PASSES, symbol="×"),
    Op("div", (_R, _R), _R, arithmetic.divide, _derive_div, "divide({a}, {b})", "{a} / {b}", _IEEE,
       python_raising="({a} / {b})", c_lanes="{a} / {b}", zeros=Zeros((True, False), (False, True)), symbol="÷"),
    Op("pow", (_R, _R), _R, power, _derive_pow, "power({a}, {b})", "pow({a}, {b})", _PROVED,
       python_raising="pow({a}, {b})", c_lanes="power{w}({a}, {b})", zeros=Zeros((True, False), (True, False)),
       libm=("pow",), symbol="^"),
    Op("log", (_R,), _R, meaning("logarithm"), _of_one(lambda build, node, a: build.div(build.const(1.0), a)),
       "logarithm({a})", "log({a})", _PROVED, python_raising="log({a})", c_lanes="logarithm{w}({a})",
       zeros=Zeros((False, False), (False, False)), libm=("log",),
       doc="the natural logarithm: minus infinity at 0, NaN below", slope="1/x"),
    Op("exp", (_R,), _R, meaning("exponential"), _of_one(lambda build, node, a: node),
       "exponential({a})", "exp({a})", _PROVED, python_raising="exp({a})", c_lanes="exponential{w}({a})",
       zeros=_NO_ZEROS, libm=("exp",), doc="the exponential: infinite past overflow", slope="exp(x)"),
    Op("relu", (_R,), _R, arithmetic.rectify, _of_one(lambda build, node, a: build.step(a)),
       "({a} if {a} > 0.0 else 0.0)", "rectify1({a})", _CHOICE, c_lanes="rectify{w}({a})", zeros=_NO_ZEROS,
       doc="max(0, x); 0 for NaN", slope="1 above 0, else 0; 0 at 0"),
    Op("step", (_R,), _R, arithmetic.step, None,
       "(1.0 if {a} > 0.0 else 0.0)", "positive1({a})", _CHOICE, c_lanes="positive{w}({a})", zeros=_NO_ZEROS,
       symbol="> 0"),
    Op("max", (_R, _R), _R, arithmetic.larger, None, "max({a}, {b})", "larger1({a}, {b})", _CHOICE,
       c_lanes="larger{w}({a}, {b})", zeros=_PASSES),
    Op("equal", (_I,), _F, lambda a, n: a == n, None, "{a} == {n}", "{a} == {n}", _CHOICE, c_lanes="{a} == {n}",
       zeros=_NO_ZEROS, symbol="=", attribute=Attribute.NUMBER),
    Op("where", (_F, _R), _R, lambda a, b: b if a else 0.0,
       lambda build, node, a, b: (None, build.where(a, build.const(1.0))),
       "{b} if {a} else 0.0", "({a} ? {b} : 0)", _CHOICE, c_lanes="keep{w}({a}, {b})", zeros=_PASSES),
    Op("unless", (_F, _R), _R, lambda a, b: 0.0 if a else b,
       lambda build, node, a, b: (None, build.unless(a, build.const(1.0))),
       "0.0 if {a} else {b}", "({a} ? 0 : {b})", _CHOICE, c_lanes="drop{w}({a}, {b})", zeros=_PASSES),
    Op("select", (_I, _R), _R, None, None, "({b})[{a}]", "{b}", _CHOICE, zeros=_PASSES, variadic=True, picks=True),
    Op("sqrt", (_R,), _R, arithmetic.square_root,
       _of_one(lambda build, node, a: build.div(build.const(0.5), node)),
       "square_root({a})", "sqrt({a})", _IEEE, python_raising="sqrt({a})", c_lanes="square_root{w}({a})",
       zeros=_PASSES, doc="the square root, correctly rounded; NaN below 0", slope="0.5/sqrt(x); infinite at 0",
       symbol="√"),
    Op("abs", (_R,), _R, abs,
       _of_one(lambda build, node, a: build.sub(build.step(a), build.step(build.neg(a)))),
       "abs({a})", "fabs({a})", _CHOICE, c_lanes="magnitude{w}({a})", zeros=_NO_ZEROS,
       doc="the absolute value, which `abs(x)` gives too", slope="1 above 0, -1 below; 0 at 0"),
    Op("sin", (_R,), _R, meaning("sine"), _of_one(lambda build, node, a: build.call("cos", a)),
       "sine({a})", "sin({a})", _LIBM, python_raising="sin({a})", zeros=_PASSES,
       libm=("sin",), doc="the sine, of radians; NaN at the infinities", slope="cos(x)"),
    Op("cos", (_R,), _R, meaning("cosine"), _of_one(lambda build, node, a: build.neg(build.call("sin", a))),
       "cosine({a})", "cos({a})", _LIBM, python_raising="cos({a})", zeros=_NO_ZEROS,
       libm=("cos",), doc="the cosine, of radians; NaN at the infinities", slope="-sin(x)"),
    Op("tanh", (_R,), _R, meaning("tanh"),
       _of_one(lambda build, node, a: build.sub(build.const(1.0), build.mul(node, node))),
       "tanh({a})", "tanh({a})", _LIBM, zeros=_PASSES,
       libm=("tanh",), doc="the hyperbolic tangent", slope="1 - tanh(x)*tanh(x)"),
    Op("sinh", (_R,), _R, meaning("hyperbolic_sine"), _of_one(lambda build, node, a: build.call("cosh", a)),
       "hyperbolic_sine({a})", "sinh({a})", _LIBM, python_raising="sinh({a})", zeros=_PASSES,
       libm=("sinh",), doc="the hyperbolic sine: infinite past overflow", slope="cosh(x)"),
    Op("cosh", (_R,), _R, meaning("hyperbolic_cosine"), _of_one(lambda build, node, a: build.call("sinh", a)),
       "hyperbolic_cosine({a})", "cosh({a})", _LIBM, python_raising="cosh({a})", zeros=_NO_ZEROS,
       libm=("cosh",), doc="the hyperbolic cosine: infinite past overflow", slope="sinh(x)"),
    Op("atan", (_R,), _R, meaning("atan"),
       _of_one(lambda build, node, a: build.div(build.const(1.0), build.add(build.mul(a, a), build.const(1.0)))),
       "atan({a})", "atan({a})", _LIBM, zeros=_PASSES,
       libm=("atan",), doc="the arc tangent, in radians", slope="1/(x*x + 1)"),
    Op("erf", (_R,), _R, meaning("erf"),
       _of_one(lambda build, node, a: build.mul(build.call("exp", build.neg(build.mul(a, a))),
                                                build.const(1.1283791670955126))),
       "erf({a})", "erf({a})", _LIBM, zeros=_PASSES,
       libm=("erf",), doc="the error function", slope="exp(-x*x) * 2/sqrt(pi)"),
    Op("log1p", (_R,), _R, meaning("logarithm_of_1_plus"),
       _of_one(lambda build, node, a: build.div(build.const(1.0), build.add(a, build.const(1.0)))),
       "logarithm_of_1_plus({a})", "log1p({a})", _LIBM, python_raising="log1p({a})", zeros=_PASSES,
       libm=("log1p",), doc="log(1 + x), exact near 0: minus infinity at -1, NaN below", slope="1/(x + 1)"),
    Op("expm1", (_R,), _R, meaning("exponential_minus_1"),
       _of_one(lambda build, node, a: build.call("exp", a)),
       "exponential_minus_1({a})", "expm1({a})", _LIBM, python_raising="expm1({a})", zeros=_PASSES,
       libm=("expm1",), doc="exp(x) - 1, exact near 0: infinite past overflow", slope="exp(x)"),
    Op("sigmoid", (_R,), _R, meaning("sigmoid"),
       _of_one(lambda build, node, a: build.mul(node, build.sub(build.const(1.0), node))),
       "sigmoid({a})", "sigmoid1({a})", _FORMULA, zeros=_NO_ZEROS,
       libm=("exp",), doc="1/(1 + exp(-x)), where nothing overflows", slope="sigmoid(x) * (1 - sigmoid(x))"),
    Op("softplus", (_R,), _R, meaning("softplus"), _of_one(lambda build, node, a: build.call("sigmoid", a)),
       "softplus({a})", "softplus1({a})", _FORMULA, zeros=_NO_ZEROS,
       libm=("exp", "log1p"), doc="log(1 + exp(x)), as relu(x) + log1p(exp(-abs(x)))", slope="sigmoid(x)"),
    Op("maximum", (_R, _R), _R, arithmetic.larger, _derive_maximum, "max({a}, {b})", "larger1({a}, {b})",
       _CHOICE, c_lanes="larger{w}({a}, {b})", zeros=_PASSES, doc="the largest, as `max` finds it",
       slope="1 in the first of those that are largest, 0 in the others"),
    Op("minimum", (_R, _R), _R, arithmetic.smaller, _derive_minimum, "min({a}, {b})", "smaller1({a}, {b})",
       _CHOICE, c_lanes="smaller{w}({a}, {b})", zeros=_PASSES, doc="the smallest, as `min` finds it",
       slope="1 in the first of those that are smallest, 0 in the others"),
    # What `x ** y` is where the exponent is a scalar. Of a `pow`, the exponent is a constant.
    Op("power", (_R, _R), _R, power, _derive_power, "power({a}, {b})", "pow({a}, {b})", _PROVED,
       python_raising="pow({a}, {b})", c_lanes="power{w}({a}, {b})", libm=("pow",), symbol="^"),
    Op("less", (_R, _R), _F, lambda a, b: a < b, None, "{a} < {b}", "{a} < {b}", _CHOICE, c_lanes="{a} < {b}",
       zeros=_NO_ZEROS, symbol="<"),
    Op("less_equal", (_R, _R), _F, lambda a, b: a <= b, None, "{a} <= {b}", "{a} <= {b}", _CHOICE,
       c_lanes="{a} <= {b}", zeros=_NO_ZEROS, symbol="≤"),
    Op("same", (_R, _R), _F, lambda a, b: a == b, None, "{a} == {b}", "{a} == {b}", _CHOICE, commutative=True,
       c_lanes="{a} == {b}", zeros=_NO_ZEROS, symbol="="),
    Op("and", (_F, _F), _F, lambda a, b: a and b, None, "({a} and {b})", "({a} && {b})", _CHOICE, commutative=True,
       c_lanes="({a} & {b})", zeros=_NO_ZEROS, symbol="∧"),
    Op("or", (_F, _F), _F, lambda a, b: a or b, None, "({a} or {b})", "({a} || {b})", _CHOICE, commutative=True,
       c_lanes="({a} | {b})", zeros=_NO_ZEROS, symbol="∨"),
    Op("not", (_F,), _F, lambda a: not a, None, "(not {a})", "(!{a})", _CHOICE, c_lanes="(~{a})", zeros=_NO_ZEROS,
       symbol="¬"),
    Op("branch", (_F, _R, _R), _R, lambda a, b, c: b if a else c, None, "({b} if {a} else {c})", "({a} ? {b} : {c})",
       _CHOICE, c_lanes="blend{w}({a}, {b}, {c})", zeros=_PASSES, symbol="where", picks=True),
    # `simplify` makes selects of these: the two differ only in the order in which their gradients are added up.
    Op("choose", (_I, _R), _R, None, None, "({b})[{a}]", "{b}", _CHOICE, zeros=_PASSES, variadic=True, picks=True),
    # A number that another program has computed, and its derivative `c` in `b`: how sums over rows enter a graph.
    Op("attach", (_R, _R, _R), _R, lambda a, b, c: a, lambda build, node, a, b, c: (build.one, c, None),
       "({a}, {b}, {c})[0]", "((void){b}, (void){c}, {a})", _CHOICE, c_lanes="((void){b}, (void){c}, {a})",
       zeros=Zeros((True, False, False), (False, False, False))),
)  # fmt: skip

OPS_BY_NAME = {row.name: code for code, row in enumerate(OPS)}

# Those that the compiler knows more of than their rows say.
(CONST, INPUT, INDEX, GATHER, ADD, MUL, DIV, POW, LOG, EXP, RELU, STEP, MAX, EQUAL, WHERE, UNLESS, SELECT, *_) = range(
    len(OPS)
)
LESS, LESS_EQUAL, SAME, AND, OR, NOT, BRANCH, CHOOSE, ATTACH = (
    OPS_BY_NAME[name] for name in ("less", "less_equal", "same", "and", "or", "not", "branch", "choose", "attach")
)

# What a graph is given, not what it computes: it has no place of its own in a program.
GIVEN = frozenset((CONST, INPUT, INDEX))
# What is read, not computed.
READ = GIVEN | {GATHER}
# The functions of one number that users call by their names.
CALLED = tuple(code for code, row in enumerate(OPS) if row.doc and row.types == (_R,))
# The functions of the C library that programs call, and how many numbers each takes.
LIBM = dict(sorted((name, len(row.types)) for row in OPS for name in row.libm))
