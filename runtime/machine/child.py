"""Children: further Python processes that import what this one imports, and nothing else.

``python -m`` puts the current directory first on the child's path, and ``PYTHONPATH`` what this process may have been
told to ignore: a ``json.py`` that lies there would be executed. So every child is started with ``-P``, without
``PYTHONPATH``, and is handed the path of this process before it imports anything but the standard library.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

__all__ = [
    "Child",
    "child_environment",
    "child_path",
    "plain_python_command",
    "processors",
    "python_command",
    "started",
    "write_answer",
]

# The last character of an answer: without it, a part is missing.
_END = "\n"


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def child_path() -> list[str]:
    """Where children look for modules: where this process does, without the current directory.

    The current directory is on the path of whoever runs ``python -c``, ``python -m`` or a script that lies there. It
    stays, at the very end, only if this package itself was found in it.
    """
    paths: list[str] = []
    current: list[str] = []
    for entry in sys.path:
        # Relative to the directory that is current now; a child may be started in another.
        path = os.path.abspath(entry)
        if not _same(path, os.curdir):
            paths.append(path)
        elif _same(os.path.join(path, *__package__.split(".")), os.path.dirname(__file__)):
            current.append(path)
    return list(dict.fromkeys(paths + current))


def _same(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False  # there is no such folder, so nothing comes from it


def python_command(module: str, *arguments: str) -> list[str]:
    """How a child is started that runs `module` as ``python -m`` would. Its environment is `child_environment`.

    Raises:
        OSError: if this Python does not know its own executable, as where it is part of another program.
    """
    start = f"import sys; sys.path[:] = {child_path()!a}; import runpy; runpy.run_module({module!r}, None, '__main__')"
    # `-c` is what a child sees in place of its own name, since run_module leaves sys.argv alone.
    return [*_python(), "-c", start, *arguments]


def plain_python_command(text: str, *arguments: str) -> list[str]:
    """How a child is started that runs the text of a program which imports nothing but the standard library: without
    the modules that ``site`` finds, it is there in a third of the time. Its environment is `child_environment`.

    Raises:
        OSError: as `python_command` does.
    """
    return [*_python(), "-S", "-c", text, *arguments]


def _python() -> list[str]:
    """This Python, with the flags that it was started with."""
    if not sys.executable:
        raise OSError("this Python does not know its own executable, so that no further process can be started")
    flags = ["-P"]
    flags += ["-E"] * sys.flags.ignore_environment + ["-s"] * sys.flags.no_user_site
    flags += ["-" + "O" * sys.flags.optimize] if sys.flags.optimize else []
    return [sys.executable, *flags]


def child_environment(further: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child: that of this process, without what would add to its path; and `further`."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | dict(further or {})


class Child:
    """A process that works beside this one, and writes one answer, see `write_answer`. There is none where there is one
    processor, or no process can be started: then the answer is None.

    Args:
        module: what runs.
        arguments: of it.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._process: subprocess.Popen[str] | None = None
        if (os.cpu_count() or 1) > 1:
            with contextlib.suppress(OSError):
                self._process = subprocess.Popen(
                    python_command(module, *arguments),
                    env=child_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    encoding="ascii",
                )

    def answer(self) -> str | None:
        """What it wrote; None if it failed, or was ended. Asked once."""
        if self._process is None:
            return None
        answer, _ = self._process.communicate()
        failed, self._process = self._process.returncode, None
        # The status of a process can be lost, and is zero then.
        return None if failed or not answer.endswith(_END) else answer.removesuffix(_END)

    def stop(self) -> None:
        """Ends it, if it is still at work."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._process = None


def write_answer(text: str) -> None:
    """Writes what this child answers."""
    sys.stdout.write(text + _END)


@contextlib.contextmanager
def started(child: Child) -> Iterator[Child]:
    """Ends a child in any case."""
    try:
        yield child
    finally:
        child.stop()
