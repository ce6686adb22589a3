"""The level of vector operations: a box for each loop nest of the loop IR, with its formula.

In: the vector operations of a program. Out: a `Picture`. What the C backend makes one kernel call of, is one box; so
is, without a C compiler, one group of like statements: finding the loops needs no compiler.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from .picture import Box, Picture, TooLargeError
from .roles import LAYER, between_layers, scope_key
from .scopes import within
from .vectors import Vectors

__all__ = ["op_picture"]


def op_picture(
    vectors: Vectors,
    title: str,
    limit: int,
    scope: str | None = None,
    merge_above: int | None = None,
) -> Picture:
    """The picture of vector operations.

    Args:
        limit: the most boxes.
        scope: only those with operations in this scope, and what they take from others.
        merge_above: where there would be more than these (by default, than `limit`), those that are alike in all layers
            are merged, then those of one line of the model.

    Raises:
        TooLargeError: if there are more than `limit` boxes even so.
    """
    boxes, handed = vectors.boxes, vectors.handed
    chosen, context = list(range(len(boxes))), list[int]()
    if scope is not None:
        chosen = [number for number in chosen if any(within(place, scope) for place in vectors.places[number])]
        inside = set(chosen)
        context = sorted({giver for giver, user in handed if user in inside and giver not in inside})
    names = {number: f"n{number}" for number in (*chosen, *context)}
    scopes = [box.scope for box in boxes]
    most = limit if merge_above is None else min(limit, merge_above)
    note, drawn, layers, lines = "", len(chosen), False, False
    if drawn > most:
        names = _merged(boxes, names)
        merged = len({names[number] for number in chosen})
        layers, drawn = merged < drawn, merged
        note = f", each for all layers alike: {len(chosen)} in all" if layers else ""
    if drawn > most:
        names, lines = _merged_lines(boxes, names), True
        drawn = len({names[number] for number in chosen})
        note = f" of a line each: {len(chosen)} loops in all"
    if drawn > limit:
        raise TooLargeError(f"{drawn} vector operations are too many for one picture of at most {limit}")
    operations = sum(boxes[number].operations for number in chosen)
    picture = Picture(title, f"{operations:,} operations in {drawn} {'groups' if lines else 'loops'}{note}", "op")
    outside = set(context)
    for number, name in names.items():
        _put(picture, name, boxes[number], number in outside)
    for (giver, user), values in handed.items():
        if giver in names and user in names and user not in outside and names[giver] != names[user]:
            returns = layers and between_layers(scopes[giver], scopes[user])
            # From step to step of a recurrence, and between lines. Names are numbers of nests, in the program's order.
            steps = vectors.recurrences[giver] == vectors.recurrences[user] != 0
            back = (lines or steps) and int(names[giver][1:]) > int(names[user][1:])
            picture.hand(names[giver], names[user], values, returns or back)
    return picture


def _merged(boxes: Sequence[Box], names: dict[int, str]) -> dict[int, str]:
    """Names under which boxes that differ in the layer alone are one; the boxes are then called after all layers."""
    first: dict[tuple[str, str, str, int], str] = {}
    seen: Counter[tuple[str, str, str]] = Counter()
    merged = {}
    for number in names:
        box = boxes[number]
        # The first of its name in each layer, and so on: a layer has two residuals.
        place = seen[box.scope, box.direction, box.label]
        seen[box.scope, box.direction, box.label] += 1
        box.scope = scope_key(box.scope, layers=False)
        box.label = LAYER.sub("layer", box.label)
        merged[number] = first.setdefault((box.scope, box.direction, box.label, place), names[number])
    return merged


def _merged_lines(boxes: Sequence[Box], names: dict[int, str]) -> dict[int, str]:
    """Names under which boxes of one line of the model, one direction and one array are one."""
    first: dict[tuple[object, ...], str] = {}
    merged = {}
    for number in sorted(names):
        box = boxes[number]
        kind = (box.direction, str(box.source), box.scope, re.sub(r"_[a-z]+\d*$", "", box.label))
        merged[number] = first.setdefault(kind, f"n{number}")
    return merged


def _put(picture: Picture, name: str, box: Box, context: bool) -> None:
    if context:
        box.label = ("∂ " if box.direction == "backward" else "") + box.label
        box.direction, box.formula, box.note = "outside", "", ""
    known = picture.boxes.get(name)
    if known is None:
        picture.boxes[name] = box
        return
    known.operations += box.operations
    known.results += box.results
    known.facts["loops"] = loops = int(known.facts.get("loops", 1)) + 1
    known.note = f"{known.operations:,} ops, {loops} loops"
