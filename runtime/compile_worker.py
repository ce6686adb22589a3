"""A process that compiles programs into a cache: ``python -m microgpt.runtime.compile_worker FOLDER``.

Reads recipes, a line each; answers each with a line of JSON: null, or what went wrong.
"""

import json
import signal
import sys
from pathlib import Path

from .cache import Cache
from .library import Library
from .recipe import Recipe

if __name__ == "__main__":
    # The terminal sends Ctrl-C to everybody; the process that asked ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    library = Library(Cache.open(Path(sys.argv[1])), jobs=1)
    for line in sys.stdin:
        try:
            library.compile(Recipe.from_json(line))
            answer = None
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        print(json.dumps(answer), flush=True)
