"""A process that compiles programs into a cache, started by `compile_pool` with the cache's folder and the name of the
numerics as its arguments.

Reads recipes, a line each; answers each with a line of JSON: null, or what went wrong.
"""

import json
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from ...compiler.errors import CompileError
from ...compiler.numerics import numerics
from ..storage.cache import Cache
from .library import Library
from .recipe import Recipe

__all__ = ["describe_error"]


def describe_error(error: Exception) -> dict[str, Any]:
    """An error for the process that asked: its ``kind``, ``message`` and ``traceback``, and ``errno`` and ``filename``
    if it has them."""
    kinds = (CompileError, MemoryError, OSError)
    return {
        "kind": next((kind.__name__ for kind in kinds if isinstance(error, kind)), "internal"),
        "name": type(error).__name__,
        "message": str(error.strerror if isinstance(error, OSError) and error.strerror else error),
        "errno": getattr(error, "errno", None),
        "filename": str(error.filename) if isinstance(error, OSError) and error.filename is not None else None,
        "traceback": traceback.format_exc(),
    }


def main() -> None:
    # The terminal sends Ctrl-C to everybody; the process that asked ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Answers have a stream of their own: whatever a library prints must not get between them.
    answers, sys.stdout = sys.stdout, sys.stderr
    library = Library(Cache.open(Path(sys.argv[1])), jobs=1)
    for line in sys.stdin:
        try:
            with numerics(sys.argv[2]):
                library.compile(Recipe.from_json(line))
            answer = None
        except Exception as error:  # whatever it is, the process that asked raises it
            answer = describe_error(error)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
