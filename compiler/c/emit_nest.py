"""C of one loop nest: a function whose loops run over the points of the nest, several lanes at a time where addresses
allow.

In: a `Nest` as a pattern for all nests that differ from it only in where they begin and how often they turn. Out: the
text of a C function of these numbers. Each sum is computed in its own order; what runs at once are the sums of
neighbouring lanes, in vectors of the C compiler's own (GCC's and Clang's vector extensions), so that nothing depends on
what its vectoriser happens to see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..ir.ops import ADD, DIV, MAX, MUL, OPS, RELU, STEP, UNLESS, WHERE
from ..loops.lanes import find_fold, find_proved, loads, proved_power, vector_loop
from ..loops.loop_program import Nest, Recipe

__all__ = ["Pattern", "kernel_function", "number_text"]

# Vectors of a fold that are computed at the same time: enough to hide the latency of an addition, few enough for the
# registers.
_ACCUMULATORS = 8
# Lanes for which powers are computed ahead: their numbers stay in the first-level cache.
_STAGE = 256
_INFIX = {ADD: "+", MUL: "*", DIV: "/"}


@dataclass(frozen=True)
class Pattern:
    """A nest whose numbers may be parameters.

    Attributes:
        nest: any of the nests of this pattern.
        parameters: places in ``nest.base + nest.trips`` that differ between the nests.
    """

    nest: Nest
    parameters: tuple[int, ...]


class _Writer:
    """The function in the making."""

    def __init__(self, pattern: Pattern) -> None:
        self.pattern = pattern
        self.nest = pattern.nest
        self.width = len(self.nest.base)
        self.lines: list[str] = []
        self.indent = 1
        # A power that is computed ahead, for a block of lanes at a time.
        self.staged: Recipe | None = None
        # Slots whose addresses are in pointers of their own, and where each vector of the block begins.
        self.walkers: tuple[int, ...] = ()
        self.offsets: list[int] = []
        self.vector = vector_loop(self.nest)
        if self.vector is not None and self._parameter(self.width + self.vector):
            self.vector = None
        # What is the same at all points is read once: the compiler cannot know that no store of the nest changes it.
        self.hoisted = {
            slot
            for slot in loads(self.nest.recipe)
            if not any(numbers[slot] for numbers in self.nest.strides + self.nest.steps)
        }

    def _parameter(self, place: int) -> bool:
        return place in self.pattern.parameters

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def affine(self, place: int, skip: int | None = None, extra: str = "") -> str:
        """The value of a slot or trip count at the current point."""
        numbers = self.nest.base + self.nest.trips
        parts = []
        if self._parameter(place):
            parts.append(f"p{place}")
        elif numbers[place]:
            parts.append(str(numbers[place]))
        for level in range(len(self.nest.trips) - 1, -1, -1):
            if level == skip or place >= len(self.nest.strides[level]):
                continue
            if factor := self.nest.strides[level][place]:
                parts.append(_times(factor, f"i{level}"))
        if extra:
            parts.append(extra)
        return _sum(parts)

    def write(self, name: str) -> str:
        if _is_transposed_copy(self.nest):
            return self._transposed_copy(name)
        for slot in sorted(self.hoisted):
            self.line(f"const double c{slot} = m[{self.affine(slot)}];")
        order = [level for level in range(len(self.nest.trips) - 1, -1, -1) if level != self.vector]
        for level in order:
            turns = f"end{level} = {self.affine(self.width + level)}"
            self.line(f"for (long i{level} = 0, {turns}; i{level} < end{level}; i{level}++) {{")
            self.indent += 1
        if self.vector is None:
            self._blocks([1], "")
        else:
            self._vector_blocks(self.nest.trips[self.vector])
        for _ in order:
            self.indent -= 1
            self.line("}")
        arguments = "".join(f", long p{place}" for place in self.pattern.parameters)
        head = f"static void {name}(double *m, const int *ix{arguments})\n{{\n"
        unused = "" if any("ix[" in line for line in self.lines) else "    (void)ix;\n"
        return head + unused + "\n".join(self.lines) + "\n}\n"

    def _transposed_copy(self, name: str) -> str:
        nest = self.nest
        return (
            f"static void {name}(double *m, const int *ix)\n{{\n    (void)ix;\n    transpose(m + {nest.base[0]}, "
            f"{nest.strides[1][0]}, m + {nest.base[1]}, {nest.strides[0][1]}, {nest.trips[0]}, {nest.trips[1]});\n}}\n"
        )

    def _vector_blocks(self, trips: int) -> None:
        self.staged = find_proved(self.nest.recipe)
        if self.staged is not None:
            self._staged_blocks(trips, self.staged)
            return
        # Without a fold, lanes do not wait for each other, and the processor overlaps them by itself.
        block = 8 * (_ACCUMULATORS if find_fold(self.nest.recipe) else 2)
        full = trips // block
        done = 0
        if full > 1:
            self.line(f"for (long lane = 0; lane < {full * block}; lane += {block}) {{")
            self.indent += 1
            self._blocks([8] * (block // 8), "lane")
            self.indent -= 1
            self.line("}")
            done = full * block
        rest = trips - done
        while rest > 0:
            now = min(rest, block)
            widths = [8] * (now // 8) + [w for w in (4, 2, 1) if now % 8 & w]
            self._blocks(widths, str(done) if done else "")
            done += now
            rest -= now

    def _staged_blocks(self, trips: int, power: Recipe) -> None:
        """Block by block: guesses the powers, calls pow() for those that are not sure, then does the rest."""
        function = proved_power(power)
        whole = trips - trips % 8
        self.line(f"double base[{_STAGE}], power[{_STAGE}];")
        self.line(f"long long noted[{_STAGE} + 8];")
        self.line(f"for (long start = 0; start < {trips}; start += {_STAGE}) {{")
        self.indent += 1
        self.line("int count = 0;")
        self.line(f"long stop = start + {_STAGE} < {trips} ? start + {_STAGE} : {trips};")
        self.line("long whole = stop - (stop - start) % 8, lane;")
        self.line("for (lane = start; lane < whole; lane += 8) {")
        inner, flag = self._expression(power[1], 8, "lane", 0, None)
        assert flag
        self.line("    f8 unsure;")
        self.line(f"    v8 x = {inner};")
        self.line("    store8(base + lane - start, x);")
        self.line(f"    store8(power + lane - start, {function}8(x, &unsure));")
        self.line("    count = note8(noted, count, lane - start, unsure);")
        self.line("}")
        inner, flag = self._expression(power[1], 1, "lane", 0, None)
        self.line(f"for (; lane < stop; lane++) {{ base[lane - start] = {inner}; noted[count++] = lane - start; }}")
        exponent = number_text(power[2][1])
        self.line(f"for (int i = 0; i < count; i++) power[noted[i]] = pow(base[noted[i]], {exponent});")
        self.staged = power
        for width, loop in ((8, "for (lane = start; lane < whole; lane += 8)"), (1, "for (; lane < stop; lane++)")):
            text, flag = self._expression(self.nest.recipe, width, "lane", 0, None)
            self.line(f"{loop} {{")
            self.indent += 1
            self._store(width, "lane", text, flag)
            self.indent -= 1
            self.line("}")
        self.indent -= 1
        self.line("}")
        assert whole <= trips

    def _blocks(self, widths: list[int], lane: str) -> None:
        """Computes neighbouring lanes, in vectors of these widths, from `lane` on."""
        self.line("{")
        self.indent += 1
        offsets = self.offsets = [sum(widths[:number]) for number in range(len(widths))]
        fold = find_fold(self.nest.recipe)
        if fold is not None:
            self._fold(fold, widths, offsets, lane)
        for number, (width, offset) in enumerate(zip(widths, offsets, strict=True)):
            text, is_vector = self._expression(
                self.nest.recipe,
                width,
                _sum([part for part in (lane, str(offset)) if part not in ("", "0")]),
                number,
                None,
            )
            self._store(width, _sum([part for part in (lane, str(offset)) if part not in ("", "0")]), text, is_vector)
        self.indent -= 1
        self.line("}")

    def _store(self, width: int, lane: str, text: str, is_vector: bool) -> None:
        if self.nest.row_stride is not None:
            row = _times(self.nest.row_stride, f"ix[{self.affine(1)}]")
            self.line(f"m[{_sum([self.affine(0), row])}] += {text};")
            return
        target = self._address(0, lane, 1)
        if width == 1:
            self.line(f"m[{target}] = {text};")
        else:
            value = text if is_vector else f"all{width}({text})"
            self.line(f"store{width}(m + {target}, {value});")

    def _address(self, slot: int, lane: str, lane_stride: int, run: tuple[int, str] | None = None) -> str:
        parts = [self.affine(slot, skip=self.vector)]
        if self.vector is not None and lane_stride and lane:
            parts.append(lane if lane_stride == 1 else f"{lane_stride} * ({lane})")
        if run is not None and (step := self.nest.steps[run[0]][slot]):
            parts.append(_times(step, run[1]))
        return _sum([part for part in parts if part != "0"])

    def _fold(self, fold: Recipe, widths: list[int], offsets: list[int], lane: str) -> None:
        op, runs = fold[1], fold[2]
        for number, width in enumerate(widths):
            self.line(f"{_type(width)} sum{number};")
        first = True
        for run, (count_slot, terms) in enumerate(runs):
            constant = not self._parameter(count_slot) and not any(stride[count_slot] for stride in self.nest.strides)
            single = constant and self.nest.base[count_slot] == 1
            if first:
                # The first term begins the sum: zero plus the term would be one addition more, and another zero's sign.
                self._terms(op, terms, run, widths, offsets, lane, "0", begins=True)
                if single:
                    first = False
                    continue
            if single:
                self._terms(op, terms, run, widths, offsets, lane, "0", begins=False)
            else:
                self._walkers(terms, run, int(first), lane)
                if constant and self.vector is not None and self.nest.base[count_slot] <= 16:
                    self.line("UNROLL")
                self.line(
                    f"for (long k = {int(first)}, end = {self.affine(count_slot, skip=self.vector)}; k < end; k++) {{"
                )
                self.indent += 1
                self._terms(op, terms, run, widths, offsets, lane, "k", begins=False)
                for slot in self.walkers:
                    step = self.nest.steps[run][slot]
                    self.line(f"w{slot} += {step};" if step > 0 else f"w{slot} -= {-step};")
                self.indent -= 1
                self.line("}")
                self.walkers = ()
            first = False

    def _walkers(self, terms: Sequence[Recipe], run: int, first: int, lane: str) -> None:
        """Pointers that walk along with a fold: the pass of the C compiler that finds them is off (see `toolchain`)."""
        slots = dict.fromkeys(slot for term in terms for slot in loads(term))
        self.walkers = tuple(slot for slot in slots if self.nest.steps[run][slot])
        for slot in self.walkers:
            start = self._address(slot, lane, self._lane_stride(slot), (run, str(first)) if first else None)
            self.line(f"const double *w{slot} = m + {start};")

    def _terms(
        self,
        op: int,
        terms: Sequence[Recipe],
        run: int,
        widths: list[int],
        offsets: list[int],
        lane: str,
        k: str,
        begins: bool,
    ) -> None:
        for place, term in enumerate(terms):
            for number, (width, offset) in enumerate(zip(widths, offsets, strict=True)):
                at = _sum([part for part in (lane, str(offset)) if part not in ("", "0")])
                text, is_vector = self._expression(term, width, at, number, (run, k))
                if width > 1 and not is_vector:
                    text = f"all{width}({text})"
                if begins and place == 0:
                    self.line(f"sum{number} = {text};")
                elif op == ADD:
                    self.line(f"sum{number} += {text};")
                else:
                    self.line(f"sum{number} = larger{width}(sum{number}, {text});")

    def _expression(
        self, recipe: Recipe, width: int, lane: str, number: int, run: tuple[int, str] | None
    ) -> tuple[str, bool]:
        """C for a recipe at `width` lanes from `lane` on, and whether it is a vector (or the same for all)."""
        kind = recipe[0]
        if run is not None and run[1] == "0":
            run = None
        if kind == "mem":
            if recipe[1] in self.hoisted:
                return f"c{recipe[1]}", False
            step = self._lane_stride(recipe[1])
            if recipe[1] in self.walkers:
                offset = self.offsets[number] * step
                return (
                    (f"load{width}(w{recipe[1]} + {offset})", True)
                    if width > 1 and step
                    else (f"w{recipe[1]}[{offset}]", False)
                )
            address = self._address(recipe[1], lane, step, run)
            return (f"load{width}(m + {address})", True) if width > 1 and step else (f"m[{address}]", False)
        if kind == "const":
            return number_text(recipe[1]), False
        if kind == "fold":
            return f"sum{number}", width > 1
        if kind == "row":
            step = self._lane_stride(recipe[1])
            row = _times(recipe[2], f"ix[{self._address(recipe[3], '', 0, run)}]")
            address = _sum([self._address(recipe[1], lane, step, run), row])
            return (f"load{width}(m + {address})", True) if width > 1 and step else (f"m[{address}]", False)
        if kind == "pick":
            return (
                f"m[places[{self._address(recipe[1], '', 0, run)} + ix[{self._address(recipe[2], '', 0, run)}]]]",
                False,
            )
        if kind == "equal":
            index = f"ix[{self._address(recipe[1], '', 0, run)}]"
            step = self._lane_stride(recipe[2])
            value = self._address(recipe[2], lane, step, run)
            if width > 1 and step:
                return f"equal{width}({index} - ({value}))", True
            return f"({index} == {value})", False
        parts = [self._expression(part, width, lane, number, run) for part in recipe[1:]]
        texts = [text for text, _ in parts]
        is_vector = any(flag for _, flag in parts)
        if self.staged is recipe:
            return (
                (f"load{width}(power + {lane or '0'} - start)", True)
                if width > 1
                else (f"power[{lane or '0'} - start]", False)
            )
        if kind == DIV and parts[0][1] and not parts[1][1]:
            return f"quotient{width}({texts[0]}, {texts[1]}, 1.0 / {texts[1]})", True
        if kind in _INFIX:
            return f"({texts[0]} {_INFIX[kind]} {texts[1]})", is_vector
        name = OPS[kind].name
        if not is_vector:
            if kind in (RELU, STEP, MAX):
                return f"{_SCALAR[kind]}1({', '.join(texts)})", False
            if kind in (WHERE, UNLESS):
                chosen = f"{texts[1]} : 0.0" if kind == WHERE else f"0.0 : {texts[1]}"
                return f"({texts[0]} ? {chosen})", False
            return f"{name}({', '.join(texts)})", False
        if kind in (WHERE, UNLESS):
            flag = texts[0] if parts[0][1] else f"flag{width}({texts[0]})"
            value = texts[1] if parts[1][1] else f"all{width}({texts[1]})"
            return f"{'keep' if kind == WHERE else 'drop'}{width}({flag}, {value})", True
        wide = [text if flag else f"all{width}({text})" for text, flag in parts]
        return f"{_SCALAR.get(kind, name)}{width}({', '.join(wide)})", True

    def _lane_stride(self, slot: int) -> int:
        return self.nest.strides[self.vector][slot] if self.vector is not None else 0


_SCALAR = {RELU: "rectify", STEP: "positive", MAX: "larger"}


def kernel_function(name: str, pattern: Pattern) -> str:
    """The C function, which takes memory, the index and the pattern's parameters."""
    return _Writer(pattern).write(name)


def _is_transposed_copy(nest: Nest) -> bool:
    return nest.recipe == ("mem", 1) and len(nest.trips) == 2 and nest.strides[0][0] == nest.strides[1][1] == 1


def _type(width: int) -> str:
    return "double" if width == 1 else f"v{width}"


def _times(factor: int, text: str) -> str:
    if factor == 1:
        return text
    return f"{factor} * {text}" if factor != -1 else f"-{text}"


def _sum(parts: Sequence[str]) -> str:
    text = " + ".join(part for part in parts if part)
    return text.replace("+ -", "- ") or "0"


def number_text(text: str) -> str:
    """C for a number in hexadecimal."""
    value = float.fromhex(text)
    if value != value:
        return "NAN"
    if value in (float("inf"), float("-inf")):
        return "INFINITY" if value > 0 else "(-INFINITY)"
    return text if value >= 0 and not text.startswith("-") else f"({text})"
