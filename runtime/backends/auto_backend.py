"""The backend ``auto``: C as long as a C compiler can be used, and Python where the last one fails at the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..executable.estimate import Estimate
from ..reporting import Report, silent
from .backend import Backend, Document, State

if TYPE_CHECKING:
    from .c_backend import CBackend

__all__ = ["AutoBackend", "python_instead"]


def python_instead(error: Exception) -> str:
    """The message that programs run in Python, and why."""
    problem = str(error).replace("\n", "; ")
    return f"no C compiler can be used, so programs run in Python ({problem}); `microgpt doctor` says more"


class AutoBackend:
    """The C backend, or in its place another.

    Args:
        c: what is tried first.
        python: makes what takes its place.
        warn: takes the message that it does.
    """

    # Not asked of the backend in use, which would have to be compiled for that.
    fast = ""

    def __init__(self, c: CBackend, python: Callable[[], Backend], warn: Callable[[str], None]) -> None:
        self._c, self._python, self._warn = c, python, warn
        self._use(c)

    def _use(self, backend: Backend) -> None:
        self._current = backend
        self.name, self.slice, self.config = backend.name, backend.slice, backend.config
        self.batch_size = backend.batch_size

    def __getattr__(self, name: str) -> Any:
        """What some backends have: programs to be described, ways to draw many documents at a time."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._compiled(), name)

    def _compiled(self) -> Backend:
        if self._current is self._c:
            self.prepare((), 0, silent)
        return self._current

    def estimate(self, lengths: Sequence[int], positions: int) -> Estimate | None:
        return self._current.estimate(lengths, positions)

    def prepare(self, lengths: Sequence[int], positions: int, progress: Report) -> None:
        from ..machine.toolchain import ToolchainError

        try:
            self._current.prepare(lengths, positions, progress)
        except ToolchainError as error:
            self._warn(python_instead(error))
            self._use(self._python())
            self._current.prepare(lengths, positions, progress)

    def advance(self, state: State, documents: Sequence[Document], num_steps: int) -> list[float]:
        return self._compiled().advance(state, documents, num_steps)

    def loss_and_gradient(self, parameters: Sequence[float], document: Document) -> tuple[float, list[float]]:
        return self._compiled().loss_and_gradient(parameters, document)

    def next_token(
        self, parameters: list[float], temperature: float, token: int, position: int, cache: list[float]
    ) -> list[float]:
        return self._compiled().next_token(parameters, temperature, token, position, cache)
