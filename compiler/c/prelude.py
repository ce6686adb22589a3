"""The beginning of every C file: what keeps its results exact, vectors, and the operations of `ops` on them.

In: the width of the processor's vectors, and the program. Out: C, put together from the files of the folder ``text``,
with the definitions that the program uses. The guards see to it that the file rounds as Python does, whatever flags it
is compiled with, or is refused: what can be switched off is, the rest is an ``#error`` that says what to do. One thing
can be neither: Clang ignores, under ``-ffp-contract=fast``, every pragma against contraction, and defines no macro. So
there is also `exact_function`, a check that a program makes when it runs.

Vectors are the C compiler's own. A vector that the processor does not have would be taken to pieces in memory, so the
widest is the processor's. Calls of libm and divisions are spared where another result is proved to have the same bits
(``powers.h``, ``elementary.h``); `tools/checks/check_powers.py` and `tools/checks/check_elementary.py` look for inputs
that disprove the margins of these proofs.
"""

from __future__ import annotations

from functools import cache

from ..ir.ops import LIBM
from ..loops.lanes import GUESSED, SEVERAL
from ..numerics import Numerics, current
from .c_text import c_text, plain_text
from .drop_unused import drop_unused
from .fast_prelude import fast_prelude

__all__ = ["VECTOR_WIDTHS", "WIDE_WORDS", "exact_function", "prelude", "team", "waiting"]

# Doubles in the widest vector, as far as the generated code can use them: SSE and NEON, AVX, AVX-512.
VECTOR_WIDTHS = (2, 4, 8)

# Words of 32 bits in the numbers that accurate functions compute with.
WIDE_WORDS = 10

_PACKAGE = __package__ or ""
# Widths of vectors that are transposed as tiles.
_TILED = (4, 8)
# Functions that are guessed one number at a time, in portable numerics.
_BY_SERIES = ("sin", "cos", "tanh", "sinh", "cosh", "atan", "erf", "log1p", "expm1")
_OF_ONE_VECTOR = ("exponential", "logarithm", *(f"settled_{function}" for function in GUESSED.values()))


def prelude(vector_width: int, number: str = "", program: str | None = None) -> str:
    """The text, for the numerics in force.

    Args:
        vector_width: doubles in the widest vector, one of `VECTOR_WIDTHS`; or 1, for C without vectors.
        number: the type of numbers, ``double``, or without vectors ``float``; by default, that of the numerics.
        program: what stands behind it, whose names decide which definitions it has; None for all, which are few in fast
            numerics.
    """
    chosen = current()
    if chosen.fast and not number:
        return fast_prelude(chosen.lanes(vector_width), chosen.number)
    definitions = _definitions(vector_width, number or chosen.number, chosen)
    return _guards(vector_width) + (definitions if program is None else drop_unused(definitions, program))


def _guards(vector_width: int) -> str:
    return c_text(_PACKAGE, "guards.h", compilers="" if vector_width == 1 else plain_text(_PACKAGE, "vectors_only.h"))


@cache
def _definitions(vector_width: int, number: str, numerics: Numerics) -> str:
    if vector_width == 1:
        return "".join(
            [
                _head(number, numerics),
                *([] if numerics.libm else [_accurate(), _by_series(plain=True)]),
                c_text(_PACKAGE, "transpose.h", number=number, tiles=""),
            ]
        )
    widths = [width for width in VECTOR_WIDTHS if width <= vector_width]
    parts = [
        _head("double", numerics),
        *(_vectors(width) for width in widths),
        *([] if numerics.libm else [_accurate()]),
        c_text(_PACKAGE, "powers.h", w=vector_width),
        *(_quotients(width, vector_width) for width in widths),
        c_text(_PACKAGE, "guesses.h", w=vector_width),
        c_text(_PACKAGE, "elementary_tables.h"),
        _elementary(vector_width, numerics),
        *(_narrow(width, vector_width) for width in widths[:-1]),
        c_text(_PACKAGE, "batches.h", w=vector_width, number="double", kept="static NOINLINE"),
        _transpose(vector_width),
    ]
    return "".join(parts)


def _head(number: str, numerics: Numerics) -> str:
    f = "f" if number == "float" else ""
    single = plain_text(_PACKAGE, "single.h") if f else ""
    return f"{_functions(numerics, number)}{single}\n{c_text(_PACKAGE, 'head.h', number=number, f=f)}"


def exact_function(prefix: str) -> str:
    """``int PREFIX_exact(void)``: whether a build rounds as it must, here and now. To stand behind `prelude`. In fast
    numerics, none does.

    (1 + 2^-30)^2 - (1 + 2^-29) is 2^-60, which only a fused operation keeps; the last two sums are what they should be
    in one rounding mode alone.
    """
    if current().fast:
        return f"int {prefix}_exact(void) {{ return 0; }}\n"
    return c_text(_PACKAGE, "exact.h", prefix=prefix)


def waiting() -> str:
    """How threads wait for one another."""
    return plain_text(_PACKAGE, "waiting.h")


def team(number: str) -> str:
    """What threads that run a program together need, see `kernels/divide`. To stand behind `prelude`."""
    return waiting() + plain_text(_PACKAGE, "team.h") + c_text(_PACKAGE, "transpose_part.h", number=number)


