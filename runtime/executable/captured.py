"""What a function reads beside its arguments: globals, closures, defaults and attributes, watched for changes.

A program has what they held when the function was traced. In: the function, after its trace. Out: `Captured`, which
says before a call whether any of it has become something else. Containers are compared with copies of them, element by
element: some 3 ns for a number in a list, and nothing for one in a tuple, which cannot change. `survey.py` finds what
there is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from ...compiler.errors import InternalError
from .snapshots import Converted, InOrder
from .survey import CONSTANT, Place, Survey

__all__ = ["Captured"]


class Captured:
    """What was captured.

    Args:
        functions: the user's.
        name: what messages call them.
        traced: what they were recorded as.
        trace: records them again.
        tell: takes each new `check`: another one after a change that does not matter.

    Attributes:
        check: does nothing if the functions would be recorded as they were; raises RuntimeError if what they read has
            changed.
    """

    check: Callable[[], None]

    def __init__(
        self,
        functions: Iterable[Callable[..., Any]],
        name: str,
        traced: str,
        trace: Callable[[], str],
        tell: Callable[[Callable[[], None]], None] = lambda check: None,
    ) -> None:
        self._functions, self._name, self._traced, self._trace = tuple(functions), name, traced, trace
        self._tell = tell
        self._look()

    def _look(self) -> None:
        survey = Survey(())
        while True:
            before = set(survey.names), set(survey.strings)
            survey = Survey(*before)
            for function in self._functions:
                survey.enter(function, self._name)
            if (survey.names, survey.strings) == before:  # more names may lead to more functions
                break
        self._places = survey.places
        self.check = survey.checker(self._changed)
        self._tell(self.check)

    def _changed(self) -> None:
        """Called when not all places are as they were."""
        changed = next((place for place in self._places if not place.is_unchanged()), None)
        if changed is not None:
            self._confirm(changed)

    def _confirm(self, place: Place) -> None:
        """Looks whether a change matters: not if the functions only write to what has changed."""
        problem = _problem(place, self._name)
        try:
            same = self._trace() == self._traced
        except InternalError:
            raise
        except Exception:  # which they did not raise before
            same = False
        if not same:
            raise RuntimeError(problem)
        self._look()


def _problem(place: Place, name: str) -> str:
    """What has changed, and what to do about it."""
    words = f"{', '.join(place.paths)}: not all that {name} was compiled with is still there"
    with suppress(Exception):
        words = next(
            _difference(path, old, new, name)
            for path, old, new in zip(place.paths, place.before, place.read(), strict=True)
            if _differ(old, new)
        )
    return (
        f"{words}, and the program has what was there then: pass what changes as an argument, or compile again; "
        f"what stays may be a tuple"
    )


def _differ(old: Any, new: Any) -> bool:
    return old is not new and old != new


def _difference(path: str, old: Any, new: Any, name: str) -> str:
    """What differs first, in words."""
    if isinstance(old, Converted):
        old, new = old.parts, old.convert(new)
    if isinstance(old, InOrder):
        if isinstance(new, dict) and old.parts == new:
            return f"{path} has its keys in another order than when {name} was compiled"
        old = old.parts if isinstance(new, dict) else old
    if isinstance(old, list | tuple | deque) and isinstance(new, list | tuple | deque):
        if len(old) != len(new):
            return f"{path} has {len(new)} element{'s' * (len(new) != 1)} and had {len(old)} when {name} was compiled"
        place = next(place for place, pair in enumerate(zip(old, new, strict=True)) if _differ(*pair))
        return _difference(f"{path}[{place}]", old[place], new[place], name)
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        key = next(key for key in old if _differ(old[key], new[key]))
        return _difference(f"{path}[{key!r}]", old[key], new[key], name)
    if isinstance(old, CONSTANT) and isinstance(new, CONSTANT):
        return f"{path} is {new!r:.40} and was {old!r:.40} when {name} was compiled"
    return f"{path} is not what it was when {name} was compiled"
