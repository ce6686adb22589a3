"""Programs over sizes, and samples of them, as JSON: for the cache, and for other processes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from fractions import Fraction
from typing import Any

from ...compiler.loops import loop_ir
from ...compiler.sizes.fit import Constant
from ...compiler.sizes.generalise import Sample, SizedPrograms
from ...compiler.sizes.polynomial import Polynomial
from ...compiler.sizes.sized_layout import PlacedArrays, SizedLayout

__all__ = ["from_json", "to_json"]

# What programs consist of.
_KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        *filter(is_dataclass, vars(loop_ir).values()),
        Constant,
        PlacedArrays,
        Polynomial,
        Sample,
        SizedLayout,
        SizedPrograms,
    )
    if isinstance(kind, type)
}
_FIELDS = {kind: tuple(field.name for field in fields(kind)) for kind in _KINDS.values()}


def to_json(part: Any) -> str:
    """A part of programs as JSON: what is no number, text or mapping becomes a list that begins with its kind."""
    return json.dumps(_written(part))


def from_json(text: str | bytes) -> Any:
    """What `to_json` has written."""
    return _read(json.loads(text))


def _written(part: Any) -> Any:
    kind = type(part)
    if kind is int or kind is str:
        return part
    if kind is tuple:
        return ["tuple", *map(_written, part)]
    if kind in _FIELDS:
        return [kind.__name__, *(_written(getattr(part, name)) for name in _FIELDS[kind])]
    if isinstance(part, Set):
        return ["set", *sorted(part)]
    if isinstance(part, Fraction):
        return ["Fraction", str(part)]
    return {name: _written(value) for name, value in part.items()} if isinstance(part, Mapping) else part


def _read(written: Any) -> Any:
    if isinstance(written, dict):
        return {name: _read(value) for name, value in written.items()}
    if not isinstance(written, list):
        return written
    kind, *parts = written
    if kind == "tuple":
        return tuple(map(_read, parts))
    if kind == "set":
        return frozenset(parts)
    return Fraction(*parts) if kind == "Fraction" else _KINDS[kind](*map(_read, parts))
