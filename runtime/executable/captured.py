"""What a function reads beside its arguments: globals, closures, defaults and attributes, watched for changes.

A program has what they held when the function was traced. In: the function, after its trace. Out: `Captured`, which
says before a call whether any of it has become something else. One generated expression reads all of it. Containers are
compared with copies of them, element by element: some 3 ns for a number in a list, and nothing for one in a tuple,
which cannot change.
"""

from __future__ import annotations

import functools
import inspect
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from operator import is_
from types import CellType, CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

from ...compiler.errors import InternalError
from ...compiler.user_code import is_users
from .nodes import is_numpy

__all__ = ["Captured"]

# The generated code counts as a file of ours: an error is never said to be in it.
_FILE = __file__.removesuffix(".py") + ".generated"

_CHECK = """\
def check():
    try:
        if before == ({}): return
    except Exception:
        pass  # what was there is gone, or cannot be compared with what is there now
    changed()
"""

# Deeper containers are known by their identity alone.
_DEEPEST = 50

_CONSTANT = (int, float, complex, str, bytes, type(None), type(...), Fraction, Decimal, Enum, range, slice)


class Captured:
    """What was captured.

    Args:
        functions: the user's.
        name: what messages call them.
        traced: what they were recorded as.
        trace: records them again.

    Attributes:
        check: does nothing if the functions would be recorded as they were; raises RuntimeError if what they read has
            changed.
    """

    check: Callable[[], None]

    def __init__(
        self, functions: Iterable[Callable[..., Any]], name: str, traced: str, trace: Callable[[], str]
    ) -> None:
        self._functions, self._name, self._traced, self._trace = tuple(functions), name, traced, trace
        self._look()

    def _look(self) -> None:
        names: frozenset[str] = frozenset()
        while True:
            survey = _Survey(names)
            for function in self._functions:
                survey.enter(function, self._name)
            if survey.names == names:  # more names may lead to more functions
                break
            names = frozenset(survey.names)
        self._places = survey.places
        self.check = survey.checker(self._changed)

    def _changed(self) -> None:
        """Called when not all places are as they were."""
        changed = next((place for place in self._places if not place.is_unchanged()), None)
        if changed is not None:
            self._confirm(changed)

    def _confirm(self, place: _Place) -> None:
        """Looks whether a change matters: not if the functions only write to what has changed."""
        problem = place.problem(self._name)
        try:
            same = self._trace() == self._traced
        except InternalError:
            raise
        except Exception:  # which they did not raise before
            same = False
        if not same:
            raise RuntimeError(problem)
        self._look()


