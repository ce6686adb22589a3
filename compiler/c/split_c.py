"""Split C: one file becomes two, which C compilers can compile side by side, and whose objects are linked.

In: the text of a file, and which of its lines are kernels. Out: a text with some of the kernels, which the linker finds
but nobody who loads the library; and the text with the rest.
"""

from __future__ import annotations

from .emit_c import CText, Span

__all__ = ["split_c"]

_KERNEL = "KERNEL "
_SHARED = '__attribute__((noinline, visibility("hidden"))) void '

# Kernels with less text than this are compiled sooner than split.
_LEAST = 20_000
# What one part has of the kernels; the other has all else, too.
_SHARE = 0.65


def split_c(text: str, body: CText, body_line: int) -> tuple[str, ...]:
    """The parts of a file; the file itself if it is small.

    Args:
        text: of the file.
        body: the part of it with the kernels, which begins after `body_line` lines.
    """
    lines = text.split("\n")
    code = {kernel: "\n".join(lines[body_line + kernel.start : body_line + kernel.end]) for kernel in body.kernels}
    whole = sum(map(len, code.values()))
    if whole < _LEAST:
        return (text,)
    moved: list[Span] = []
    room = _SHARE * whole
    for kernel in sorted(body.kernels, key=lambda kernel: -len(code[kernel])):
        if len(code[kernel]) <= room:
            room -= len(code[kernel])
            moved.append(kernel)
    moved.sort(key=lambda kernel: kernel.start)
    part = lines[: body_line + body.kernels[0].start]
    for kernel in moved:
        first, last = body_line + kernel.start, body_line + kernel.end
        signature = next(place for place in range(first, last) if lines[place].startswith(_KERNEL))
        lines[signature] = _SHARED + lines[signature].removeprefix(_KERNEL)
        part += [*lines[first:last], ""]
        declaration = f"{lines[signature]};"
        lines[first:last] = [declaration, *[""] * (last - first - 1)]
    return "\n".join(part), "\n".join(lines)
