"""Vectorise: loops over lanes take several turns at once, in vectors of the processor's width.

In: a kernel with loops over lanes. Out: one without, in which expressions have widths. Each sum is computed in its own
order; what runs at once are the sums of neighbouring lanes. So nothing depends on what a compiler's vectoriser sees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..ir.ops import DIV, OPS, POW, Type
from ..loops.lanes import GUESSED, SEVERAL
from ..numerics import Numerics
from .batch_calls import is_batched
from .expressions import (
    Call,
    Chosen,
    Divisor,
    Entry,
    Expr,
    Fold,
    IsSet,
    Matches,
    Name,
    Number,
    Ones,
    Pick,
    Place,
    Proved,
    Quotient,
    Ratio,
    Read,
    ReadPart,
    Run,
    Spread,
    Sum,
)
from .kernel_ir import (
    Block,
    Declare,
    Enclose,
    EncloseRoots,
    For,
    Guess,
    Kernel,
    Prefetch,
    Reached,
    Settle,
    Statement,
    Update,
    Write,
    WritePart,
)
from .traverse import mentions, names_in, rebuilt, substituted

__all__ = ["MASKED", "needs_whole_vectors", "vectorise"]

# Vectors of a fold that are computed at the same time: enough to hide the latency of an addition, few enough for the
# registers.
_ACCUMULATORS = 8
# Fewer lanes than this are no vector in the steps of a recurrence.
_FEW = 4
# From this width on, processors have instructions for a part of a vector.
MASKED = 8
# The same without a fold: lanes do not wait for each other, and the processor overlaps them by itself.
_PLAIN = 2
# Turns of a loop, such as heads, that are taken one after the other for each part of a row.
_FEW_TURNS = 16


@dataclass(frozen=True)
class _Part:
    """So many lanes, from so many behind the first of a block on. With a count, only so many of a vector's lanes."""

    width: int
    offset: int = 0
    count: Sum | None = None


_ONE = _Part(1)


def vectorise(kernel: Kernel, width: int, numerics: Numerics) -> Kernel:
    """The kernel in vectors of at most `width` lanes."""
    few = 0 if numerics.fast else width
    return replace(kernel, body=tuple(each for part in kernel.body for each in _statement(part, width, few)))


def _statement(statement: Statement, width: int, few: int) -> Sequence[Statement]:
    if isinstance(statement, For):
        if statement.lanes and (width == 1 or _is_better_batched(statement, few)):
            statement = replace(statement, lanes=False)
        if not statement.lanes:
            inside = map(_alone_if_few, statement.body) if statement.ordered else statement.body
            body = tuple(each for part in inside for each in _statement(part, width, few))
            return [_parts_outside(replace(statement, body=body))]
        if isinstance(statement.end, Sum) and not statement.start.terms and not statement.end.terms:
            return _fixed(statement, width)
        alone = needs_whole_vectors(statement.name)
        if not statement.start.terms and width >= MASKED and not mentions(statement.body, alone):
            return _in_parts(statement, width)
        return _open(statement, width)
    if isinstance(statement, Settle):
        return [statement]
    if isinstance(statement, Block):
        if not any(isinstance(part, For) for part in statement.body):
            return [statement]
        return [Block(tuple(each for part in statement.body for each in _statement(part, width, few)))]
    return [Block((statement,))] if isinstance(statement, Write | Update) else [statement]


def _alone_if_few(statement: Statement) -> Statement:
    """A statement of a step, without lanes if it has very few: single numbers stay in registers from step to step, and
    a vector would wait for memory, where the step before has stored its lanes one by one.
    """
    if not isinstance(statement, For):
        return statement
    if statement.lanes and isinstance(statement.end, Sum) and not statement.end.terms:
        few = statement.end.constant < _FEW
        return replace(statement, lanes=False, unroll=True) if few else statement
    return replace(statement, body=tuple(map(_alone_if_few, statement.body)))


def _is_better_batched(loop: For, few: int) -> bool:
    """Whether it has fewer lanes than `few`, too few for functions that are computed in vectors of one width only."""
    return not loop.end.terms and loop.end.constant < few and mentions(loop.body, is_batched)