@dataclass(frozen=True)
class _Place:
    """Where something is watched.

    Attributes:
        text: Python for what is there, the elements of a tuple.
        read: gives that tuple.
        before: what was there.
        paths: what the user calls each of it.
    """

    text: str
    read: Callable[[], tuple[Any, ...]]
    before: tuple[Any, ...]
    paths: Sequence[str]

    def is_unchanged(self) -> bool:
        """Whether what is there equals what was."""
        try:
            return self.before == self.read()
        except Exception:  # it is gone, or cannot be compared
            return False

    def problem(self, name: str) -> str:
        """What has changed, and what to do about it."""
        words = f"{', '.join(self.paths)}: not all that {name} was compiled with is still there"
        with suppress(Exception):
            words = next(
                _difference(path, old, new, name)
                for path, old, new in zip(self.paths, self.before, self.read(), strict=True)
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
    if isinstance(old, list | tuple | deque) and isinstance(new, list | tuple | deque):
        if len(old) != len(new):
            return f"{path} has {len(new)} elements and had {len(old)} when {name} was compiled"
        place = next(place for place, pair in enumerate(zip(old, new, strict=True)) if _differ(*pair))
        return _difference(f"{path}[{place}]", old[place], new[place], name)
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        key = next(key for key in old if _differ(old[key], new[key]))
        return _difference(f"{path}[{key!r}]", old[key], new[key], name)
    if isinstance(old, _CONSTANT) and isinstance(new, _CONSTANT):
        return f"{path} is {new!r:.40} and was {old!r:.40} when {name} was compiled"
    return f"{path} is not what it was when {name} was compiled"


class _Same:
    """Equal to one object only."""

    def __init__(self, it: Any) -> None:
        self.it = it

    def __eq__(self, other: object) -> bool:
        return self.it is other

    def __hash__(self) -> int:
        return id(self.it)


class _Numbers:
    """Equal to an array with the same elements: a NumPy array, `array` or ``bytearray``."""

    def __init__(self, numbers: Any) -> None:
        self.kind, self.shape, self.bytes = type(numbers), getattr(numbers, "shape", None), _bytes(numbers)

    def __eq__(self, other: object) -> bool:
        return type(other) is self.kind and getattr(other, "shape", None) == self.shape and _bytes(other) == self.bytes

    def __hash__(self) -> int:
        return hash(self.bytes)


def _bytes(numbers: Any) -> bytes:
    return bytes(numbers) if isinstance(numbers, bytearray) else numbers.tobytes()


class _Survey:
    """A walk through all that functions can reach by the names in their code.

    Args:
        names: those in the code that is known already. Of objects and modules, nothing else is looked at.

    Attributes:
        names: those in all code found.
        places: what is to be watched.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = set(names)
        self.places: list[_Place] = []
        self._holders: dict[str, Any] = {}
        self._seen: set[int] = set()

    def holder(self, it: Any) -> str:
        """A variable of the code of places."""
        name = f"k{len(self._holders)}"
        self._holders[name] = it
        return name

    def reader(self, text: str) -> Callable[[], tuple[Any, ...]]:
        """A function that gives what is at some places."""
        read: Callable[[], tuple[Any, ...]] = eval(compile(f"lambda: ({text},)", _FILE, "eval"), self._holders)
        return read

    def checker(self, changed: Callable[[], None]) -> Callable[[], None]:
        """A function that calls another one if not all places are as they were.

        It compares all of them at once: identical objects are equal without a call, so most cost a few nanoseconds.
        """
        text = _CHECK.format("".join(f"{place.text}, " for place in self.places))
        before = tuple(value for place in self.places for value in place.before)
        namespace = {**self._holders, "before": before, "changed": changed}
        exec(compile(text, _FILE, "exec"), namespace)
        check: Callable[[], None] = namespace["check"]
        return check

    def watch(self, text: str, paths: Sequence[str]) -> None:
        """Watches the values of expressions, which have these paths."""
        read = self.reader(text)
        before = tuple(self.copy(value, path) for value, path in zip(read(), paths, strict=True))
        self.places.append(_Place(text, read, before, paths))

    def copy(self, value: Any, path: str, depth: int = 0) -> Any:
        """What equals `value` for as long as nothing in it changes."""
        if isinstance(value, _CONSTANT):
            return value
        if id(value) in self._seen or depth > _DEEPEST:
            return _Same(value)
        if isinstance(value, list | tuple | deque):
            self._seen.add(id(value))
            parts = [
                part if type(part) is float else self.copy(part, f"{path}[{place}]", depth + 1)
                for place, part in enumerate(value)
            ]
            if isinstance(value, tuple):
                return value if all(map(is_, parts, value)) else tuple(parts)
            return parts if isinstance(value, list) else deque(parts)
        if isinstance(value, dict):
            self._seen.add(id(value))
            return {key: self.copy(part, f"{path}[{key!r}]", depth + 1) for key, part in value.items()}
        if isinstance(value, set | frozenset):
            return frozenset(value)
        if isinstance(value, array | bytearray) or (is_numpy(type(value)) and hasattr(value, "tobytes")):
            return _Numbers(value)
        self.enter(value, path)
        equality: Any = type(value).__eq__
        return value if equality is object.__eq__ else _Same(value)

    def enter(self, value: Any, path: str) -> None:
        """Watches what a function, an object or a module refers to."""
        if id(value) in self._seen:
            return
        self._seen.add(id(value))
        if isinstance(value, FunctionType):
            self._function(value)
        elif isinstance(value, MethodType):
            self.enter(value.__func__, path)
            self.enter(value.__self__, "self")
        elif isinstance(value, staticmethod | classmethod):
            self.enter(value.__func__, path)
        elif isinstance(value, property):
            self.enter(value.fget, path)
        elif isinstance(value, functools.partial):
            self.enter(value.func, path)
            held = self.holder(value)
            self.watch(f"{held}.args, {held}.keywords", (f"{path}.args", f"{path}.keywords"))
        elif isinstance(value, ModuleType):
            if _is_users_module(value):
                self._namespace(vars(value), f"{path}.")
        else:
            self._object(value, path)

    def _function(self, function: FunctionType) -> None:
        code = function.__code__
        if not is_users(code.co_filename):
            return
        self.names.update(_names(code))
        self._namespace(function.__globals__, "")
        if defaults := function.__defaults__:
            last = code.co_varnames[: code.co_argcount][-len(defaults) :]
            self.watch(f"*{self.holder(function)}.__defaults__", last)
        if named := function.__kwdefaults__:
            self.watch(f"*{self.holder(function)}.__kwdefaults__.values()", tuple(named))
        cells = [pair for pair in zip(code.co_freevars, function.__closure__ or (), strict=True) if _is_filled(pair[1])]
        if cells:
            texts = [f"{self.holder(cell)}.cell_contents" for _, cell in cells]
            self.watch(", ".join(texts), [name for name, _ in cells])

    def _namespace(self, namespace: Mapping[str, Any], prefix: str) -> None:
        """The globals of functions, or of a module."""
        if id(namespace) not in self._seen:
            self._seen.add(id(namespace))
            chosen = sorted(name for name in self.names if name in namespace)
            self._watch_each("{}[{!r}]", namespace, chosen, prefix)

    def _object(self, value: Any, path: str) -> None:
        """An object with attributes, or a class."""
        kind = value if isinstance(value, type) else type(value)
        own = {} if isinstance(value, type) else getattr(value, "__dict__", {})
        chosen = []
        for name in sorted({*self.names, "__call__"}):
            found = inspect.getattr_static(kind, name, None)
            if name in own or (isinstance(found, MemberDescriptorType) and hasattr(value, name)):
                chosen.append(name)
            elif found is not None and hasattr(found, "__get__"):
                self.enter(found, name)
            elif found is not None:
                chosen.append(name)
        self._watch_each("{}.{}", value, chosen, f"{path}.")

    def _watch_each(self, template: str, it: Any, names: Sequence[str], prefix: str) -> None:
        if names:
            held = self.holder(it)
            texts = [template.format(held, name) for name in names]
            self.watch(", ".join(texts), [f"{prefix}{name}" for name in names])


def _is_users_module(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and is_users(file) and module.__name__.partition(".")[0] != __name__.partition(".")[0]


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_filled(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False
