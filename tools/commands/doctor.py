"""``microgpt doctor``: what this machine has that microgpt can use, and how to get what is missing."""

from __future__ import annotations

import platform
import shutil
import sys
from typing import Any

import click

from ...runtime.machine.libm import float_fault
from ...runtime.version import VERSION
from ..options import shared as options
from ..options.backends import open_cache
from ..terminal import console

__all__ = ["doctor"]


@click.command()
@options.json_option
def doctor(as_json: bool) -> None:
    """Show what this machine has that microgpt can use.

    Every C compiler is tried: it must build a library that loads and has
    Python's bits. The first that does is used; $CC comes before all others.

    \b
    Examples:
      microgpt doctor
      CC=clang microgpt doctor
    """
    cache = open_cache()
    report: dict[str, Any] = {
        "microgpt": VERSION,
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
        "cache": str(cache.folder),
        "programs": sum(not key.startswith("compiler-") for key in cache.entries()),
        "dot": shutil.which("dot"),
        "floats": float_fault() or None,
        "compilers": _compilers(),
    }
    if as_json:
        console.print_json("doctor", report)
        return
    for name in ("microgpt", "python", "system"):
        _print(name, report[name])
    count = report["programs"]
    _print("cache", f"{report['cache']} ({count:,} program{'s' * (count != 1)})")
    _print("dot", report["dot"] or "not found: drawings need the program dot of Graphviz")
    if report["floats"]:
        _print("floats", f"{report['floats']}; results are not those of other processes")
    chosen = False
    for compiler in report["compilers"]:
        usable = compiler["problem"] is None
        verdict = compiler["problem"] or ("keeps every bit; used" if not chosen else "keeps every bit")
        chosen = chosen or usable
        _print("compiler", f"{compiler['command']}: {verdict}")
        if usable:
            _print("", compiler["version"])
    if not chosen:
        _print("", "no C compiler can be used, so programs run in Python; install gcc, clang or ziglang")


def _print(name: str, value: str) -> None:
    console.echo_wrapped(f"{name:<10}{value}", indent=" " * 10)


def _compilers() -> list[dict[str, Any]]:
    from ...runtime.machine.find_toolchain import candidates, probe, unprobed
    from ...runtime.machine.toolchain import ToolchainError, brief

    found = []
    for where, call in candidates():
        entry: dict[str, Any] = {"command": call or where, "version": None, "problem": None}
        try:
            entry["version"] = probe(unprobed(call)).version
        except ToolchainError as error:
            entry["problem"] = brief(error)
        found.append(entry)
    return found
