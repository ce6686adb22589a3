"""Compiles one program into the cache, as a process of its own: ``python -m microgpt.runtime.compile_one FOLDER RECIPE``."""

import sys
from pathlib import Path

from .cache import Cache
from .library import Library, Recipe

if __name__ == "__main__":
    folder, recipe = sys.argv[1:]
    try:
        Library(Cache.open(Path(folder)), jobs=1).get(Recipe.from_json(recipe))
    except KeyboardInterrupt:
        sys.exit(130)
