"""The beginning of every C file in fast numerics: vectors of single or double precision, and functions of them.

In: the lanes of the processor's vectors and the type of numbers. Out: C, put together from the files of the folder
``text``. Nothing in it is proved: a function errs by a few units in the last place, and its series are written out from
their formulas. Pragmas let the compiler fuse products and sums and take a reciprocal for a quotient; nothing lets it
assume that there is no NaN or infinity (``-ffinite-math-only``), or change the order of a sum by itself
(``-fassociative-math``), which would also undo what the functions rely on.
"""

from __future__ import annotations

from functools import cache
from math import factorial

from ..ir.ops import LIBM
from .c_text import c_text, plain_text

__all__ = ["fast_prelude"]

_PACKAGE = __package__ or ""
_TYPES: dict[str, dict[str, object]] = {
    "float": {
        "whole": "int",
        "size": 4,
        "most": "0x7fffffff",
        "bias": 127,
        "mantissa": 23,
        "to_whole": "0x1.8p23",
        "lowest": "-104.0f",
        "highest": "89.0f",
        "log2_high": "0.693359375",
        "log2_low": "-0.00021219444005469057",
        "least": "0x1p-126f",
        "scale": "0x1p24",
        "scale_bits": 24,
        "root_half": "0x3f3504f3",
    },
    "double": {
        "whole": "long long",
        "size": 8,
        "most": "0x7fffffffffffffffLL",
        "bias": 1023,
        "mantissa": 52,
        "to_whole": "0x1.8p52",
        "lowest": "-746.0",
        "highest": "710.0",
        "log2_high": "0.6931471803691238",
        "log2_low": "1.9082149292705877e-10",
        "least": "0x1p-1022",
        "scale": "0x1p54",
        "scale_bits": 54,
        "root_half": "0x3fe6a09e667f3bcdLL",
    },
}
# The last terms of the series of the exponential and of the logarithm: what follows is less than a tenth of a unit.
_LAST = {"float": (7, 9), "double": (13, 21)}
# GCC's functions for a root of all lanes, and what they depend on; Clang finds them by itself.
_ROOTS = {
    ("float", 4): ("__SSE2__", "__builtin_ia32_sqrtps", "(x)"),
    ("float", 8): ("__AVX__", "__builtin_ia32_sqrtps256", "(x)"),
    ("float", 16): ("__AVX512F__", "__builtin_ia32_sqrtps512_mask", "(x, x, -1, 4)"),
    ("double", 2): ("__SSE2__", "__builtin_ia32_sqrtpd", "(x)"),
    ("double", 4): ("__AVX__", "__builtin_ia32_sqrtpd256", "(x)"),
    ("double", 8): ("__AVX512F__", "__builtin_ia32_sqrtpd512_mask", "(x, x, -1, 4)"),
}

# Those for the larger and the smaller of two, which are the second if one of them is NaN.
_EXTREMES = {
    ("float", 4): ("__SSE__", "ps", "(b, a)"),
    ("float", 8): ("__AVX__", "ps256", "(b, a)"),
    ("float", 16): ("__AVX512F__", "ps512_mask", "(b, a, a, -1, 4)"),
    ("double", 2): ("__SSE2__", "pd", "(b, a)"),
    ("double", 4): ("__AVX__", "pd256", "(b, a)"),
    ("double", 8): ("__AVX512F__", "pd512_mask", "(b, a, a, -1, 4)"),
}

# Those for products with powers of 2.
_SCALES = {
    ("float", 4): ("__AVX512VL__", "ps128_mask", "(x, n, x, -1)"),
    ("float", 8): ("__AVX512VL__", "ps256_mask", "(x, n, x, -1)"),
    ("float", 16): ("__AVX512F__", "ps512_mask", "(x, n, x, -1, 4)"),
    ("double", 2): ("__AVX512VL__", "pd128_mask", "(x, n, x, -1)"),
    ("double", 4): ("__AVX512VL__", "pd256_mask", "(x, n, x, -1)"),
    ("double", 8): ("__AVX512F__", "pd512_mask", "(x, n, x, -1, 4)"),
}

# Those for numbers from everywhere, which lanes set in a mask take.
_GATHERS = {
    ("float", 8): ("__AVX2__", "__builtin_ia32_gathersiv8sf", "(v8)(lanes == lanes)"),
    ("float", 16): ("__AVX512F__", "__builtin_ia32_gathersiv16sf", "-1"),
}