def _functions(numerics: Numerics, number: str) -> str:
    """What stands for the functions of libm: pointers whose targets no compiler knows, or functions of ours."""
    if numerics.libm:
        return c_text(_PACKAGE, "libm.h", protected=_each("protected.h", number))
    return "/* Correctly rounded functions stand for libm's. */\n" + _each("replaced.h")


def _each(text: str, number: str = "double") -> str:
    """A text for each function of libm."""
    return "".join(
        c_text(
            _PACKAGE,
            text,
            name=name,
            types=", ".join([number] * arity),
            operands=", ".join("xy"[:arity]),
            parameters=", ".join(f"{number} {operand}" for operand in "xy"[:arity]),
            number=number,
            f="f" if number == "float" else "",
        )
        for name, arity in LIBM.items()
    )


def _accurate() -> str:
    """Correctly rounded functions for whatever arguments."""
    tables, one = plain_text(_PACKAGE, "wide_tables.h"), "0, " * (WIDE_WORDS - 1) + "1"
    return c_text(_PACKAGE, "wide.h", words=WIDE_WORDS, tables=tables, one=one) + plain_text(_PACKAGE, "accurate.h")


def _by_series(plain: bool) -> str:
    """Correctly rounded functions, guessed one number at a time: without vectors, all of them."""
    texts = ["series_tables.h", "series.h", *(["plain_portable.h"] if plain else [])]
    names = [*_BY_SERIES, *(["exp", "log"] if plain else [])]
    rounded = [c_text(_PACKAGE, "series_rounded.h", name=name) for name in names]
    return "".join([*(plain_text(_PACKAGE, each) for each in texts), *rounded])


def _elementary(vector_width: int, numerics: Numerics) -> str:
    """Elementary functions of vectors: guesses, and what settles the lanes that these leave in doubt."""
    libm = numerics.libm
    text = c_text(
        _PACKAGE,
        "elementary.h",
        w=vector_width,
        them="libm" if libm else "accurate functions",
        prefix="" if libm else "accurate_",
        where=f"{vector_width} > 2 && defined(__GLIBC__) && defined(__FMA__)" if libm else "1",
        margins=plain_text(_PACKAGE, f"margins_{numerics.name}.h"),
    )
    if not numerics.libm:
        return text + _by_series(plain=False) + c_text(_PACKAGE, "portable.h", w=vector_width)
    roots = {"enclose_root": 1, "enclose_roots": SEVERAL}
    enclosed = c_text(
        _PACKAGE,
        "enclosed_powers.h",
        w=vector_width,
        several=SEVERAL,
        roots="".join(_repeated("enclose_roots.h", count, vector_width, name=name) for name, count in roots.items()),
        roots_of_quotients=_repeated("roots_of_quotients.h", SEVERAL, vector_width),
    )
    return text + enclosed + c_text(_PACKAGE, "proved_powers.h", w=vector_width)


def _repeated(text: str, count: int, vector_width: int, **holes: str) -> str:
    """A text in which each line with an @ stands once for each of so many vectors, and has its number there."""
    lines = c_text(_PACKAGE, text, w=vector_width, **holes).splitlines(keepends=True)
    return "".join(line.replace("@", str(number)) for line in lines for number in range(count if "@" in line else 1))


def _vectors(width: int) -> str:
    # Instructions that compilers do not find by themselves.
    special = c_text(_PACKAGE, f"instructions{width}.h", special=c_text(_PACKAGE, "special.h", w=width))
    return c_text(
        _PACKAGE,
        "vectors.h",
        special=special,
        w=width,
        bytes=8 * width,
        xs=", ".join(["x"] * width),
        ys=", ".join(["y"] * width),
        numbers=", ".join(map(str, range(width))),
    )


def _narrow(width: int, widest: int) -> str:
    """Elementary functions of vectors that fill a part of the widest one only."""
    one = (c_text(_PACKAGE, "narrow.h", name=name, w=width, widest=widest) for name in _OF_ONE_VECTOR)
    return "".join(["\n", *one, c_text(_PACKAGE, "narrow_power.h", w=width, widest=widest)])


def _quotients(width: int, widest: int) -> str:
    """Quotients of vectors. A divisor has its numbers in all lanes of the widest one."""
    numbers = ("number", "reciprocal", "rest")
    spread = {f"{name}s": f"y.{name}s" if width == widest else f"all{width}(y.{name})" for name in numbers}
    return c_text(_PACKAGE, "quotients.h", w=width, **spread)


def _transpose(vector_width: int) -> str:
    """Tiles as wide and as high as a vector; in each step, pairs of vectors exchange halves."""
    if vector_width not in _TILED:
        return c_text(_PACKAGE, "transpose.h", number="double", tiles="")
    shuffle = plain_text(_PACKAGE, "shuffle.h") + (plain_text(_PACKAGE, "tile8.h") if vector_width == 8 else "")
    tiles = plain_text(_PACKAGE, f"tiled{vector_width}.h")
    return shuffle + c_text(_PACKAGE, "transpose.h", number="double", tiles=tiles)
