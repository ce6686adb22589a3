"""Assembly: what the C compiler makes of a library, and which line of the C each instruction comes from.

In: the text of a C file. Out: its assembly, without what is only there for a debugger. It is that of the code that
runs: the flags are those of the toolchain, and line numbers (``-g1``) change no instruction.
"""

from __future__ import annotations

import re
import tempfile
from array import array
from dataclasses import dataclass
from pathlib import Path

from ..storage.files import write_plainly
from .toolchain import Toolchain

__all__ = ["Assembly", "assembly", "read_listing"]

_LOCATION = re.compile(r"\t\.loc\s+(\d+) (\d+)")
_FILE = re.compile(r'\t\.file\s+(\d+) (?:"[^"]*" )?"([^"]*)"')
# On macOS, labels that are no functions begin with an L, and not with a dot before it.
_FUNCTION = re.compile(r"(?!L(?:BB|tmp|func|loh|CPI|JTI)\w*\d)([A-Za-z_][\w.$]*):")
# For a debugger, or for unwinding the stack. (`.LBB7` is a debugger's in GCC, `.LBB0_7` a place to jump to in Clang.)
_DROPPED = re.compile(
    r"\t\.(?:loc|cfi_|file|ident|addrsig|size|type|p2align)"
    r"|\.?L(?:BB\d+|(?:BE|BI|FB|FE|VL|tmp|text|etext|func_begin|func_end)\w*):"
)
_SECTION = re.compile(r"\t\.(?:section\t(\S+?)[,\s]|section\t(\S+)$|(text|data|bss)\b)")


@dataclass(frozen=True)
class Assembly:
    """Assembly, line by line.

    Attributes:
        lines: the text.
        c_line: for each line, the line of the C (counted from 1) that the compiler says it is for; 0 if none.
        owner: likewise, but for what comes from a helper that was inlined, the line that its function had come to. As
            instructions are moved about, it may be a line too late or too early; the function is right.
        function: for each line, the place of its function among `functions`; -1 outside.
        functions: as the compiler calls them: ``kernel52.constprop.0`` is a copy of ``kernel52``.
    """

    lines: tuple[str, ...]
    c_line: array[int]
    owner: array[int]
    function: array[int]
    functions: tuple[str, ...]


def assembly(toolchain: Toolchain, text: str, first_own: int = 1) -> Assembly:
    """Compiles C to assembly.

    Args:
        text: of the C file.
        first_own: the lines before this one (counted from 1) are helpers that every function uses.

    Raises:
        ToolchainError: if the compiler fails.
    """
    with tempfile.TemporaryDirectory(prefix="microgpt-", ignore_cleanup_errors=True) as folder:
        source, listing = Path(folder) / "model.c", Path(folder) / "model.s"
        write_plainly(source, text.encode())
        toolchain.assemble(source, listing)
        return read_listing(listing.read_text("utf-8", errors="replace"), source.name, first_own)


def read_listing(listing: str, source: str, first_own: int = 1) -> Assembly:
    """Reads what the compiler wrote for a file called `source`."""
    lines: list[str] = []
    functions: list[str] = []
    c_line, owner, function = array("i"), array("i"), array("i")
    own_files: set[str] = set()
    current = own = 0
    number, debug, code = -1, False, True
    for line in listing.splitlines():
        if match := _SECTION.match(line):
            section = match[1] or match[2] or f".{match[3]}"
            debug = section.startswith((".debug", ".note", ".eh_frame", "__DWARF"))
            code = section.startswith((".text", "__TEXT"))
            current, own, number = 0, 0, -1
        elif match := _LOCATION.match(line):
            current = int(match[2]) if match[1] in own_files else 0
            own = current if current >= first_own else own
        elif match := _FILE.match(line):
            if match[2].replace("\\", "/").rpartition("/")[2] == source:
                own_files.add(match[1])
        elif code and (match := _FUNCTION.match(line)):
            number, current, own = len(functions), 0, 0
            functions.append(match[1])
        if debug or _DROPPED.match(line):
            continue
        instruction = code and number >= 0 and not line.startswith("\t.")
        lines.append(line)
        c_line.append(current if instruction else 0)
        owner.append(own if instruction else 0)
        function.append(number if code else -1)
    _label_lines(lines, owner, function)
    return Assembly(tuple(lines), c_line, owner, function, tuple(functions))


def _label_lines(lines: list[str], owner: array[int], function: array[int]) -> None:
    """A label, and what stands before the first location of a function, belongs to what follows."""
    following = 0
    for place in range(len(lines) - 1, -1, -1):
        if function[place] < 0 or lines[place].startswith("\t."):
            continue
        label = not lines[place].startswith("\t")
        if (label or not owner[place]) and place + 1 < len(lines) and function[place + 1] == function[place]:
            owner[place] = following
        following = owner[place]
