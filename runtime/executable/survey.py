"""Survey: a walk through all that functions can reach by the names in their code.

In: functions, and the names in code that is known already. Out: `Place`s, which say what is where. One generated
expression reads all of them.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from keyword import iskeyword
from operator import is_
from types import CellType, CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

from ...compiler.user_code import is_users
from .snapshots import Converted, InOrder, Numbers, Same, converter, has_numbers

__all__ = ["CONSTANT", "Place", "Survey"]

# The generated code counts as a file of ours: an error is never said to be in it.
_FILE = __file__.removesuffix(".py") + ".generated"

# What the variables of generated code begin with: it reads the globals of the user's code by their own names.
_OURS = "microgpt_"

_CHECK = f"""\
def bind({{}}):
    def check():
        try:
            if {_OURS}before == ({{}}): return
        except {_OURS}error:
            pass  # what was there is gone, or cannot be compared with what is there now
        {_OURS}changed()
    return check
"""

# Deeper containers are known by their identity alone.
_DEEPEST = 50

CONSTANT = (int, float, complex, str, bytes, type(None), type(...), Fraction, Decimal, Enum, range, slice)
_PLAIN = frozenset({float, int, bool, str})
_CONTAINERS = (list, tuple, deque, dict, set, frozenset)
_CLASS_PARTS = (FunctionType, staticmethod, classmethod, property)

# Code that names these reads attributes whose names are strings.
_BY_STRING = {"getattr", "hasattr", "vars", "globals", "__dict__", "attrgetter", "methodcaller"}
# What objects do not carry out once they are made, unless their own class is called.
_MAKING = {"__init__", "__new__", "__post_init__", "__init_subclass__", "__set_name__"}
_SHOWING = {"__repr__", "__str__", "__del__", "__reduce__", "__getstate__", "__setstate__"}
_OWN_CLASS = {"type", "__class__"}
# Where wrappers of the standard library and of NumPy have what they call.
_WRAPPED = ("__wrapped__", "func", "pyfunc")


@dataclass(frozen=True)
class Place:
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


class Survey:
    """The walk.

    Args:
        names: those in the code that is known already. Of objects and modules, nothing else is looked at.
        strings: of these, those that such code has as strings.

    Attributes:
        names, strings: those in all code found.
        places: what is to be watched.
    """

    def __init__(self, names: Iterable[str], strings: Iterable[str] = ()) -> None:
        self.names, self.strings = set(names), set(strings)
        self.places: list[Place] = []
        # The variables of the generated code, and the globals that it has in common with the first function.
        self._cells: dict[str, CellType] = {}
        self._globals: dict[str, Any] = {}
        # They are kept alive: another object could have the number of one that is gone.
        self._seen: dict[int, Any] = {}
        self._class_parts: set[tuple[type, str]] = set()

    def holder(self, it: Any) -> str:
        """A variable of the code of places."""
        return self._variable(CellType(it))

    def _variable(self, cell: CellType) -> str:
        name = f"{_OURS}{len(self._cells)}"
        self._cells[name] = cell
        return name

    def reader(self, text: str) -> Callable[[], tuple[Any, ...]]:
        """A function that gives what is at some places."""
        code = compile(f"({text},)", _FILE, "eval")
        cells = {name: self._cells[name] for name in code.co_names if name in self._cells}

        def read() -> tuple[Any, ...]:
            found: tuple[Any, ...] = eval(
                code, self._globals, {name: cell.cell_contents for name, cell in cells.items()}
            )
            return found

        return read

    def checker(self, changed: Callable[[], None]) -> Callable[[], None]:
        """A function that calls another one if not all places are as they were.

        It compares all of them at once: identical objects are equal without a call, so most cost a few nanoseconds. It
        has the globals and the variables of the user's function, where Python finds them sooner than in a dict.
        """
        before = tuple(value for place in self.places for value in place.before)
        known = {"before": before, "changed": changed, "error": Exception}
        cells = {**self._cells, **{f"{_OURS}{name}": CellType(it) for name, it in known.items()}}
        namespace: dict[str, Any] = {}
        text = _CHECK.format(", ".join(cells), "".join(f"{place.text}, " for place in self.places))
        exec(compile(text, _FILE, "exec"), namespace)
        code = namespace["bind"](*cells).__code__
        return FunctionType(code, self._globals, None, None, tuple(cells[name] for name in code.co_freevars))

    def watch(self, text: str, paths: Sequence[str]) -> None:
        """Watches the values of expressions, which have these paths."""
        if text:
            read = self.reader(text)
            before = tuple(self.copy(value, path) for value, path in zip(read(), paths, strict=True))
            self.places.append(Place(text, read, before, paths))

    def _watch_itself(self, text: str, paths: Sequence[str]) -> None:
        """Watches values, and nothing that is in them."""
        if text:
            read = self.reader(text)
            self.places.append(Place(text, read, read(), paths))

    def copy(self, value: Any, path: str, depth: int = 0) -> Any:
        """What equals `value` for as long as nothing in it changes."""
        if isinstance(value, CONSTANT):
            if _is_users_class(type(value)):
                self.enter(value, path)
            return value
        if isinstance(value, MethodType):  # a new one each time, and equal
            self.enter(value, path)
            return value
        convert = converter(value)
        if convert is None and not isinstance(value, _CONTAINERS) and not has_numbers(value):
            self.enter(value, path)
            equality: Any = type(value).__eq__
            return value if equality is object.__eq__ else Same(value)
        if id(value) in self._seen or depth > _DEEPEST:
            return Same(value)
        self._seen[id(value)] = value
        if _is_users_class(type(value)):  # which may have attributes and methods, too
            self._object(value, path)
        if convert is not None:
            return Converted(convert, self.copy(convert(value), path, depth + 1))
        return Numbers(value) if has_numbers(value) else self._parts(value, path, depth + 1)

    def _parts(self, value: Any, path: str, depth: int) -> Any:
        """What equals a container."""
        if isinstance(value, set | frozenset):
            return InOrder([*value])
        if isinstance(value, dict):
            return InOrder({key: self.copy(part, f"{path}[{key!r}]", depth) for key, part in value.items()})
        parts = [
            part if type(part) in _PLAIN else self.copy(part, f"{path}[{place}]", depth)
            for place, part in enumerate(value)
        ]
        if isinstance(value, tuple):
            return value if all(map(is_, parts, value)) else tuple(parts)
        return parts if isinstance(value, list) else deque(parts)

    def enter(self, value: Any, path: str) -> None:
        """Watches what a function, an object or a module refers to."""
        if id(value) in self._seen:
            return
        self._seen[id(value)] = value
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
            self._wrapper(function)
            return
        if not self._globals and getattr(function, "__builtins__", None) is vars(builtins):
            self._globals = function.__globals__
        names, strings = set(_names(code)), set(_strings(code))
        self.names |= names | strings
        self.strings |= strings
        self._namespace(function.__globals__, "")
        package = function.__globals__.get("__package__")
        for name in sorted(names):  # what the function imports itself
            for module in {name, f"{package}.{name}"}:
                if module in sys.modules:
                    self.enter(sys.modules[module], module)
        if defaults := function.__defaults__:
            last = code.co_varnames[: code.co_argcount][-len(defaults) :]
            self.watch(f"*{self.holder(function)}.__defaults__", last)
        if named := function.__kwdefaults__:
            self.watch(f"*{self.holder(function)}.__kwdefaults__.values()", tuple(named))
        cells = [pair for pair in zip(code.co_freevars, function.__closure__ or (), strict=True) if _is_filled(pair[1])]
        if cells:
            self.watch(", ".join(self._variable(cell) for _, cell in cells), [name for name, _ in cells])

    def _wrapper(self, value: Any) -> None:
        """What a function or an object of a library calls, such as one of `functools.lru_cache`."""
        own = getattr(value, "__dict__", {})
        for called in (*(own.get(name) for name in _WRAPPED), *dict(own.get("registry") or {}).values()):
            if isinstance(called, FunctionType):
                self.enter(called, called.__name__)

    def _namespace(self, namespace: Mapping[str, Any], prefix: str) -> None:
        """The globals of functions, or of a module."""
        if id(namespace) not in self._seen:
            self._seen[id(namespace)] = namespace
            chosen = sorted(name for name in self.names if name in namespace)
            held, is_ours = self.holder(namespace), namespace is self._globals
            texts = [name if is_ours and _is_plain(name) else f"{held}[{name!r}]" for name in chosen]
            self.watch(", ".join(texts), [f"{prefix}{name}" for name in chosen])
            # A global of the name of a built-in function takes its place.
            hidden = sorted(name for name in self.names if name in vars(builtins) and name not in namespace)
            texts = hidden if is_ours else [f"{name!r} in {held}" for name in hidden]
            paths = hidden if is_ours else [f"the presence of a global {name}" for name in hidden]
            self._watch_itself(", ".join(texts), paths)

    def _object(self, value: Any, path: str) -> None:
        """An object with attributes, or a class."""
        kind = value if isinstance(value, type) else type(value)
        own = {} if kind is value else getattr(value, "__dict__", {})
        if not _is_users_class(kind):
            self._wrapper(value)
        chosen, parts = [], []
        for name in sorted({*self.names, *_operators(kind, kind is value or bool(self.names & _OWN_CLASS))}):
            found = inspect.getattr_static(kind, name, None)
            if isinstance(found, _CLASS_PARTS) and name not in own:
                parts.append(name)
                self.enter(found, name)
            elif name in own or (isinstance(found, MemberDescriptorType) and hasattr(value, name)):
                chosen.append(name)
            elif found is not None and hasattr(found, "__get__"):
                self.enter(found, name)
            elif found is not None:
                chosen.append(name)
        self._watch_each("{}.{}", value, chosen, f"{path}.")
        if _is_users_class(kind):
            self._watch_parts(kind, parts)
            if kind is not value:
                self._watch_own(value, bool(parts or self.strings.difference(chosen)), path)

    def _watch_parts(self, kind: type, names: Sequence[str]) -> None:
        """The methods and properties of a class and of its bases, once, whatever has them."""
        for each in filter(_is_users_class, kind.__mro__):
            new = [name for name in names if name in vars(each) and (each, name) not in self._class_parts]
            self._class_parts.update((each, name) for name in new)
            self._watch_each("{}.{}", each, new, f"{each.__name__}.")

    def _watch_own(self, value: Any, has_absent: bool, path: str) -> None:
        """That an object is of its class, and has no further attribute: one in place of a method, or of none."""
        text = "{0}.__class__, len({0}.__dict__)" if has_absent and hasattr(value, "__dict__") else "{0}.__class__"
        paths = f"{path}.__class__", f"the number of attributes of {path}"
        self._watch_itself(text.format(self.holder(value)), paths)

    def _watch_each(self, template: str, it: Any, names: Sequence[str], prefix: str) -> None:
        if names:
            held = self.holder(it)
            texts = [template.format(held, name) for name in names]
            self.watch(", ".join(texts), [f"{prefix}{name}" for name in names])


def _is_users_module(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and is_users(file) and module.__name__.partition(".")[0] != __name__.partition(".")[0]


def _is_users_class(kind: type) -> bool:
    """Whether it is a class of a module of the user's."""
    module = sys.modules.get(kind.__module__)
    return module is not None and (module.__name__ == "__main__" or _is_users_module(module))


