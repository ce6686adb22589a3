"""C of nests that walk through the same lanes and compute powers: an optimiser's, say.

In: nests of which each lane reads its own elements only. Out: the text of one C function that carries them out block
by block of lanes, so that what one nest writes is still in the first-level cache when the next one reads it. Within a
block a power is first guessed for all lanes; pow() is called for those in which the guess is not proved; then what
needs the powers goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..errors import InternalError
from ..loops.lanes import find_fold, find_proved, loads, proved_power, vector_loop
from ..loops.loop_program import Nest, Recipe
from .emit_expression import ONE, Expressions, Part, Pattern, number_text, stored_text

__all__ = ["group_lanes", "lanes_function"]

# Lanes of a block: the elements of all arrays that a block touches stay in the first-level cache.
_BLOCK = 512


def group_lanes(nests: Sequence[Nest]) -> Iterator[tuple[Nest, ...]]:
    """The nests in order; those that `lanes_function` can carry out together are together, all others alone."""
    group: list[Nest] = []
    for nest in nests:
        if group and not (_walks_lanes(nest) and all(_may_share(other, nest) for other in group)):
            yield from _worth_it(group)
            group = []
        group.append(nest)
        if not _walks_lanes(nest):
            yield (nest,)
            group = []
    yield from _worth_it(group)


def _worth_it(group: list[Nest]) -> Iterator[tuple[Nest, ...]]:
    """Without powers, each nest is a kernel like any other."""
    if any(find_proved(nest.recipe) for nest in group):
        yield tuple(group)
    else:
        yield from ((nest,) for nest in group)


def _walks_lanes(nest: Nest) -> bool:
    return len(nest.trips) == 1 and vector_loop(nest) == 0 and find_fold(nest.recipe) is None and _reads_plainly(nest)


def _reads_plainly(nest: Nest) -> bool:
    """Whether all that is read is memory at slots."""
    stack: list[Recipe] = [nest.recipe]
    while stack:
        recipe = stack.pop()
        if recipe[0] in ("row", "pick", "equal"):
            return False
        stack += (part for part in recipe[1:] if isinstance(part, tuple))
    return True


def _may_share(first: Nest, second: Nest) -> bool:
    """Whether no lane of either needs, or replaces, what another lane of the other reads or writes."""
    return first.trips == second.trips and all(
        _apart_or_same(one, slot, other, 0)
        for one, other in ((first, second), (second, first))
        for slot in (0, *loads(one.recipe))
    )


def _apart_or_same(reader: Nest, slot: int, writer: Nest, target: int) -> bool:
    trips = writer.trips[0]
    start, stride = writer.base[target], reader.strides[0][slot]
    if not stride:
        return not start <= reader.base[slot] < start + trips
    return reader.base[slot] == start or abs(reader.base[slot] - start) >= trips


def lanes_function(name: str, patterns: Sequence[Pattern], vector_width: int) -> str:
    """The C function, which takes memory, the index and the parameters of the pattern, if it is only one."""
    return _Writer(patterns, vector_width).write(name)


class _Writer:
    """The function in the making."""

    def __init__(self, patterns: Sequence[Pattern], vector_width: int) -> None:
        self.width = vector_width
        self.nest, self.parameters = patterns[0].nest, patterns[0].parameters
        vector = vector_loop(self.nest)
        if vector is None:
            raise InternalError("the nest has no lanes")
        self.vector, self.trips = vector, self.nest.trips[vector]
        self.texts = [
            Expressions(pattern, vector, f"{number}_" if len(patterns) > 1 else "")
            for number, pattern in enumerate(patterns)
        ]
        for text in self.texts:
            text.lane = "lane"

    def write(self, name: str) -> str:
        body = list(self._block())
        lines = [line for text in self.texts for line in text.beginning()]
        lines += [
            f"double power[{_BLOCK}];",
            f"unsigned long long doubts[{_BLOCK // 64}];",
            f"int lanes[{_BLOCK + 4}];",
        ]
        outer = [level for level in range(len(self.nest.trips) - 1, -1, -1) if level != self.vector]
        for depth, level in enumerate(outer):
            end = self.texts[0].affine(len(self.nest.base) + level)
            lines.append(
                "    " * depth + f"for (long i{level} = 0, end{level} = {end}; i{level} < end{level}; i{level}++) {{"
            )
        lines += ["    " * len(outer) + line for line in body]
        lines += ["    " * depth + "}" for depth in range(len(outer) - 1, -1, -1)]
        arguments = "".join(f", long p{place}" for place in self.parameters)
        head = f"KERNEL {name}(double *m, const int *ix{arguments})\n{{\n    (void)ix;\n"
        return head + "".join(f"    {line}\n" for line in lines) + "}\n"

    def _block(self) -> Iterator[str]:
        """All passes over one block of lanes."""
        yield f"for (long start = 0; start < {self.trips}; start += {_BLOCK}) {{"
        yield f"    const long stop = start + {_BLOCK} < {self.trips} ? start + {_BLOCK} : {self.trips};"
        yield f"    const long whole = stop - (stop - start) % {self.width};"
        yield "    long lane;"
        # What is done in one go for each lane, until powers must be settled.
        pending: list[tuple[Expressions, Recipe | None]] = []
        for text in self.texts:
            power = find_proved(text.nest.recipe)
            if power is not None:
                yield "    memset(doubts, 0, sizeof doubts);"
                yield from self._lanes([*pending, (text, power)])
                yield from self._settle(text, power)
                text.staged, pending = power, []
            pending.append((text, None))
        yield from self._lanes(pending)
        yield "}"

    def _lanes(self, steps: Sequence[tuple[Expressions, Recipe | None]]) -> Iterator[str]:
        """A loop that does for each lane what `steps` say: guess a power, or carry out a nest."""
        for width, head in (
            (self.width, f"(lane = start; lane < whole; lane += {self.width})"),
            (1, "(; lane < stop; lane++)"),
        ):
            if width == 1 and self.trips % self.width == 0:
                continue
            yield f"    for {head} {{"
            for text, power in steps:
                part = Part(width)
                if power is None:
                    yield f"        {_store(text, part)}"
                    continue
                value, is_vector = text.expression(power[1], part)
                if width == 1:
                    yield f"        power[lane - start] = pow({value}, {number_text(power[2][1])});"
                    continue
                yield f"        n{self.width} doubt;"
                value = value if is_vector else f"all{width}({value})"
                yield f"        store{width}(power + (lane - start), {proved_power(power)}{width}({value}, &doubt));"
                yield f"        doubts[(lane - start) / 64] |= (bits)signs{width}(doubt) << (lane - start) % 64;"
            yield "    }"

    @staticmethod
    def _settle(text: Expressions, power: Recipe) -> Iterator[str]:
        value, _ = text.expression(power[1], ONE)
        yield f"    for (int i = 0, count = list_doubts(doubts, {_BLOCK // 64}, lanes); i < count; i++) {{"
        yield "        lane = start + lanes[i];"
        yield f"        power[lanes[i]] = pow({value}, {number_text(power[2][1])});"
        yield "    }"


def _store(text: Expressions, part: Part) -> str:
    value, is_vector = text.expression(text.nest.recipe, part)
    if part.width == 1:
        return f"m[{text.address(0)}] = {value};"
    stored = stored_text(text.nest.recipe, value, is_vector, part.width)
    return f"store{part.width}(m + {text.address(0, part)}, {stored});"
