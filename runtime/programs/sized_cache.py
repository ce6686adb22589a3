"""Sized cache: programs over sizes are kept beside compiled libraries, so that the next width needs no traces.

Only what has been proved is kept. It is found again by the sources of model and compiler, like any other entry.
"""

from __future__ import annotations

from ..executable.program import program_key, sources_digest
from ..storage.cache import Cache
from .program_json import from_json, to_json
from .sized_loops import SizedModel, sized_model

__all__ = ["find_sized", "keep_sized"]

_FILE = "programs.json"


def find_sized(cache: Cache, n_layer: int) -> SizedModel:
    """The programs of all models of so many layers: from the cache, or learned now.

    Raises:
        NotRegularError: if those of small models have too little in common.
    """
    files = cache.load(_key(n_layer))
    if files is None or _FILE not in files:
        return sized_model(n_layer)
    # The cache has checked the folder's owner and the hash of every file: this is what `keep_sized` wrote.
    return SizedModel(n_layer, from_json(files[_FILE]), is_proved=True)


def keep_sized(cache: Cache, model: SizedModel) -> None:
    """Stores programs that have been proved."""
    model.prove()
    if cache.load(_key(model.n_layer)) is None:
        cache.store(_key(model.n_layer), {_FILE: to_json(model.programs).encode()})


def _key(n_layer: int) -> str:
    model = sources_digest("microgpt.model") + sources_digest("microgpt.runtime")
    return f"sizes{n_layer}-" + program_key({"n_layer": n_layer, "model": model})
