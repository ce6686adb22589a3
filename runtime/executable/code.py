"""Generated functions: their constants, their variables, and what is prepared once for the memory they work in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Code"]

# The generated code counts as a file of ours: an error is never said to be in it.
_FILE = __file__.removesuffix(".py") + ".generated"


class Code:
    """A function in the making.

    Args:
        known: by name, what its text refers to.
    """

    def __init__(self, known: dict[str, Any]) -> None:
        self._namespace = dict(known)
        self._prepared: dict[str, str] = {}
        self._names = 0

    def constant(self, value: Any) -> str:
        """The name of a constant."""
        name = f"K{len(self._namespace)}"
        self._namespace[name] = value
        return name

    def name(self) -> str:
        """A variable that has not been used."""
        self._names += 1
        return f"v{self._names}"

    def prepared(self, text: str) -> str:
        """The variable of an expression that is evaluated once, when the function is bound to its memory."""
        if text not in self._prepared:
            self._prepared[text] = self.name()
        return self._prepared[text]

    def preparation(self, parameters: str) -> tuple[str, Callable[..., tuple[Any, ...]]]:
        """The variables so far, and what gives their values, from `parameters`, for a function that unpacks them."""
        names, texts = ("".join(f"{each}, " for each in side) for side in (self._prepared.values(), self._prepared))
        make: Callable[..., tuple[Any, ...]] = eval(
            compile(f"lambda {parameters}: ({texts})", _FILE, "eval"), self._namespace
        )
        self._prepared = {}
        return names, make

    def function(self, head: str, body: Sequence[str], parameters: str) -> Callable[..., Any]:
        """A function that takes `parameters` and gives another one with that head and body, bound to them."""
        lines = [f"def bind({parameters}):"]
        lines += (f"    {name} = {text}" for text, name in self._prepared.items())
        lines += [f"    def {head}:", *(f"        {line}" for line in body), f"    return {head.partition('(')[0]}"]
        exec(compile("\n".join(lines) + "\n", _FILE, "exec"), self._namespace)
        bind: Callable[..., Any] = self._namespace["bind"]
        return bind
