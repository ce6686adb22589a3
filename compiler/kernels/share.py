"""Share: nests that differ only in where they begin, in what arrays, and how often they turn are calls of one kernel.

In: programs of nests. Out: a `KernelProgram`, whose kernels compute one lane at a time and have folds in their
expressions. What is the same in all calls is a constant in the kernel; what differs is a parameter. Where all calls
read or write one array, the kernel names it; where they do not, it takes a pointer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import chain

from ..ir.names import is_reserved
from ..ir.ops import LIBM, POW
from ..loops import loop_ir as loops
from ..loops.lanes import vector_loop
from ..loops.loop_ir import Affine, Array, LoopProgram, Nest, Store
from ..loops.place import LITERALS
from ..numerics import current
from .expressions import Call, Entry, Expr, Fold, Matches, Name, Number, Pick, Place, Read, Run, Sum
from .fuse import fuse
from .kernel_ir import Argument, For, Invocation, Kernel, KernelProgram, Parameter, Statement, Transpose, Update, Write
from .traverse import substituted

__all__ = ["share"]

# With more variants of strides than this, nests of one form share one kernel. Its loops then run one lane at a time,
# but a triangular program of 5,000 nests takes the C compiler seconds and not minutes.
_VARIANTS = 24

# A multiple of the lanes of every vector.
_FILLS = 16

_LETTERS = "ijlnqrsuvz"

# Names of the other variables, and of what kernels call.
_TAKEN = re.compile(
    r"[a-hkmo-z]\d*|[a-z]\d+|sum\d+|ix|lanes?|start|stop|whole|even|power|doubts?|divisor|bits|transpose|memory|places|count|part|"
    r"(load|store|all|flag|equal|keep|drop(_all)?|fused|signs|quotient|ratio|(settled_)?(square|root|inverse(_root|_square|_root_cube)?)|unlike|exponential|logarithm|power)\d|"
    r"exponentials|logarithms|powers|squares|roots|inverse(s|_roots|_squares|_root_cubes)|guess|lower|higher|same|high|low|value|\w*[A-Z]\w*|\W.*|\d.*"
)

_Group = tuple[Nest, ...]


def share(programs: Sequence[LoopProgram], in_parts: bool) -> KernelProgram:
    """The kernels of programs, and their calls.

    Args:
        in_parts: whether loops over lanes may turn any number of times: what does not fill a vector takes a part of it.
    """
    groups = [list(fuse(program.nests)) for program in programs]
    found = [[(_key(group, with_steps=False), _key(group)) for group in program] for program in groups]
    variants: dict[Hashable, set[Hashable]] = {}
    for shape, key in chain.from_iterable(found):
        variants.setdefault(shape, set()).add(key)
    keys = [[shape if len(variants[shape]) > _VARIANTS else key for shape, key in program] for program in found]
    members: dict[Hashable, list[_Group]] = {}
    for group, key in zip(chain.from_iterable(groups), chain.from_iterable(keys), strict=True):
        members.setdefault(key, []).append(group)
    numbers = {key: number for number, key in enumerate(members)}
    lowered = [_Lowering(alike, in_parts) for alike in members.values()]
    kernels = tuple(each.kernel() for each in lowered)
    taken = [0] * len(kernels)
    calls: list[list[Invocation]] = []
    for program, own in zip(groups, keys, strict=True):
        calls.append([])
        for group, key in zip(program, own, strict=True):
            number = numbers[key]
            arguments = lowered[number].arguments(taken[number])
            arrays = tuple(dict.fromkeys(nest.body.array.name for nest in group))
            calls[-1].append(Invocation(number, arguments, len(group), arrays))
            taken[number] += 1
    return KernelProgram(kernels, tuple(map(tuple, calls)))


def _key(group: _Group, with_steps: bool = True) -> Hashable:
    """Equal for groups that can be calls of one kernel."""
    if group[0].recurrence:
        return "steps", *(_nest_key(nest, with_steps) for nest in group)
    if len(group) > 1:
        # These are few, and each is a kernel.
        return tuple((nest.loops, nest.body) for nest in group)
    return _nest_key(group[0], with_steps)


def _nest_key(nest: Nest, with_steps: bool) -> Hashable:
    steps: Callable[[Affine], Hashable] = (lambda affine: affine.steps) if with_steps else (lambda affine: None)
    body = nest.body
    target: Hashable = steps(body.array.flat(body.index))
    if not isinstance(body, Store):
        target = (target, body.array.flat_stride(body.stride), steps(body.chosen))
    # Nests whose last loop fills vectors do not share a kernel with those of any length, which would not know that.
    last = nest.loops[-1].trips.start if current().fast and nest.loops and vector_loop(nest) is not None else 1
    return (
        _is_transposed_copy(nest),
        0 if last % _FILLS else last,
        tuple(steps(loop.trips) for loop in nest.loops),
        target,
        _value_key(body.value, steps),
    )


def _value_key(expr: loops.Expr, steps: Callable[[Affine], Hashable]) -> Hashable:
    match expr:
        case loops.Const():
            return "literal", expr.text if _is_literal(expr) else ""
        case loops.Load():
            return "load", steps(expr.array.flat(expr.index))
        case loops.Gather():
            return "gather", steps(expr.array.flat(expr.index)), expr.array.flat_stride(expr.stride), steps(expr.chosen)
        case loops.Pick():
            return "pick", steps(expr.start), steps(expr.chosen)
        case loops.Equal():
            return "equal", steps(expr.chosen), steps(expr.number)
        case loops.Op():
            exponent = expr.operands[1] if expr.op == POW else None
            fixed = (exponent,) if isinstance(exponent, loops.Const) else ()
            rest = expr.operands[: len(expr.operands) - len(fixed)]
            return expr.op, fixed, tuple(_value_key(part, steps) for part in rest)
        case loops.Fold():
            return "fold", expr.op, tuple(_run_key(run, steps) for run in expr.runs)


def _run_key(run: loops.Run, steps: Callable[[Affine], Hashable]) -> Hashable:
    parts = (_run_key(part, steps) if isinstance(part, loops.Run) else _value_key(part, steps) for part in run.parts)
    return "run", steps(run.count), tuple(parts)


def _is_literal(const: loops.Const) -> bool:
    return float.fromhex(const.text) in LITERALS


def _is_transposed_copy(nest: Nest) -> bool:
    body = nest.body
    if not isinstance(body, Store) or not isinstance(body.value, loops.Load) or len(nest.loops) != 2:
        return False
    # A matrix, and not a triangle, whose rows differ in length.
    to, source = body.array.flat(body.index), body.value.array.flat(body.value.index)
    return to.steps[1] == source.steps[0] == 1 and not any(nest.loops[1].trips.steps)


class _Lowering:
    """One kernel in the making, from all groups of nests that it carries out."""

    def __init__(self, groups: Sequence[_Group], in_parts: bool) -> None:
        self.groups, self._in_parts = groups, in_parts
        self._parameters: dict[tuple[str, tuple[Argument, ...]], str] = {}

    def arguments(self, call: int) -> tuple[Argument, ...]:
        """Those of one call."""
        return tuple(values[call] for _, values in self._parameters)

    def kernel(self) -> Kernel:
        """The kernel."""
        if self.groups[0][0].recurrence:
            body: tuple[Statement, ...] = (self._steps(),)
        elif _is_transposed_copy(self.groups[0][0]) and len(self.groups[0]) == 1:
            body = (self._transpose([nest for (nest,) in self.groups]),)
        else:
            body = self._loops(self.groups)
        parameters = tuple(Parameter(name, kind, _span(values)) for (kind, values), name in self._parameters.items())
        labels = dict.fromkeys(nest.label for group in self.groups for nest in group if nest.label)
        return Kernel(parameters, body, tuple(labels))

    def _transpose(self, nests: Sequence[Nest]) -> Transpose:
        """Copies of alike matrices."""
        names = ("j", "i")
        columns, rows = (self._sum([nest.loops[level].trips for nest in nests], ()) for level in (0, 1))
        bodies = [nest.body for nest in nests]
        sources = [body.value for body in bodies if isinstance(body.value, loops.Load)]
        to = self._place("write", [(body.array, body.index) for body in bodies], names)
        source = self._place("read", [(each.array, each.index) for each in sources], names)
        first = {"i": Sum(), "j": Sum()}
        return Transpose(
            substituted(to, first),
            to.flat().factor("j"),
            substituted(source, first),
            source.flat().factor("i"),
            rows,
            columns,
        )

    def _steps(self) -> Statement:
        """The nests of recurrences, in a loop over the steps."""
        name = "step"
        trips = self._sum([group[0].loops[0].trips for group in self.groups], ())
        columns = zip(*self.groups, strict=True)
        body = (each for nests in columns for each in self._loops([(nest,) for nest in nests], (name,)))
        return For(name, Sum(), trips, tuple(body), ordered=True)

    def _loops(self, groups: Sequence[_Group], around: Sequence[str] = ()) -> tuple[Statement, ...]:
        """The statements of fused nests in their loops, but for those `around` them, which are there already."""
        firsts = [group[0] for group in groups]
        names = [loop.name for loop in firsts[0].loops]
        alike = all([loop.name for loop in nest.loops] == names for nest in firsts)
        if not alike or any(_is_taken(name) for name in names):
            names = [*around, *_LETTERS[: len(names) - len(around)]]
        body: tuple[Statement, ...] = tuple(self._statement(list(nests), names) for nests in zip(*groups, strict=True))
        trips = [self._sum([nest.loops[level].trips for nest in firsts], names) for level in range(len(names))]
        lanes = vector_loop(firsts[0])
        in_parts = self._in_parts and lanes == len(names) - 1
        if lanes is not None and not in_parts and any(name not in around for _, name in trips[lanes].terms):
            lanes = None
        if any(vector_loop(nest) != lanes for nest in firsts):
            lanes = None
        # Lanes are innermost.
        for level in sorted(range(len(around), len(names)), key=lambda level: (level == lanes, level), reverse=True):
            body = (For(names[level], Sum(), trips[level], body, lanes=level == lanes),)
        return body

    def _statement(self, nests: Sequence[Nest], names: list[str]) -> Statement:
        bodies = [nest.body for nest in nests]
        value = [body.value for body in bodies]
        places = [(body.array, body.index) for body in bodies]
        if isinstance(bodies[0], Store):
            return Write(self._place("write", places, names), self._expr(value, names))
        chosen = [(body.stride, body.chosen) for body in bodies if not isinstance(body, Store)]
        return Update(self._place("write", places, names, chosen), self._expr(value, names))

    def _parameter(self, kind: str, values: Iterable[Argument]) -> str:
        key = (kind, tuple(values))
        if key not in self._parameters:
            word = {"whole": "n", "number": "c", "read": "x", "write": "y"}[kind]
            number = sum(other == kind for other, _ in self._parameters)
            self._parameters[key] = f"{word}{number}"
        return self._parameters[key]

    def _factor(self, values: Sequence[int]) -> int | str:
        return values[0] if len(set(values)) == 1 else self._parameter("whole", values)

    def _sum(self, affines: Sequence[Affine], names: Sequence[str]) -> Sum:
        start = self._factor([affine.start for affine in affines])
        first = Sum(start) if isinstance(start, int) else Sum(0, ((1, start),))
        steps = zip(*(affine.steps for affine in affines), strict=True)
        terms = [(self._factor(step), name) for step, name in zip(steps, names, strict=False)]
        return first.plus(Sum(0, tuple((factor, name) for factor, name in terms if factor)))

    def _place(
        self,
        kind: str,
        places: Sequence[tuple[Array, tuple[Affine, ...]]],
        names: Sequence[str],
        chosen: Sequence[tuple[tuple[int, ...], Affine]] = (),
    ) -> Place:
        """One place in all calls; an index adds to it what is `chosen`."""
        entry = Entry(self._sum([number for _, number in chosen], names)) if chosen else None
        alike = {
            (array, tuple(part.steps for part in index), stride[0])
            for (array, index), stride in zip(places, chosen or [((), Affine(0))] * len(places), strict=True)
        }
        if len(alike) == 1:
            array, first = places[0]
            index = [self._sum([index[at] for _, index in places], names) for at in range(len(first))]
            if entry:
                index = [part.plus(_multiple(factor, entry)) for part, factor in zip(index, chosen[0][0], strict=True)]
            return Place(array, tuple(index))
        pointer = self._parameter(kind, [_first(array, index) for array, index in places])
        flat = [Affine(0, array.flat(index).steps) for array, index in places]
        offset = self._sum(flat, names)
        if entry:
            offset = offset.plus(_multiple(places[0][0].flat_stride(chosen[0][0]), entry))
        return Place(pointer, (offset,))

    def _expr(self, exprs: Sequence[loops.Expr], names: list[str]) -> Expr:
        """One expression in all calls."""
        match exprs[0]:
            case loops.Const():
                texts = [each.text for each in exprs if isinstance(each, loops.Const)]
                return Number(texts[0]) if len(set(texts)) == 1 else Name(self._parameter("number", texts))
            case loops.Load():
                loads = [(each.array, each.index) for each in exprs if isinstance(each, loops.Load)]
                return Read(self._place("read", loads, names))
            case loops.Gather():
                gathers = [each for each in exprs if isinstance(each, loops.Gather)]
                chosen = [(each.stride, each.chosen) for each in gathers]
                return Read(self._place("read", [(each.array, each.index) for each in gathers], names, chosen))
            case loops.Pick():
                picks = [each for each in exprs if isinstance(each, loops.Pick)]
                start = self._sum([each.start for each in picks], names)
                return Pick(start, self._sum([each.chosen for each in picks], names))
            case loops.Equal():
                equals = [each for each in exprs if isinstance(each, loops.Equal)]
                chosen_ = self._sum([each.chosen for each in equals], names)
                return Matches(chosen_, self._sum([each.number for each in equals], names))
            case loops.Op(op, operands):
                columns = [
                    [each.operands[at] for each in exprs if isinstance(each, loops.Op)] for at in range(len(operands))
                ]
                return Call(op, tuple(self._expr(column, names) for column in columns))
            case loops.Fold(op, runs):
                folds = [each for each in exprs if isinstance(each, loops.Fold)]
                return Fold(op, tuple(self._run([fold.runs[at] for fold in folds], names) for at in range(len(runs))))

    def _run(self, runs: Sequence[loops.Run], names: list[str]) -> Run:
        variable = next(name for name in ("k", "k2", "k3") if name not in names)
        inside, parts = [*names, variable], list[Expr | Run]()
        for at, part in enumerate(runs[0].parts):
            column = [run.parts[at] for run in runs]
            if isinstance(part, loops.Run):
                parts.append(self._run([each for each in column if isinstance(each, loops.Run)], inside))
            else:
                parts.append(self._expr([each for each in column if not isinstance(each, loops.Run)], inside))
        return Run(variable, self._sum([run.count for run in runs], names), tuple(parts))


def _is_taken(name: str) -> bool:
    return name in LIBM or is_reserved(name) or _TAKEN.fullmatch(name) is not None


def _span(values: Sequence[Argument]) -> tuple[int, int] | None:
    """The least and the greatest of whole numbers."""
    numbers = [value for value in values if isinstance(value, int)]
    return (min(numbers), max(numbers)) if len(numbers) == len(values) else None


def _first(array: Array, index: Sequence[Affine]) -> Place:
    return Place(array, tuple(Sum(part.start) for part in index))


def _multiple(factor: int, entry: Entry) -> Sum:
    return Sum(0, ((factor, entry),)) if factor else Sum()
