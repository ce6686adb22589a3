"""C of one loop nest: a function whose loops run over the points of the nest, several lanes at a time where addresses
allow.

In: a `Nest` as a pattern for all nests that differ from it only in where they begin and how often they turn. Out: the
text of a C function of these numbers. Each sum is computed in its own order; what runs at once are the sums of
neighbouring lanes, in vectors of the C compiler's own (GCC's and Clang's vector extensions),
so that nothing depends on what its vectoriser happens to see.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.ops import ADD
from ..loops.lanes import find_fold, find_proved, loads, vector_loop
from ..loops.loop_program import Nest, Recipe
from .emit_expression import ONE, Expressions, Part, Pattern, Run, add_up, spelled, stored_text, times
from .emit_lanes import lanes_function

__all__ = ["kernel_function"]

# Vectors of a fold that are computed at the same time: enough to hide the latency of an addition, few enough for the
# registers.
_ACCUMULATORS = 8
# The same without a fold: lanes do not wait for each other, and the processor overlaps them by itself.
_PLAIN = 2


def kernel_function(name: str, patterns: Sequence[Pattern], vector_width: int) -> str:
    """The C function of the one pattern, which takes memory, the index and the pattern's parameters."""
    (pattern,) = patterns
    nest = pattern.nest
    if _is_transposed_copy(nest):
        return _transposed_copy(name, nest)
    vector = vector_loop(nest)
    if vector is not None and len(nest.base) + vector in pattern.parameters:
        vector = None
    if vector is not None and find_proved(nest.recipe) is not None:
        return lanes_function(name, patterns, vector_width)
    return _Writer(pattern, vector, vector_width).write(name)


def _is_transposed_copy(nest: Nest) -> bool:
    if nest.recipe != ("mem", 1) or len(nest.trips) != 2:
        return False
    inner, outer = nest.strides
    # A matrix, and not a triangle, whose rows differ in length.
    return inner[0] == outer[1] == 1 and not any(outer[len(nest.base) :])


def _transposed_copy(name: str, nest: Nest) -> str:
    return (
        f"KERNEL {name}(double *m, const int *ix)\n{{\n    (void)ix;\n    transpose(m + {nest.base[0]}, "
        f"{nest.strides[1][0]}, m + {nest.base[1]}, {nest.strides[0][1]}, {nest.trips[0]}, {nest.trips[1]});\n}}\n"
    )


