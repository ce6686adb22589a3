"""Ctrl-C and SIGTERM: errors like any other, or notes to be looked at when it suits."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .failures import TerminatedError

__all__ = ["deferred_signals", "handle_termination"]


def handle_termination() -> None:
    """From now on SIGTERM raises `TerminatedError`, as Ctrl-C raises `KeyboardInterrupt`."""
    # Who started us may have wanted it ignored.
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)


def _terminate(signum: int, frame: object) -> None:
    raise TerminatedError


@contextmanager
def deferred_signals() -> Iterator[Callable[[], None]]:
    """Within, a signal is only noted, so that a step is taken whole or not at all. A second one acts at once.

    Gives a function that raises what was noted.
    """
    noted: list[BaseException] = []

    def note(signum: int, frame: object) -> None:
        error = TerminatedError() if signum == signal.SIGTERM else KeyboardInterrupt()
        if noted:
            raise error
        noted.append(error)

    def look() -> None:
        if noted:
            raise noted[0]

    # Ours to defer only if nobody else handles them.
    ours = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: _terminate}
    deferred = {number: handler for number, handler in ours.items() if signal.getsignal(number) is handler}
    for number in deferred:
        signal.signal(number, note)
    try:
        yield look
    finally:
        for number, handler in deferred.items():
            signal.signal(number, handler)
