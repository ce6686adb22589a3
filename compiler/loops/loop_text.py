"""The text form of a program of loops, which `parse_program` reads back: ``parse_program(format_program(p)) == p``.

    program gpt_loss_length7
    array query[16][1][16] value axes position layer _ ; position.layer.query, forward, gpt.py:148, sum
    zero wpe_grad 112 + 144
    nest ; gpt.py:148 position.layer.query, forward
        for position < 7
        for i < 16
        query[position][0][i] = fold add { k < 16: mul(attn_wq_transposed[k][i], attn_norm[position][0][k]) }
    nest recurrence 1 ; kalman.py:12 filter, forward
        for step < 99
        place[step+1] = add(place[step], speed[step])

A run of a fold is ``k < 16: term, term``; runs are separated by semicolons, and one inside another is in brackets.
``wte[16*ix[position]+i]`` is an element that number `position` of the index chooses, ``places[3+ix[0]]`` one of the
elements in the line that begins with ``places``, and ``equal(ix[position], i)`` compares such a number. ``memory[12]``
is an element of the whole memory.

Programs over named sizes are written in the same form (see `sizes.generalise`); these are not read back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..errors import CompileError
from ..ir.ops import OPS, OPS_BY_NAME
from .loop_ir import (
    MEMORY,
    AddAt,
    Affine,
    Array,
    Body,
    Const,
    Equal,
    Expr,
    Fold,
    Gather,
    Load,
    Loop,
    LoopProgram,
    Nest,
    Op,
    Pick,
    Run,
    Span,
    Store,
    walk,
)

__all__ = ["affine_text", "format_nest", "format_program", "parse_program", "program_lines"]

_LETTERS = "kmnpqrstuvwxyzabcdefghij"


def format_program(program: LoopProgram) -> str:
    """The whole program; ends with a newline."""
    return "".join(f"{line}\n" for line in program_lines(program))


def program_lines(program: LoopProgram) -> Iterator[str]:
    """The lines of `format_program`. Those of a nest are one, one for each loop, and one for its statement."""
    yield f"program {program.name}"
    for array in _arrays(program):
        extents = "".join(f"[{extent}]" for extent in array.shape)
        axes = f" axes {' '.join(axis or '_' for axis in array.axes)}" if array.axes else ""
        part = f" of {array.of} + {array.offset}" if array.of else ""
        about = f" ; {array.about}" if array.about else ""
        yield f"array {array.name}{extents} {array.space} {array.dtype}{part}{axes}{about}"
    for span in program.zeros:
        yield f"zero {span.array.name} {span.start} + {span.size}"
    if program.places:
        yield f"places {' '.join(_element(place.array, place.index, ()) for place in program.places)}"
    for nest in program.nests:
        yield from format_nest(nest).splitlines()


def format_nest(nest: Nest) -> str:
    """One nest."""
    names: list[str] = []
    lines = ["nest" + f" recurrence {nest.recurrence}" * bool(nest.recurrence) + f" ; {nest.label}" * bool(nest.label)]
    for loop in nest.loops:
        name = loop.name or _unused(names)
        lines.append(f"    for {name} < {affine_text(loop.trips, names)}")
        names.append(name)
    body = nest.body
    value = _expr(body.value, names)
    if isinstance(body, Store):
        lines.append(f"    {_element(body.array, body.index, names)} = {value}")
    else:
        lines.append(f"    {_element(body.array, body.index, names, body.stride, body.chosen)} += {value}")
    return "".join(f"{line}\n" for line in lines)


def _arrays(program: LoopProgram) -> list[Array]:
    found = {span.array: None for span in program.zeros} | {place.array: None for place in program.places}
    for nest in program.nests:
        found[nest.body.array] = None
        found.update((part.array, None) for part in walk(nest.body.value) if isinstance(part, Load | Gather))
    return [array for array in found if array != MEMORY]


def _unused(names: Sequence[str]) -> str:
    return next(letter for letter in _LETTERS if letter not in names)


def affine_text(affine: Affine, names: Sequence[str]) -> str:
    """``4*head+i+3``; over named sizes ``head_size*head+i+n_embd-1``."""
    products = [_product(step, name) for name, step in zip(names, affine.steps, strict=False) if step]
    if affine.start or not products:
        products.append(str(affine.start))
    return "".join(text if text.startswith("-") or not at else f"+{text}" for at, text in enumerate(products))


def _product(factor: object, name: str) -> str:
    text = str(factor)
    if text in ("1", "-1"):
        return text[:-1] + name
    return f"({text})*{name}" if "+" in text or "-" in text[1:] else f"{text}*{name}"


def _element(
    array: Array,
    index: Sequence[Affine],
    names: Sequence[str],
    stride: Sequence[int] = (),
    chosen: Affine | None = None,
) -> str:
    text = array.name
    for place, part in enumerate(index):
        inside = affine_text(part, names)
        if stride and chosen is not None and stride[place]:
            factor = "" if stride[place] == 1 else f"{stride[place]}*"
            inside = f"{factor}ix[{affine_text(chosen, names)}]" + ("" if inside == "0" else f"+{inside}")
        text += f"[{inside}]"
    return text


def _expr(expr: Expr, names: Sequence[str]) -> str:
    match expr:
        case Const():
            return _constant(expr.text)
        case Load():
            return _element(expr.array, expr.index, names)
        case Gather():
            return _element(expr.array, expr.index, names, expr.stride, expr.chosen)
        case Pick():
            return f"places[ix[{affine_text(expr.chosen, names)}]+{affine_text(expr.start, names)}]"
        case Equal():
            return f"equal(ix[{affine_text(expr.chosen, names)}], {affine_text(expr.number, names)})"
        case Op():
            return f"{OPS[expr.op].name}({', '.join(_expr(part, names) for part in expr.operands)})"
        case Fold():
            return f"fold {OPS[expr.op].name} {{ {'; '.join(_run(run, names) for run in expr.runs)} }}"


def _constant(text: object) -> str:
    """A number; or, over named sizes, a rule for one."""
    return repr(float.fromhex(text)) if isinstance(text, str) else str(text)


def _run(run: Run, names: Sequence[str]) -> str:
    name = _unused(names)
    inside = [*names, name]
    parts = [f"({_run(part, inside)})" if isinstance(part, Run) else _expr(part, inside) for part in run.parts]
    return f"{name} < {affine_text(run.count, names)}: {', '.join(parts)}"


def parse_program(text: str) -> LoopProgram:
    """Reads what `format_program` wrote.

    Raises:
        CompileError: naming the line that is not of the form.
    """
    parser = _Parser()
    for number, line in enumerate(text.splitlines(), 1):
        try:
            if line.strip():
                parser.line(line)
        except (ValueError, IndexError, KeyError, TypeError):
            raise CompileError(f"line {number} is not part of a program of loops: {line!r}") from None
    return LoopProgram(parser.name, tuple(parser.nests), parser.places, tuple(parser.zeros))


class _Parser:
    """What has been read so far."""

    def __init__(self) -> None:
        self.name = ""
        self.arrays: dict[str, Array] = {MEMORY.name: MEMORY}
        self.zeros: list[Span] = []
        self.places: tuple[Load, ...] = ()
        self.nests: list[Nest] = []
        self.loops: list[Loop] = []
        self.label, self.recurrence = "", 0

    def line(self, line: str) -> None:
        """Takes the next line."""
        word, _, rest = line.strip().partition(" ")
        rest, _, comment = rest.partition("; ") if word in ("array", "nest") else (rest, "", "")
        if word == "program":
            self.name = rest
        elif word == "array":
            array = _parse_array(rest, comment)
            self.arrays[array.name] = array
        elif word == "zero":
            name, start, _, size = rest.split(" ")
            self.zeros.append(Span(self.arrays[name], int(start), int(size)))
        elif word == "places":
            self.places = tuple(_Reader(part, self.arrays, []).load() for part in rest.split(" "))
        elif word == "nest":
            self.loops, self.label, self.recurrence = [], comment, int(rest.removeprefix("recurrence ") or 0)
        elif word == "for":
            name, _, trips = rest.split(" ")
            reader = _Reader(trips, self.arrays, [loop.name for loop in self.loops])
            self.loops.append(Loop(reader.affine(), name))
        else:
            reader = _Reader(line, self.arrays, [loop.name for loop in self.loops])
            self.nests.append(Nest(tuple(self.loops), reader.body(), self.label, self.recurrence))


def _parse_array(text: str, about: str) -> Array:
    text, _, axes = text.strip().partition(" axes ")
    text, _, part = text.partition(" of ")
    named, space, dtype = text.split(" ")
    name, *extents = re.findall(r"[^][]+", named)
    of, _, offset = part.partition(" + ")
    names = tuple("" if axis == "_" else axis for axis in axes.split())
    return Array(name, tuple(map(int, extents)), names, space, dtype, of, int(offset or 0), about)


class _Reader:
    """Reads a statement, token by token."""

    def __init__(self, text: str, arrays: dict[str, Array], names: list[str]) -> None:
        self.tokens = re.findall(r"-?(?:nan|inf)\b|\d+\.?\d*(?:e[+-]?\d+)?|\w+|\+=|\S", text)
        self.at, self.arrays, self.names = 0, arrays, names

    def next(self, wanted: str = "") -> str:
        """The next token, which must be the one that is wanted."""
        token: str = self.tokens[self.at]
        if wanted not in ("", token):
            raise ValueError(token)
        self.at += 1
        return token

    def follows(self, token: str) -> bool:
        """Whether this token is the next one; then it is passed over."""
        found = self.at < len(self.tokens) and self.tokens[self.at] == token
        self.at += found
        return found

    def affine(self) -> Affine:
        """An affine number, without a choice."""
        affine, chosen, _ = self.sum()
        if chosen:
            raise ValueError
        return affine

    def sum(self) -> tuple[Affine, Affine | None, int]:
        """An affine number, and what an index adds to it: which number of the index, and how often."""
        start, steps, chosen, factor = 0, [0] * len(self.names), None, 0
        while True:
            sign = -1 if self.follows("-") else 1
            self.follows("+")
            token = self.next()
            number = int(token) * sign if token.isdigit() else sign
            if token.isdigit() and not self.follows("*"):
                start += number
            else:
                name = self.next() if token.isdigit() else token
                if name == "ix":
                    self.next("[")
                    chosen, factor = self.affine(), number
                    self.next("]")
                else:
                    steps[self.names.index(name)] += number
            if self.at == len(self.tokens) or self.tokens[self.at] not in "+-":
                return Affine(start, tuple(steps)), chosen, factor

    def load(self) -> Load:
        """An element."""
        found = self.element(self.next())
        if not isinstance(found, Load):
            raise TypeError
        return found

    def element(self, name: str) -> Load | Gather:
        """An element, or one that an index chooses, of an array whose name has been read."""
        parts = []
        while self.follows("["):
            parts.append(self.sum())
            self.next("]")
        index = tuple(part for part, _, _ in parts)
        chosen = next((found for _, found, _ in parts if found), None)
        array = self.arrays[name]
        if chosen is None:
            return Load(array, index)
        return Gather(array, index, tuple(factor for _, _, factor in parts), chosen)

    def body(self) -> Body:
        """A statement."""
        target = self.element(self.next())
        if self.next() == "=" and isinstance(target, Load):
            body: Body = Store(target.array, target.index, self.expr())
        elif isinstance(target, Gather):
            body = AddAt(target.array, target.index, target.stride, target.chosen, self.expr())
        if self.at != len(self.tokens):
            raise ValueError
        return body

    def expr(self) -> Expr:
        """An expression."""
        sign = self.follows("-")
        token = self.next()
        if token[0].isdigit() or token.lstrip("-") in ("inf", "nan"):
            number = float(token)
            return Const((-number if sign else number).hex())
        if token == "places":
            self.next("[")
            start, chosen, _ = self.sum()
            self.next("]")
            if chosen is None:
                raise ValueError
            return Pick(start, chosen)
        if token == "fold":
            return self.fold()
        if not self.follows("("):
            return self.element(token)
        if token == "equal":
            _, chosen, _ = self.sum()
            self.next(",")
            number_ = self.affine()
            self.next(")")
            if chosen is None:
                raise ValueError
            return Equal(chosen, number_)
        operands = [self.expr()]
        while self.follows(","):
            operands.append(self.expr())
        self.next(")")
        return Op(OPS_BY_NAME[token], tuple(operands))

    def fold(self) -> Fold:
        """What stands behind the word ``fold``."""
        op = OPS_BY_NAME[self.next()]
        runs: list[Run] = []
        self.next("{")
        while not runs or self.follows(";"):
            runs.append(self.run())
        self.next("}")
        return Fold(op, tuple(runs))

    def run(self) -> Run:
        """A run of a fold."""
        name = self.next()
        self.next("<")
        count = self.affine()
        self.next(":")
        self.names.append(name)
        parts: list[Expr | Run] = []
        while not parts or self.follows(","):
            if self.follows("("):
                parts.append(self.run())
                self.next(")")
            else:
                parts.append(self.expr())
        self.names.pop()
        return Run(count, tuple(parts))
