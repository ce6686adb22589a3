"""How long 50 steps of moons.py take: eager, in Python and in C, each with the same bits.

Calls are counted in seconds of the processor, which others who use the machine hardly lengthen, the best of several;
compilation by the clock, since the C compiler is another process.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import moons

import microgpt
from microgpt.runtime.storage.cache import Cache

STEPS, REPEATS = 50, {"c": 20, "python": 3}
CALLS = ("run alone", "whole call, cached", "first call in a process, cached", "whole call, compiling")


def fitted(target, cache):
    optimizer = microgpt.sgd(lambda step: 1.0 - 0.9 * step / moons.STEPS)
    return microgpt.fit(
        moons.loss, moons.layers, moons.examples, penalty=moons.penalty, optimizer=optimizer, steps=STEPS,
        target=target, cache=cache,
    )  # fmt: skip


def timed(target, cache):
    """A fit, and its seconds of the processor."""
    start = time.process_time()
    found = fitted(target, cache)
    return found, time.process_time() - start


def main():
    eager, slow = timed("eager", None)
    rows = {f"eager, {slow:.2f} s": [], **{name: [] for name in CALLS}}
    for target in REPEATS:
        with tempfile.TemporaryDirectory() as folder:
            cache = Cache.open(Path(folder))
            start = time.perf_counter()
            fitted(target, cache)
            compiled = time.perf_counter() - start
            found, seconds = zip(*(timed(target, cache) for _ in range(REPEATS[target])), strict=True)
            alone = min(first_call(target, folder) for _ in range(5))
        for each in found:
            assert each.losses == eager.losses
            assert each.weights == eager.weights
        run = min(each.seconds["run"] for each in found)
        for name, taken in zip(CALLS, (run, min(seconds), alone, compiled), strict=True):
            rows[name] += [f"{1000 * taken:,.1f} ms", f"{slow / taken:,.0f}"]
    print(f"| {STEPS} steps | {' | '.join(f'{target} | times faster' for target in REPEATS)} |")
    print(f"|---|{'--:|--:|' * len(REPEATS)}")
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(cells or [''] * 2 * len(REPEATS))} |")


def first_call(target, folder):
    """Seconds of the first `fit` of a process: it imports what it needs, and finds its program in the cache."""
    code = (
        "import sys, moons_speed; from pathlib import Path; "
        "print(moons_speed.timed(sys.argv[1], moons_speed.Cache.open(Path(sys.argv[2])))[1])"
    )
    command = [sys.executable, "-c", code, target, folder]
    return float(subprocess.run(command, cwd=Path(__file__).parent, check=True, capture_output=True).stdout)


if __name__ == "__main__":
    main()
