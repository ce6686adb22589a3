"""Refused: what no traced value can do, since its value is known only when the program runs, each with what to write
instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from ..errors import TraceAttributeError
from ..functions import FUNCTIONS
from .recorder import Traced, passed_through

__all__ = ["WRITE_WHERE", "Unread", "refuse"]

passed_through(globals())


def refuse(problem: str) -> Callable[..., Any]:
    def method(self: Traced, *_: object) -> NoReturn:
        self.recorder.fail(problem)

    return method


_KNOWN = (
    "the operations are + - * / ** < <= == != > >=, where(), maximum(), minimum(), select(), choose(), "
    f"{', '.join(f'{name}()' for name in sorted(FUNCTIONS))}"
)


WRITE_WHERE = "only known when the program runs: write where(condition, a, b)"


class Unread(Traced):
    """What no traced value can do: tell its value while it is being traced."""

    __slots__ = ()

    __bool__ = refuse(f"a traced value was used as a condition; its value is {WRITE_WHERE}")
    __hash__ = object.__hash__
    __float__ = __complex__ = refuse(f"a traced value was read as a plain number (by a function of math?); {_KNOWN}")
    __int__ = __round__ = __trunc__ = __floor__ = __ceil__ = refuse(
        "a traced value was made a whole number, which no operation does; a number that chooses is index(n) in the "
        "example, and select(values, index) chooses by it"
    )
    __index__ = refuse(
        "a traced value was used to index a list or to count; for an index of the program use select(values, index)"
    )
    __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = __divmod__ = __rdivmod__ = refuse(
        f"this operator has no traced operation; {_KNOWN}"
    )
    __matmul__ = __rmatmul__ = __mod__

    __reduce_ex__ = refuse(
        "a traced value was copied or pickled; no operation changes one, so copy the lists that hold it: list(values)"
    )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} %{self.node}>"

    def __format__(self, specification: str) -> str:
        if specification:
            self.recorder.fail(f"a traced value was formatted as a number; {_KNOWN}")
        return repr(self)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("data", "grad"):
            self.recorder.fail(
                f"a traced value was read (.{name}), but is only known when the program runs: compute with the value"
            )
        self.recorder.fail(f"there is no operation {name!r}; {_KNOWN}", TraceAttributeError)