# Those for parts of vectors, and the type of the numbers of a mask, if it is a vector.
_PARTS = {
    ("float", 8): ("__AVX__", "mask{}ps256", "int"),
    ("float", 16): ("__AVX512F__", "{}ups512_mask", ""),
    ("double", 4): ("__AVX__", "mask{}pd256", "long long"),
    ("double", 8): ("__AVX512F__", "{}upd512_mask", ""),
}


@cache
def fast_prelude(lanes: int, number: str) -> str:
    """The text.

    Args:
        lanes: in the widest vector, a power of two.
        number: the type of numbers, ``float`` or ``double``.
    """
    single = number == "float"
    f = "f" if single else ""
    widths = [1 << place for place in range(1, lanes.bit_length())]
    names = [*LIBM, "fabs", "sqrt"] if single else []
    functions = "".join(
        c_text(_PACKAGE, "fast_function.h", name=name, operands=", ".join("xy"[: LIBM.get(name, 1)])) for name in names
    )
    scalar = {"type": number, "first": "y", "root": "sqrt", "one": "1", "general": f"    return pow{f}(x, y);\n"}
    tiles = "".join(
        c_text(_PACKAGE, "fast_tiled.h", w=width, number=number, tile=_tile(width)) for width in widths[:0:-1]
    )
    return "".join(
        [
            plain_text(_PACKAGE, "fast.h"),
            functions,
            c_text(_PACKAGE, "head.h", number=number, f=f),
            plain_text(_PACKAGE, "fast_single.h") if single else "",
            c_text(_PACKAGE, "fast_power.h", w=1, number=number, **scalar),
            "#undef pow\n#define pow(x, y) power1(x, y)\n",
            c_text(_PACKAGE, "fast_divisor.h", number=number, w=lanes),
            *(_vectors(width, number) for width in widths),
            c_text(_PACKAGE, "batches.h", w=lanes, number=number, kept="INLINE"),
            plain_text(_PACKAGE, "shuffle.h"),
            c_text(_PACKAGE, "transpose.h", number=number, tiles=tiles),
        ]
    )


def _vectors(width: int, number: str) -> str:
    types = _TYPES[number]
    last, odd = _LAST[number]
    vector = f"v{width}"
    text = c_text(
        _PACKAGE,
        "fast_vectors.h",
        w=width,
        number=number,
        bytes=int(str(types["size"])) * width,
        xs=", ".join(["x"] * width),
        ys=", ".join(["y"] * width),
        numbers=", ".join(map(str, range(width))),
        root=_root(width, number),
        larger=_extreme(width, number, "max", ">"),
        smaller=_extreme(width, number, "min", "<"),
        scaled=_scaled(width, number),
        over=_over(width, number),
        choose=_choose(width, number),
        load_part=_part(width, number, "load"),
        store_part=_part(width, number, "store"),
        factorial=f"{factorial(last)}.0",
        exponential_terms="\n    ".join(
            f"r = r * rest + ({number})(1.0 / {factorial(power)}.0);" for power in range(last - 1, -1, -1)
        ),
        odd=f"{odd}.0",
        logarithm_terms="\n    ".join(f"r = r * z + ({number})(2.0 / {power}.0);" for power in range(odd - 2, 0, -2)),
        **types,
    )
    general = f"    {vector} r;\n    for (int i = 0; i < {width}; i++) r[i] = power1(x[i], y[i]);\n    return r;\n"
    power = {"type": vector, "first": "y[0]", "root": f"square_root{width}", "one": f"all{width}(1)"}
    return text + c_text(_PACKAGE, "fast_power.h", w=width, number=number, general=general, **power)


