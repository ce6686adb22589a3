"""Whose code is running: finds the user's line, for origins of operations and for errors.

Between the user's line and us there may be frames of ours, and of the standard library or an installed package that
the user called (``statistics``, ``copy``). An error never names those as the place of a mistake.
"""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePath
from sysconfig import get_path
from types import CodeType, FrameType, TracebackType

__all__ = ["called_from", "described", "innermost", "is_users", "user_frame"]

_OURS, _STANDARD, _INSTALLED, _USER = range(4)

_ROOT = f"{Path(__file__).parent.parent}{os.sep}"
_OUR_FOLDERS = tuple(f"{_ROOT}{name}{os.sep}" for name in ("compiler", "runtime"))
_STANDARD_FOLDERS = tuple(f"{get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib"))


@cache
def _owner(file: str) -> int:
    """Whose file it is. The model of this package is a user of its compiler."""
    if file.startswith(_OUR_FOLDERS):
        return _OURS
    inside = file.removeprefix(_ROOT)  # which may itself be among the installed packages
    if not {"site-packages", "dist-packages"}.isdisjoint(PurePath(inside).parts):
        return _INSTALLED
    return _STANDARD if inside.startswith((*_STANDARD_FOLDERS, "<frozen ")) else _USER


def is_users(file: str) -> bool:
    """Whether a code object's file is the user's own."""
    return _owner(file) == _USER


def user_frame(until: CodeType) -> FrameType | None:
    """The innermost frame of the user's own files that `until` called; None if nothing but ours runs.

    If all of it is installed packages or the standard library, the innermost frame of these.
    """
    found, owner = None, _OURS
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not until:
        this = _owner(frame.f_code.co_filename)
        if this > owner:
            found, owner = frame, this
            if owner == _USER:
                break
        frame = frame.f_back
    return found


def innermost(traceback: TracebackType | None, until: CodeType) -> tuple[FrameType, int] | None:
    """Like `user_frame`, of the frames that an exception passed; with the number of the line."""
    frames: list[tuple[FrameType, int]] = []
    while traceback is not None:
        frames = [] if traceback.tb_frame.f_code is until else [*frames, (traceback.tb_frame, traceback.tb_lineno)]
        traceback = traceback.tb_next
    owners = [_owner(frame.f_code.co_filename) for frame, _ in frames]
    if not owners or max(owners) == _OURS:
        return None
    return frames[len(owners) - 1 - owners[::-1].index(max(owners))]


def described(problem: str, frame: FrameType | None, line: int | None = None, library: str = "") -> str:
    """The problem with the user's line: ``model.py:7: problem  [the text of the line]``."""
    if frame is None:
        return problem
    path, line = frame.f_code.co_filename, line or frame.f_lineno
    text = linecache.getline(path, line, frame.f_globals).strip()
    return f"{PurePath(path).name}:{line}: {problem}{library}" + (f"  [{text}]" if text else "")


def called_from(frame: FrameType | None) -> str:
    """What the user's frame called that is neither the user's nor ours, as `` (in statistics.mean)``; or nothing."""
    called = None
    for inner in _inside(frame):
        called = inner
    if called is None or _owner(called.f_code.co_filename) == _OURS:
        return ""
    return f" (in {called.f_globals.get('__name__', '?')}.{called.f_code.co_qualname})"


def _inside(frame: FrameType | None) -> Iterator[FrameType]:
    inner: FrameType | None = sys._getframe(2)
    while inner is not None and inner is not frame:
        yield inner
        inner = inner.f_back