def _fixed(loop: For, width: int) -> list[Statement]:
    """A loop that is known to take so many turns: blocks of several vectors, and what is left in smaller ones."""
    trips = loop.end.constant
    around = loop.body[0] if isinstance(loop.body[0], For) else loop
    folds = sum(isinstance(each, Write) and _has_fold(each.value) for each in around.body)
    block = width * (max(_ACCUMULATORS // folds, 1) if folds else _PLAIN)
    whole = trips - trips % block
    masked = width >= MASKED and not mentions(loop.body, needs_whole_vectors(loop.name))
    statements: list[Statement] = []
    if whole > block:
        body = _block(loop, _parts(block, width, masked), Sum(0, ((1, "lane"),)))
        statements.append(For("lane", Sum(), Sum(whole), (body,), block))
    else:
        whole = 0
    statements += [
        _block(loop, _parts(min(block, trips - start), width, masked), Sum(start))
        for start in range(whole, trips, block)
    ]
    return statements


def _open(loop: For, width: int) -> list[Statement]:
    """A loop between variables: vectors of the full width, then lane by lane."""
    lane = Sum(0, ((1, loop.name),))
    body = _blocked(_each(loop.body, lambda each: _wide(each, loop.name, lane, _Part(width))))
    if loop.divides % width == 0:
        if width >= MASKED and any(isinstance(each, Enclose) for each in loop.body):
            return _several(loop, lane, width, body)
        return [replace(loop, body=body, step=width, lanes=False)]
    single = _blocked(_each(loop.body, lambda each: _wide(each, loop.name, lane, _ONE)))
    whole = Sum(0, ((1, "whole"),))
    return [
        Block(
            (
                Declare("whole", Reached(loop.start, loop.end, width), "whole"),
                replace(loop, end=whole, body=body, step=width, lanes=False),
                replace(loop, start=whole, body=single, lanes=False),
            )
        )
    ]


def _several(loop: For, lane: Sum, width: int, body: tuple[Statement, ...]) -> list[Statement]:
    """A loop over whole vectors: `SEVERAL` of them in a turn, and then one by one."""
    block, whole = SEVERAL * width, Sum(0, ((1, "whole"),))
    wide = [[_wide(each, loop.name, lane, part) for each in loop.body] for part in _parts(block, width, masked=False)]
    roots = [part[-1] for part in wide if isinstance(part[-1], Enclose) and part[-1].function == "root"]
    together = [each for part in wide for each in (part[:-1] if roots else part)]
    if roots:
        together.append(EncloseRoots(tuple(roots)))
    return [
        Block(
            (
                Declare("whole", Reached(loop.start, loop.end, block), "whole"),
                replace(loop, end=whole, body=tuple(together), step=block, lanes=False),
                replace(loop, start=whole, body=body, step=width, lanes=False),
            )
        )
    ]


def _blocked(body: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """Statements whose sums are computed side by side, unless those in tiles inside are."""
    sums = any(isinstance(part, Write | WritePart) and _has_fold(part.value) for part in body)
    return (Block(body),) if sums else body


def _each(body: Sequence[Statement], change: Callable[[Statement], Statement]) -> tuple[Statement, ...]:
    """Statements changed, also those in tiles of a loop inside, whose sums are computed side by side."""
    found: list[Statement] = []
    for part in body:
        if isinstance(part, For):
            found.append(replace(part, body=(Block(_each(part.body, change)),)))
        elif isinstance(part, Block):
            found.append(Block(_each(part.body, change)))
        else:
            found.append(change(part))
    return tuple(found)


def needs_whole_vectors(lane: str) -> Callable[[Any], bool]:
    """Finds what is not done for a part of a vector: numbers of the index that each lane has its own of, of which there
    are no more than lanes; updates; and powers that are enclosed.
    """

    def needs(part: Any) -> bool:
        if isinstance(part, Matches):
            return bool(part.chosen.factor(lane))
        return isinstance(part, Enclose | Update) or (isinstance(part, Entry) and lane in names_in([part]))

    return needs


def _in_parts(loop: For, width: int) -> list[Statement]:
    """The same in vectors alone, of which the last is a part of one."""
    lane = Sum(0, ((1, loop.name),))
    part = _Part(width, count=loop.end.plus(lane.times(-1)))
    body = _blocked(_each(loop.body, lambda each: _wide(each, loop.name, lane, part)))
    return [replace(loop, body=body, step=width, lanes=False)]


def _parts_outside(loop: For) -> For:
    """A loop of few turns around one over parts of vectors, the other way round: all turns have the same part then, and
    its mask is computed once.
    """
    if len(loop.body) != 1 or loop.ordered or loop.start.terms or loop.end.terms or loop.end.constant > _FEW_TURNS:
        return loop
    (inner,) = loop.body
    if not isinstance(inner, For) or not inner.end.terms or inner.end.factor(loop.name):
        return loop
    if inner.start.terms or not mentions(inner.body, lambda part: isinstance(part, WritePart)):
        return loop
    return replace(inner, body=(replace(loop, body=inner.body),))


def _has_fold(expr: Expr) -> bool:
    if isinstance(expr, Call):
        return any(map(_has_fold, expr.operands))
    return isinstance(expr, Fold)


def _parts(lanes: int, widest: int, masked: bool) -> list[_Part]:
    """The vectors that make up so many lanes.

    Args:
        masked: whether what would be several smaller vectors is a part of one.
    """
    whole, left = divmod(lanes, widest)
    widths = [width for width in (8, 4, 2, 1) if left & width]
    parts = [_Part(widest, number * widest) for number in range(whole)]
    if masked and len(widths) > 1:
        return [*parts, _Part(widest, whole * widest, Sum(left))]
    return parts + [_Part(width, whole * widest + sum(widths[:number])) for number, width in enumerate(widths)]


def _block(loop: For, parts: Sequence[_Part], first: Sum) -> Statement:
    """All parts of one block of lanes, which begins at lane `first`; for each turn of a loop inside."""
    inner = loop.body[0]
    if isinstance(inner, For):
        return replace(inner, body=(_block(replace(loop, body=inner.body), parts, first),))
    return Block(tuple(_wide(each, loop.name, first, part) for each in loop.body for part in parts))


def _wide(statement: Statement, lane: str, first: Sum, part: _Part) -> Statement:
    """A statement for one part of the lanes of a loop."""
    if part.count is not None:
        return _in_part(statement, lane, first, replace(part, count=None), part.count)
    where = {lane: first.plus(Sum(part.offset))}
    if isinstance(statement, Write):
        place = substituted(statement.place, where)
        value = _vector(_widened(statement.value, lane, where, part.width), part.width)
        if part.width > 1 and isinstance(value, Call) and OPS[value.op].result is Type.FLAG:
            value = Ones(value, part.width)
        return Write(place, value)
    if isinstance(statement, Prefetch):
        return replace(statement, place=substituted(statement.place, where))
    if isinstance(statement, Update):
        value = _vector(_widened(statement.value, lane, where, part.width), part.width)
        return Update(substituted(statement.place, where), value)
    if isinstance(statement, Enclose):
        return _enclosed(statement, lane, where, part)
    if isinstance(statement, Guess) and part.width == 1:
        return Write(statement.place, substituted(statement.power, where))
    if isinstance(statement, Guess):
        value = _vector(_widened(statement.power.operands[0], lane, where, part.width), part.width)
        operands = (value, *statement.power.operands[1:])
        return replace(statement, power=replace(statement.power, operands=operands, width=part.width))
    raise TypeError(statement)


def _in_part(statement: Statement, lane: str, first: Sum, vector: _Part, count: Sum) -> Statement:
    """A statement for so many lanes of a vector."""

    def change(read: Any) -> Any:
        return ReadPart(read.place, count, read.width) if isinstance(read, Read) and read.width > 1 else None

    own = statement.count if isinstance(statement, WritePart) else count
    if isinstance(statement, WritePart):
        statement = Write(statement.place, statement.value)
    wide = rebuilt(_wide(statement, lane, first, vector), change)
    return WritePart(wide.place, wide.value, own) if isinstance(wide, Write) else wide


def _powered(statement: Enclose, power: Expr) -> Expr:
    """What a power is used for, with something in place of the power."""
    changed: Expr = rebuilt(statement.value, lambda part: power if part == Name("power") else None)
    return changed


def _enclosed(statement: Enclose, lane: str, where: dict[str, Sum], vector: _Part) -> Statement:
    """What a power is used for, of some lanes; what does not need the power is computed once, before it."""
    width, mark = vector.width, f"_{vector.offset}" if vector.offset else ""
    place, power = substituted(statement.place, where), Name("power", width)

    def wide(expr: Expr) -> Expr:
        return _vector(_widened(expr, lane, where, width), width)

    def needs_power(expr: Expr) -> bool:
        return mentions(expr, lambda part: part == power)

    if width != statement.width:
        return Write(place, wide(_powered(statement, statement.power)))
    before: list[Declare] = []
    quotient: Call | None = None

    def change(part: Any) -> Any:
        nonlocal quotient
        if isinstance(part, Ratio) and needs_power(part.divisor):
            # Divided by the unit for that: those that multiply and add have enough to do.
            quotient = Call(DIV, (rebuilt(part.dividend, change), part.divisor), width)
            return Name("quotient", width)
        if not isinstance(part, Call | Quotient | Ratio | Read) or part.width == 1 or needs_power(part):
            return None
        name = f"s{len(before)}{mark}"
        before.append(Declare(name, part, width=width))
        return Name(name, width)

    value = rebuilt(wide(_powered(statement, power)), change)
    operands = (wide(statement.power.operands[0]), *statement.power.operands[1:])
    return replace(
        statement,
        place=place,
        value=value,
        power=Call(POW, operands, width),
        lane=substituted(statement.lane, where),
        before=tuple(before),
        quotient=quotient,
    )


def _vector(expr: Expr, width: int) -> Expr:
    return expr if _width(expr) == width else Spread(expr, width, isinstance(expr, Matches))


def _width(expr: Expr) -> int:
    return 1 if isinstance(expr, Number) else expr.width


def _widened(expr: Expr, lane: str, where: dict[str, Sum], width: int) -> Expr:
    """An expression for several lanes: a vector, or one number where it is the same for all."""
    match expr:
        case Read(place):
            entry = _entry_by_lane(place, lane)
            if entry is not None and width > 1:
                return _chosen(substituted(place, where), substituted(entry, where), _step(place, lane), width)
            return Read(substituted(place, where), width if place.flat().factor(lane) else 1)
        case Matches(chosen, number):
            differs = bool(chosen.factor(lane))
            chosen, number = substituted(chosen, where), substituted(number, where)
            return Matches(chosen, number, width if differs or expr.number.factor(lane) else 1, differs and width > 1)
        case Call():
            return _call(expr, [_widened(part, lane, where, width) for part in expr.operands], where[lane])
        case Fold():
            runs = (_widened_run(run, lane, where, width) for run in expr.runs)
            return Fold(expr.op, tuple(runs), width)
        case Number() | Name() | Pick():
            return expr
    raise TypeError(expr)


def _entry_by_lane(place: Place, lane: str) -> Entry | None:
    """The number of the index that chooses an element, if it is another one for each lane."""
    entries = (name for _, name in place.flat().terms if isinstance(name, Entry))
    return next((entry for entry in entries if entry.number.factor(lane)), None)


def _step(place: Place, lane: str) -> int:
    """How far apart what neighbouring lanes read is, but for what they choose."""
    return int(place.flat().factor(lane))


def _chosen(place: Place, entry: Entry, step: int, width: int) -> Chosen:
    stride = next(int(factor) for factor, name in place.flat().terms if name == entry)
    index = (replace(part, terms=tuple(term for term in part.terms if term[1] != entry)) for part in place.index)
    return Chosen(Place(place.base, tuple(index)), entry.number, stride, step, width)


def _widened_run(run: Run, lane: str, where: dict[str, Sum], width: int) -> Run:
    parts = (
        _widened_run(part, lane, where, width)
        if isinstance(part, Run)
        else _vector(_widened(part, lane, where, width), width)
        for part in run.parts
    )
    before = (_vector(_widened(part, lane, where, width), width) for part in run.before)
    return replace(run, parts=tuple(parts), before=tuple(before))


def _call(call: Call, operands: list[Expr], lane: Sum) -> Expr:
    row, width = OPS[call.op], max(map(_width, operands))
    if width == 1:
        return Call(call.op, tuple(operands))
    if call.op == DIV and _width(operands[0]) > 1 and _width(operands[1]) == 1:
        return Quotient(operands[0], Divisor(operands[1]), width)
    if call.op == DIV and _width(operands[0]) > 1:
        return Ratio(operands[0], operands[1], lane, width)
    if call.op == POW and isinstance(operands[1], Number) and float.fromhex(operands[1].text) in GUESSED:
        return Proved(GUESSED[float.fromhex(operands[1].text)], operands[0], width)
    found = (_lanes(each, type_, width, row.is_infix) for each, type_ in zip(operands, row.types, strict=True))
    return Call(call.op, tuple(found), width)


def _lanes(operand: Expr, type_: Type, width: int, is_infix: bool) -> Expr:
    """An operand of a vector operation."""
    if type_ is Type.FLAG:
        if _width(operand) == 1:
            return Spread(operand, width, is_flag=True)
        return IsSet(operand, width) if isinstance(operand, Read) else operand
    return operand if _width(operand) > 1 or is_infix else Spread(operand, width)
