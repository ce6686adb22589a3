"""How long 50 steps of moons.py take: eager, in Python and in C, each with the same bits.

Eager steps are counted in seconds of the processor, which others who use the machine do not lengthen; compiled ones by
the clock, the best of 3 calls in Python and of 20 in C.
"""

import tempfile
import time
from pathlib import Path

import moons

import microgpt
from microgpt.runtime.storage.cache import Cache

STEPS, REPEATS = 50, {"python": 3, "c": 20}


def fitted(target, cache):
    optimizer = microgpt.sgd(lambda step: 1.0 - 0.9 * step / moons.STEPS)
    return microgpt.fit(
        moons.loss, moons.layers, moons.examples, penalty=moons.penalty, optimizer=optimizer, steps=STEPS,
        target=target, cache=cache,
    )  # fmt: skip


def main():
    start = time.process_time()
    eager = fitted("eager", None)
    slow = time.process_time() - start
    print(
        f"| {STEPS} steps | run | times faster | compile | both, times faster | compile, cached | both, times faster |"
    )
    print("|---|---|---|---|---|---|---|")
    print(f"| eager | {slow:.2f} s | | | | | |")
    for target in ("python", "c"):
        with tempfile.TemporaryDirectory() as folder:
            found = [fitted(target, Cache.open(Path(folder))) for _ in range(REPEATS[target])]
        for each in found:
            assert each.losses == eager.losses
            assert each.weights == eager.weights
        run = min(each.seconds["run"] for each in found)
        compiling, *cached = (each.seconds["compile"] for each in found)
        times = [slow / seconds for seconds in (run, run + compiling, run + min(cached))]
        print(
            f"| {target} | {1000 * run:.1f} ms | {times[0]:,.0f} | {compiling:.2f} s | {times[1]:.1f} "
            f"| {min(cached):.2f} s | {times[2]:.0f} |"
        )


if __name__ == "__main__":
    main()
