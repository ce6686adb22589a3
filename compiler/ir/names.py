"""Names for values in generated code, made from the scopes of the model: ``p3_l0_h2_scores_5``.

A numbered scope is shortened to its first letter; what `differentiate` added begins with ``d_``; the last number
counts the values of that scope. Deterministic: names follow from the graph alone.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence

from .graph import Graph

__all__ = ["identifier", "is_reserved", "unused", "value_names"]

_NUMBERED = re.compile(r"([A-Za-z])[A-Za-z_]*?([0-9]+)")
_OTHER = re.compile(r"\W+", re.ASCII)

# Keywords of C and C++, and what compilers define: macros are in capitals.
_RESERVED = re.compile(
    r"auto|break|case|char|const|continue|default|do|double|else|enum|extern|float|for|goto|if|inline|int|long|register|"
    r"restrict|return|short|signed|sizeof|static|struct|switch|typedef|union|unsigned|void|volatile|while|asm|typeof|bool|"
    r"and|and_eq|bitand|bitor|catch|char8_t|char16_t|char32_t|class|co_await|co_return|co_yield|compl|concept|consteval|"
    r"constinit|const_cast|decltype|delete|dynamic_cast|explicit|export|friend|mutable|namespace|new|noexcept|not|not_eq|"
    r"operator|or|or_eq|private|protected|public|reinterpret_cast|requires|static_cast|template|this|throw|try|typeid|"
    r"typename|using|virtual|wchar_t|xor|xor_eq|"
    r"true|false|nullptr|constexpr|alignas|alignof|static_assert|thread_local|typeof_unqual|linux|unix|[A-Z][A-Z_]{2,}\w*"
)


def value_names(graph: Graph, nodes: Sequence[int], taken: Container[str] = ()) -> dict[int, str]:
    """A Python and C identifier for each of `nodes`, all different and none of those `taken`."""
    prefixes = [_prefix(origin.scope or origin.function) for origin in graph.origins]
    counts: dict[str, int] = {}
    names: dict[int, str] = {}
    for node in nodes:
        prefix = prefixes[graph.origin[node]]
        if graph.source[node] < 0:
            prefix = f"d_{prefix}"
        counts[prefix] = number = counts.get(prefix, -1) + 1
        names[node] = unused(f"{prefix}_{number}", taken)
    return names


def unused(name: str, taken: Container[str]) -> str:
    """`name`, with underscores behind it if it is taken."""
    while name in taken:
        name += "_"
    return name


def is_reserved(name: str) -> bool:
    """Whether a name has a meaning in C."""
    return _RESERVED.fullmatch(name) is not None


def identifier(text: str) -> str:
    """`text` with everything that cannot stand in an identifier replaced; never empty."""
    plain = _OTHER.sub("_", text).strip("_") or "value"
    return plain if plain[0].isalpha() else f"v{plain}"


def _prefix(scope: str) -> str:
    parts = []
    for part in scope.split("."):
        numbered = _NUMBERED.fullmatch(part)
        parts.append(numbered[1] + numbered[2] if numbered else identifier(part))
    return "_".join(parts)
