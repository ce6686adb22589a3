"""Slots: which addresses and indices a recipe of the loop IR reads."""

from __future__ import annotations

from collections.abc import Sequence

from ...compiler.loops.loop_program import Recipe, parts_of

__all__ = ["read_slots", "slots_of"]


def read_slots(terms: Sequence[Recipe]) -> list[int]:
    """The slots at which terms read memory."""
    return [slot for term in terms for slot, memory in slots_of(term) if memory]


def slots_of(recipe: Recipe) -> list[tuple[int, bool]]:
    """The slots of a recipe in its order, and whether each is an address of memory; the others are of indices."""
    stack, slots = [recipe], []
    while stack:
        current = stack.pop()
        match current:
            case ("mem", slot):
                slots.append((slot, True))
            case ("row", slot, _, index):
                slots += [(slot, True), (index, False)]
            case ("equal" | "pick", slot, index):
                slots += [(slot, False), (index, False)]
            case ("const", _):
                pass
            case _:
                stack += reversed(parts_of(current))
    return slots