def _tile(width: int) -> str:
    """The transpose of a tile as high as a vector is wide, written out so that it stays in registers: of the numbers of
    rows and columns, one bit after the other changes places.
    """
    names = [f"r{row}" for row in range(width)]
    lines = [f"const v{width} {name} = load{width}(f + {row} * from_row);" for row, name in enumerate(names)]
    bit = 1
    while bit < width:
        lanes = range(width)
        low = ", ".join(str(width + lane - bit if lane & bit else lane) for lane in lanes)
        high = ", ".join(str(width + lane if lane & bit else lane + bit) for lane in lanes)
        following = list(names)
        for row in range(width):
            if not row & bit:
                a, b = names[row], names[row + bit]
                following[row], following[row + bit] = f"{a}_{bit}", f"{b}_{bit}"
                lines.append(f"const v{width} {a}_{bit} = SHUFFLE({a}, {b}, {low});")
                lines.append(f"const v{width} {b}_{bit} = SHUFFLE({a}, {b}, {high});")
        names, bit = following, 2 * bit
    lines += [f"store{width}(t + {row} * to_row, {name});" for row, name in enumerate(names)]
    return "".join(f"            {line}\n" for line in lines)


def _part(width: int, number: str, what: str) -> str:
    """Loads or stores the first lanes of a vector."""
    lanes = f"(count < {width} ? count > 0 ? count : 0 : {width})"
    size = f"(size_t){lanes} * sizeof({number})"
    loop = {
        "load": f"    v{width} r = all{width}(0);\n    memcpy(&r, p, {size});\n    return r;\n",
        "store": f"    memcpy(p, &x, {size});\n",
    }[what]
    if (number, width) not in _PARTS:
        return loop
    macro, name, mask = _PARTS[number, width]
    name = f"__builtin_ia32_{name.format(what)}"
    if mask:
        masked = f"    const n{width} mask = (n{width}){{{', '.join(map(str, range(width)))}}} < ({mask})count;\n"
        call = f"{name}((v{width} *)p, mask, x);" if what == "store" else f"return {name}((const v{width} *)p, mask);"
    else:
        masked = f"    const unsigned mask = (1u << {lanes}) - 1;\n"
        call = f"{name}(p, x, mask);" if what == "store" else f"return {name}(p, all{width}(0), mask);"
    return f"#if defined({macro}) && HAS({name})\n{masked}    {call}\n#else\n{loop}#endif\n"


def _choose(width: int, number: str) -> str:
    element = "p[stride * chosen[i] + step * i]"
    loop = f"    v{width} r;\n    for (int i = 0; i < {width}; i++) r[i] = {element};\n    return r;\n"
    if (number, width) not in _GATHERS:
        return loop
    macro, name, mask = _GATHERS[number, width]
    lanes = ", ".join(map(str, range(width)))
    return (
        f"#if defined({macro}) && HAS({name})\n    const n{width} lanes = {{{lanes}}};\n"
        f"    const n{width} places = entries{width}(chosen) * (int)stride + lanes * (int)step;\n"
        f"    return {name}(all{width}(0), p, places, {mask}, 4);\n#else\n{loop}#endif\n"
    )


def _over(width: int, number: str) -> str:
    quotient = "    return x / y;\n"
    if (number, width) != ("float", 16):
        return quotient
    return f"{plain_text(_PACKAGE, 'fast_quotient.h')}#else\n{quotient}#endif\n"


def _root(width: int, number: str) -> str:
    f = "f" if number == "float" else ""
    loop = f"    v{width} r;\n    for (int i = 0; i < {width}; i++) r[i] = __builtin_sqrt{f}(x[i]);\n    return r;\n"
    return _or_else(_ROOTS.get((number, width)), "", loop)


def _extreme(width: int, number: str, name: str, sign: str) -> str:
    return _or_else(
        _EXTREMES.get((number, width)), f"__builtin_ia32_{name}", f"    return blend{width}(b {sign} a, b, a);\n"
    )


def _scaled(width: int, number: str) -> str:
    bias, mantissa, size = (_TYPES[number][name] for name in ("bias", "mantissa", "to_whole"))
    general = (
        f"    const n{width} whole = (n{width})shifted - (n{width})all{width}(({number}){size}), half = whole >> 1;\n"
        f"    return (x * (v{width})((half + {bias}) << {mantissa}))\n"
        f"        * (v{width})((whole - half + {bias}) << {mantissa});\n"
    )
    return _or_else(_SCALES.get((number, width)), "__builtin_ia32_scalef", general)


def _or_else(builtin: tuple[str, str, str] | None, prefix: str, general: str) -> str:
    """A function of the compiler's, where there is one, or else other C."""
    if builtin is None:
        return general
    macro, name, operands = builtin
    name = f"{prefix}{name}"
    return f"#if defined({macro}) && HAS({name})\n    return {name}{operands};\n#else\n{general}#endif\n"