def _operators(kind: type, is_called: bool) -> Iterator[str]:
    """The methods of a user's class that no code names: ``__call__``, ``__getitem__``, ``__add__``.

    Args:
        is_called: whether objects of it are made.
    """
    for each in kind.__mro__:
        for name, part in vars(each).items():
            function = getattr(part, "__func__", part)
            if (
                name.startswith("__")
                and isinstance(function, FunctionType)
                and name not in _SHOWING
                and (is_called or name not in _MAKING)
                and not function.__code__.co_filename.startswith("<string>")  # made by `dataclass`
                and is_users(function.__code__.co_filename)
            ):
                yield name


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _names(code: CodeType) -> Iterator[str]:
    for each in _codes(code):
        yield from each.co_names


def _strings(code: CodeType) -> Iterator[str]:
    """The names among the strings of code that reads attributes by strings."""
    if not _BY_STRING.isdisjoint(_names(code)):
        for each in _codes(code):
            for constant in each.co_consts:
                for text in constant if isinstance(constant, tuple) else (constant,):
                    if isinstance(text, str):
                        yield from (part for part in text.split(".") if part.isidentifier())


def _is_plain(name: str) -> bool:
    """Whether generated code can read a global by its name alone."""
    return name.isidentifier() and not iskeyword(name) and not name.startswith(_OURS)


def _is_filled(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False
