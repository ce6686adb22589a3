"""Samples: the loop programs of a few small models, from which those of all others are learned.

Half of them are made by a process of its own: ``python -m microgpt.runtime.programs.samples``, which writes them as
JSON.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from ...compiler.loops.layout import Layout
from ...compiler.pipeline import without_collection
from ...compiler.sizes.generalise import Sample
from ...compiler.sizes.sized_layout import PlacedArrays
from ..machine.child import child_environment, python_command
from .model_loops import flat_loops
from .program_json import from_json, to_json
from .shapes import LEARNED, Shape

__all__ = ["FIRST", "WORDS", "samples_of"]

# From here on, lengths and positions are alike.
FIRST = {"training": 2, "inference": 1}
WORDS = {"training": "length", "inference": "position"}


def samples_of(n_layer: int) -> list[Sample]:
    """The programs of small models of so many layers: ``length1`` and ``position0`` of the first ones, ``length`` and
    ``position`` of one later one each.
    """
    half = len(LEARNED) // 2
    with without_collection():
        process = _start(n_layer, half) if (os.cpu_count() or 1) > 1 else None
        try:
            found = _samples(n_layer, LEARNED[:half])
            answer = process.communicate()[0] if process else ""
        finally:
            if process is not None and process.poll() is None:
                process.kill()
                process.communicate()
        if process is None or process.returncode:  # whatever is wrong is wrong here, too
            return found + _samples(n_layer, LEARNED[half:])
        return found + list(from_json(answer))


def _start(n_layer: int, first: int) -> subprocess.Popen[str] | None:
    """A process that makes the samples from the first one on."""
    with contextlib.suppress(OSError):
        return subprocess.Popen(
            python_command("microgpt.runtime.programs.samples", str(n_layer), str(first)),
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="ascii",
        )
    return None


def _samples(n_layer: int, shapes: Sequence[Shape]) -> list[Sample]:
    return [_sample(n_layer, shape) for shape in shapes]


def _sample(n_layer: int, shape: Shape) -> Sample:
    lengths, positions = (1, shape.length), (0, shape.position)
    loops = flat_loops(shape.config(n_layer), _silent, lengths, positions, Layout(aligned=False))
    programs = {
        f"{WORDS[family.name]}{number if number < FIRST[family.name] else ''}": program
        for family in loops.families
        for number, program in family.programs.items()
    }
    return Sample(shape.sizes, PlacedArrays.of(loops.layout), programs)


def _silent(what: str, kind: str = "", number: int = 0) -> None:
    pass


def _main(n_layer: int, first: int) -> None:
    # The terminal sends Ctrl-C to everybody; the process that asked ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with without_collection():
        sys.stdout.write(to_json(tuple(_samples(n_layer, LEARNED[first:]))))


if __name__ == "__main__":
    _main(*map(int, sys.argv[1:]))