class _Writer:
    """The function in the making."""

    def __init__(self, pattern: Pattern, vector: int | None, vector_width: int) -> None:
        self.vector_width = vector_width
        self.nest, self.parameters, self.vector = pattern.nest, pattern.parameters, vector
        self.text = Expressions(pattern, vector)
        self.fold = find_fold(self.nest.recipe)
        self.lines: list[str] = []
        self.indent = 1

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def write(self, name: str) -> str:
        order = [level for level in range(len(self.nest.trips) - 1, -1, -1) if level != self.vector]
        for level in order:
            turns = f"end{level} = {self.text.affine(len(self.nest.base) + level)}"
            self._open(f"for (long i{level} = 0, {turns}; i{level} < end{level}; i{level}++) {{")
        self._point()
        for _ in order:
            self._close()
        arguments = "".join(f", long p{place}" for place in self.parameters)
        unused = [] if any("ix[" in line for line in self.lines) else ["    (void)ix;"]
        beginning = [f"    {line}" for line in self.text.beginning()]
        body = "\n".join([*unused, *beginning, *self.lines])
        return f"KERNEL {name}(double *m, const int *ix{arguments})\n{{\n{body}\n}}\n"

    def _open(self, head: str) -> None:
        self.line(head)
        self.indent += 1

    def _close(self) -> None:
        self.indent -= 1
        self.line("}")

    def _point(self) -> None:
        """All lanes of one point of the outer loops."""
        if self.vector is None:
            self._block([ONE], "")
            return
        trips = self.nest.trips[self.vector]
        block = self.vector_width * (_ACCUMULATORS if self.fold else _PLAIN)
        whole = trips - trips % block
        if whole > block:
            self._open(f"for (long lane = 0; lane < {whole}; lane += {block}) {{")
            self._block(_parts(block, self.vector_width), "lane")
            self._close()
        else:
            whole = 0
        for start in range(whole, trips, block):
            self._block(_parts(min(block, trips - start), self.vector_width), str(start) if start else "")

    def _block(self, parts: Sequence[Part], lane: str) -> None:
        """Computes the parts of one block of lanes, which begins at `lane`."""
        self.text.lane = lane
        self._open("{")
        if self.fold is not None:
            self._sums(self.fold, parts)
        for number, part in enumerate(parts):
            self._store(part, *self.text.expression(self.nest.recipe, part, number))
        self._close()

    def _store(self, part: Part, value: str, is_vector: bool) -> None:
        text, width = self.text, part.width
        if self.nest.row_stride is not None:
            row = times(self.nest.row_stride, f"ix[{text.affine(1)}]")
            self.line(f"m[{add_up([text.affine(0), row])}] += {value};")
            return
        target = text.address(0, part)
        value = stored_text(self.nest.recipe, value, is_vector, width)
        if width == 1:
            self.line(f"m[{target}] = {value};")
        else:
            self.line(f"store{width}(m + {target}, {value});")

    def _sums(self, fold: Recipe, parts: Sequence[Part]) -> None:
        """The folds of all parts, term by term side by side."""
        op, runs = fold[1], fold[2]
        for number, part in enumerate(parts):
            self.line(f"{'double' if part.width == 1 else f'v{part.width}'} sum{number};")
        for run, (count_slot, terms) in enumerate(runs):
            constant = not self.text.is_parameter(count_slot) and not any(
                stride[count_slot] for stride in self.nest.strides
            )
            count = self.nest.base[count_slot] if constant else None
            # The first term begins the sum: zero plus the term would be one addition more, and another zero's sign.
            self._terms(op, terms, parts, None, begins=run == 0)
            if count != 1:
                self._repeat(op, terms, parts, run, count)

    def _repeat(self, op: int, terms: Sequence[Recipe], parts: Sequence[Part], run: int, count: int | None) -> None:
        """A loop over the further repetitions of a run."""
        count_slot = self.fold[2][run][0] if self.fold else 0
        self._walk(terms, run)
        if count is not None and self.vector is not None and count <= 16:
            self.line("UNROLL")
        self._open(f"for (long k = 1, end = {self.text.address(count_slot)}; k < end; k++) {{")
        # Before its term: behind the last one, a pointer might leave memory, which C does not define.
        for slot in self.text.walkers:
            step = self.nest.steps[run][slot]
            self.line(f"w{slot} += {step};" if step > 0 else f"w{slot} -= {-step};")
        self._terms(op, terms, parts, (run, "k"), begins=False)
        self._close()
        self.text.walkers = ()

    def _walk(self, terms: Sequence[Recipe], run: int) -> None:
        """Pointers that walk along with a fold: the pass of the C compiler that finds them is off (see `toolchain`)."""
        slots = dict.fromkeys(slot for term in terms for slot in loads(term))
        self.text.walkers = tuple(slot for slot in slots if self.nest.steps[run][slot])
        for slot in self.text.walkers:
            self.line(f"const double *w{slot} = m + {self.text.address(slot)};")

    def _terms(self, op: int, terms: Sequence[Recipe], parts: Sequence[Part], run: Run | None, begins: bool) -> None:
        for place, term in enumerate(terms):
            for number, part in enumerate(parts):
                text, is_vector = self.text.expression(term, part, number, run)
                if part.width > 1 and not is_vector:
                    text = f"all{part.width}({text})"
                if begins and place == 0:
                    self.line(f"sum{number} = {text};")
                elif op == ADD:
                    self.line(f"sum{number} += {text};")
                else:
                    self.line(f"sum{number} = {spelled(op, (f'sum{number}', text), part.width)};")


def _parts(lanes: int, widest: int) -> list[Part]:
    """The vectors that make up so many lanes."""
    widths = [widest] * (lanes // widest) + [width for width in (4, 2, 1) if lanes % widest & width]
    return [Part(width, sum(widths[:number])) for number, width in enumerate(widths)]
