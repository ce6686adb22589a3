"""Sized cache: programs over sizes are kept beside compiled libraries, so that the next width needs no traces.

Only what has been proved is kept. It is found again by the sources of model and compiler, like any other entry.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...compiler.numerics import current
from ..executable.program import program_key
from ..machine.child import Child, started
from ..storage.cache import Cache
from ..storage.sources import sources_digest

if TYPE_CHECKING:
    from .sized_loops import SizedModel

__all__ = ["find_sized", "keep_sized", "learning"]

_FILE = "programs.json"


@contextlib.contextmanager
def learning(cache: Cache, n_layer: int, kind: str = "training") -> Iterator[Child | None]:
    """Begins to make samples of small models, beside what is done within, unless what would be learned is known."""
    if cache.load(_key(n_layer, kind)) is not None:
        yield None
        return
    with started(Child("microgpt.runtime.programs.samples", str(n_layer), kind, current().name)) as child:
        yield child


def find_sized(cache: Cache, n_layer: int, child: Child | None = None, kind: str = "training") -> SizedModel:
    """The programs of all models of so many layers: from the cache, or learned now.

    Args:
        child: that of `learning`.
        kind: of the programs for lengths, see `flat_loops`.

    Raises:
        NotRegularError: if those of small models have too little in common.
    """
    # Not at the top: samples begin to be made before the compiler is there.
    from .program_json import from_json
    from .sized_loops import SizedModel, sized_model

    files = cache.load(_key(n_layer, kind))
    if files is None or _FILE not in files:
        return sized_model(n_layer, child, kind)
    # The cache has checked the folder's owner and the hash of every file: this is what `keep_sized` wrote.
    return SizedModel(n_layer, from_json(files[_FILE]), True, kind)


def keep_sized(cache: Cache, model: SizedModel) -> None:
    """Stores programs that have been proved."""
    from .program_json import to_json

    model.prove()
    if cache.load(_key(model.n_layer, model.kind)) is None:
        cache.store(_key(model.n_layer, model.kind), {_FILE: to_json(model.programs).encode()})


def _key(n_layer: int, kind: str) -> str:
    model = sources_digest("microgpt.model") + sources_digest("microgpt.runtime")
    return f"sizes{n_layer}-" + program_key({"n_layer": n_layer, "kind": kind, "model": model})
