"""Samples: the loop programs of a few small models, from which those of all others are learned.

Half of them are made by a process of its own: ``python -m microgpt.runtime.programs.samples``, which writes them as
JSON.
"""

from __future__ import annotations

import signal
import sys

from ...compiler.loops.layout import Layout
from ...compiler.numerics import current, numerics
from ...compiler.pipeline import without_collection
from ...compiler.sizes.generalise import Sample
from ...compiler.sizes.sized_layout import PlacedArrays
from ...compiler.sizes.split import split
from ..machine.child import Child, started, write_answer
from .model_loops import flat_loops
from .program_json import from_json, to_json
from .shapes import LEARNED, Shape

__all__ = ["FIRST", "WORDS", "samples_of"]

# The other process makes those from here on.
_HALF = 2
# From here on, lengths and positions are alike.
FIRST = {"training": 2, "accumulation": 2, "lanes": 2, "inference": 1}
WORDS = {"training": "length", "accumulation": "length", "lanes": "length", "inference": "position"}


def samples_of(n_layer: int, child: Child | None = None, kind: str = "training") -> list[Sample]:
    """The programs of small models of so many layers: ``length1`` and ``position0`` of the first ones, ``length`` and
    ``position`` of one later one each.

    Args:
        child: makes its half of them already.
        kind: of those for lengths, see `flat_loops`.
    """
    with started(child or Child(__name__, str(n_layer), kind, current().name)) as child, without_collection():
        found = [_sample(n_layer, kind, shape) for shape in LEARNED[:_HALF]]
        answer = child.answer()
        # Whatever went wrong there goes wrong here, too.
        others = (
            from_json(answer) if answer is not None else [_sample(n_layer, kind, shape) for shape in LEARNED[_HALF:]]
        )
        return [*found, *others]


def _sample(n_layer: int, kind: str, shape: Shape) -> Sample:
    lengths, positions = (1, shape.length), (0, shape.position)
    loops = flat_loops(shape.config(n_layer), _silent, lengths, positions, Layout(aligned=False), kind)
    programs = {
        f"{WORDS[family.name]}{number if number < FIRST[family.name] else ''}": program
        for family in loops.families
        for number, program in family.programs.items()
    }
    # Layers are no size: each has nests of its own.
    return split(Sample(shape.sizes, PlacedArrays.of(loops.layout), programs), "layer")


def _silent(what: str, kind: str = "", number: int = 0) -> None:
    pass


def _main(n_layer: int, kind: str, name: str) -> None:
    # The terminal sends Ctrl-C to everybody; the process that asked ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with without_collection(), numerics(name):
        write_answer(to_json(tuple(_sample(n_layer, kind, shape) for shape in LEARNED[_HALF:])))


if __name__ == "__main__":
    _main(int(sys.argv[1]), *sys.argv[2:])
