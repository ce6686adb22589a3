"""Sized cache: programs over sizes are kept beside compiled libraries, so that the next width needs no traces.

Only what has been proved is kept. It is found again by the sources of model and compiler, like any other entry.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from fractions import Fraction
from typing import Any

from ...compiler.loops import loop_ir
from ...compiler.sizes.fit import Constant
from ...compiler.sizes.generalise import SizedPrograms
from ...compiler.sizes.polynomial import Polynomial
from ...compiler.sizes.sized_layout import SizedLayout
from ..executable.program import program_key, sources_digest
from ..storage.cache import Cache
from .sized_loops import SizedModel, sized_model

__all__ = ["find_sized", "keep_sized"]

_FILE = "programs.json"

# What programs over sizes consist of.
_KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (*filter(is_dataclass, vars(loop_ir).values()), Constant, Polynomial, SizedLayout, SizedPrograms)
    if isinstance(kind, type)
}


def find_sized(cache: Cache, n_layer: int) -> SizedModel:
    """The programs of all models of so many layers: from the cache, or learned now.

    Raises:
        NotRegularError: if those of small models have too little in common.
    """
    files = cache.load(_key(n_layer))
    if files is None or _FILE not in files:
        return sized_model(n_layer)
    # The cache has checked the folder's owner and the hash of every file: this is what `keep_sized` wrote.
    return SizedModel(n_layer, _read(json.loads(files[_FILE])), is_proved=True)


def keep_sized(cache: Cache, model: SizedModel) -> None:
    """Stores programs that have been proved."""
    model.prove()
    if cache.load(_key(model.n_layer)) is None:
        cache.store(_key(model.n_layer), {_FILE: json.dumps(_written(model.programs)).encode()})


def _key(n_layer: int) -> str:
    model = sources_digest("microgpt.model") + sources_digest("microgpt.runtime")
    return f"sizes{n_layer}-" + program_key({"n_layer": n_layer, "model": model})


def _written(part: Any) -> Any:
    """A part of programs over sizes as JSON: what is no number, text or mapping becomes a list that begins with its
    kind.
    """
    if is_dataclass(part):
        return [type(part).__name__, *(_written(getattr(part, field.name)) for field in fields(part))]
    if isinstance(part, tuple):
        return ["tuple", *map(_written, part)]
    if isinstance(part, Set):
        return ["set", *sorted(part)]
    if isinstance(part, Fraction):
        return ["Fraction", str(part)]
    return {name: _written(value) for name, value in part.items()} if isinstance(part, Mapping) else part


def _read(written: Any) -> Any:
    """What `_written` has made."""
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
