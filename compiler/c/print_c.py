"""Print C: the text of kernels. What is to be done, and in which vectors, has been decided.

In: a `Kernel`. Out: a C function, to stand behind `prelude` and the declaration of the memory's arrays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..errors import InternalError
from ..ir.ops import OPS, UNLESS, Type, is_closed, spell
from ..kernels import kernel_ir as ir
from ..kernels.expressions import (
    Call,
    Chosen,
    Divisor,
    Entry,
    Expr,
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
    Spread,
    Sum,
)
from ..kernels.kernel_ir import Kernel, Statement
from ..kernels.merge import Routine
from ..kernels.traverse import rebuilt
from ..loops.loop_ir import MEMORY, Array
from .c_text import decimal_text

__all__ = ["Printer", "number_text"]


class Printer:
    """Prints kernels.

    Args:
        prefix: of the names of tables.
        number: the type of numbers, ``double`` or ``float``.
        outside: the array of arguments that is no part of the memory, which has a pointer to it.
        divided: whether threads run programs together.
    """

    def __init__(self, prefix: str = "", number: str = "double", outside: str = "", divided: bool = False) -> None:
        self.prefix, self.number, self.outside, self.divided = prefix, number, outside, divided
        self._zero = number_text("0x0p+0", number)

    def kernel_text(self, kernel: Kernel, name: str, memory: str) -> str:
        """A function.

        Args:
            memory: the type of the memory.
        """
        lines = [line for statement in kernel.body for line in self._lines(statement, 1)]
        text = "\n".join(lines).replace("[places[", f"[{self.prefix}places[")
        unused = [
            f"    (void){word};\n" for word, use in (("m", r"\bm\b"), ("ix", r"\bix\b")) if not re.search(use, text)
        ]
        head = f"KERNEL {name}({self.parameters_text(kernel, memory)})"
        return f"{head}\n{{\n{''.join(unused)}{text}\n}}"

    def parameters_text(self, kernel: Kernel | Routine, memory: str) -> str:
        """The parameters of a kernel's, or a routine's, function."""
        number = self.number
        types = {"whole": "long ", "number": f"{number} ", "read": f"const {number} *", "write": f"{number} *"}
        further = "".join(f", {types[parameter.kind]}{parameter.name}" for parameter in kernel.parameters)
        together = self.divided and (isinstance(kernel, Routine) or kernel.divided)
        return f"{memory} *m, const int *ix{', team *t' * together}{further}"

    def argument_text(self, argument: ir.Argument) -> str:
        """What a parameter gets in a call."""
        if isinstance(argument, Place):
            return self.address_text(argument)
        if isinstance(argument, Name):
            return argument.name
        return number_text(argument, self.number) if isinstance(argument, str) else str(argument)

    def _lines(self, statement: Statement, depth: int) -> Iterator[str]:
        indent = "    " * depth
        match statement:
            case ir.For():
                start, end = sum_text(statement.start), sum_text(statement.end)
                name, step = statement.name, f" += {statement.step}" if statement.step > 1 else "++"
                if statement.unroll:
                    yield f"{indent}UNROLL"
                limit = "" if end.isidentifier() or end.isdigit() else f", end_{name} = {end}"
                last = f"end_{name}" if limit else end
                if statement.divided == "in turns":
                    start = f"{statement.step} * t->number" + f" + {start}" * (start != "0")
                    step = f" += {statement.step} * t->count"
                elif statement.divided:
                    turns = f"{start}, {end}, {statement.step})"
                    start, limit, last = f"part(t, 0, {turns}", f", end_{name} = part(t, 1, {turns}", f"end_{name}"
                yield f"{indent}for (long {name} = {start}{limit}; {name} < {last}; {name}{step}) {{"
                yield from self._inside(statement.body, depth)
            case ir.Block():
                yield f"{indent}{'if (!t->number) ' * statement.alone}{{"
                yield from self._inside(statement.body, depth)
            case ir.Settle():
                found = "list_doubts(doubts, sizeof doubts, lanes)"
                yield f"{indent}for (int doubt = 0, count = {found}; doubt < count; doubt++) {{"
                yield f"{indent}    const long {statement.lane} = {statement.start} + lanes[doubt];"
                yield from self._inside(statement.body, depth)
            case ir.Guess():
                width, lane = statement.power.width, sum_text(statement.lane)
                yield f"{indent}int doubt;"
                yield f"{indent}store{width}({self.address_text(statement.place)}, {self._guess_text(statement)});"
                yield f"{indent}doubts[(unsigned long)({lane}) / {width}] = (unsigned char)doubt;"
            case ir.Spare(place, value):
                same, lower, higher = (self._text_with(value, name) for name in ("middle", "lower", "higher"))
                yield f"{indent}const {self.number} middle = {self._element(place)}, same = {same};"
                yield f"{indent}const {self.number} lower = moved(middle, -1), higher = moved(middle, 1);"
                yield f"{indent}if (is_usual(middle) && {lower} == same && {higher} == same) continue;"
            case ir.Enclose():
                yield f"{indent}{{"
                yield from self._enclosed(statement, indent + "    ")
                yield f"{indent}}}"
            case ir.EncloseRoots():
                yield from self._enclosed_roots(statement, indent)
            case ir.Room(lanes, powers):
                if powers:
                    yield f"{indent}{self.number} power[{lanes}];"
                yield f"{indent}unsigned char doubts[({lanes} / VECTOR + 7) / 8 * 8];"
                yield f"{indent}int lanes[{lanes}];"
            case _:
                yield f"{indent}{self._line(statement)};"

    def _enclosed(self, statement: ir.Enclose, indent: str) -> Iterator[str]:
        width = statement.width
        function, operands, divisor = self._enclosing(statement)
        yield f"{indent}v{width} low;"
        yield f"{indent}const v{width} high = {function}{width}({operands}{divisor}, &low);"
        yield from self._kept(statement, "high", "low", indent)

    def _enclosed_roots(self, statement: ir.EncloseRoots, indent: str) -> Iterator[str]:
        width, count = statement.parts[0].width, len(statement.parts)
        functions, operands, divisors = zip(*map(self._enclosing, statement.parts), strict=True)
        name = functions[0].replace("quotient", "quotients").replace("root", "roots")
        yield f"{indent}const v{width} of[{count}] = {{{', '.join(operands)}}};"
        yield f"{indent}v{width} low[{count}], high[{count}];"
        yield f"{indent}{name}{width}(of{divisors[0]}, high, low);"
        kept = (self._kept(part, f"high[{n}]", f"low[{n}]", indent, str(n)) for n, part in enumerate(statement.parts))
        for lines in zip(*kept, strict=True):
            yield from lines

    def _enclosing(self, statement: ir.Enclose) -> tuple[str, str, str]:
        """The function that encloses a power, its operand, and what that is divided by."""
        operand, function = statement.power.operands[0], f"enclosed_{statement.function}"
        if statement.function == "root" and isinstance(operand, Quotient):
            divisor = f", {self.expr_text(operand.divisor)}"
            return f"{function}_of_quotient", self.expr_text(operand.dividend), divisor
        return function, self.expr_text(operand), ""

    def _kept(self, statement: ir.Enclose, high: str, low: str, indent: str, mark: str = "") -> Iterator[str]:
        """Stores what is the same for both ends of the interval. Its variables end with `mark`."""
        width, value = statement.width, statement.value
        for declared in statement.before:
            yield f"{indent}{self._line(declared)};"
        if statement.quotient:
            over, under, quotient, other = (f"{name}{mark}" for name in ("over", "under", "quotient", "other"))
            x, divisor = self.expr_text(statement.quotient.operands[0]), statement.quotient.operands[1]
            yield f"{indent}const v{width} {over} = {self._text_with(divisor, high, 'power')};"
            yield f"{indent}const v{width} {under} = {self._text_with(divisor, low, 'power')};"
            yield f"{indent}const v{width} {quotient} = {x} / {over};"
            yield f"{indent}const v{width} {other} = other_quotient{width}({x}, {quotient}, {over}, {under});"
            one, two = (self._text_with(value, name, "quotient") for name in (quotient, other))
        else:
            one, two = (self._text_with(value, name, "power") for name in (high, low))
        if statement.lane is not None:
            stored = f"store_sure{width}({self.address_text(statement.place)}, {one}, {two})"
            yield f"{indent}doubts[(unsigned long)({sum_text(statement.lane)}) / {width}] = (unsigned char){stored};"
            return
        operand, exponent = statement.power.operands
        settle = f"settle_enclosed{width}({high}, {self.expr_text(operand)}, {self.expr_text(exponent)}, doubts)"
        yield f"{indent}v{width} value = {one};"
        yield f"{indent}const int doubts = unlike{width}(value, {two});"
        yield f"{indent}if (__builtin_expect(doubts, 0)) {{"
        yield f"{indent}    const v{width} power = {settle};"
        if statement.quotient:
            yield f"{indent}    const v{width} quotient = {x} / {self.expr_text(divisor)};"
        yield f"{indent}    value = {self.expr_text(value)};"
        yield f"{indent}}}"
        yield f"{indent}store{width}({self.address_text(statement.place)}, value);"

    def _text_with(self, value: Expr, name: str, variable: str = "middle") -> str:
        def change(part: Expr) -> Expr | None:
            return replace(part, name=name) if isinstance(part, Name) and part.name == variable else None

        return self.expr_text(rebuilt(value, change))

    def _guess_text(self, guess: ir.Guess) -> str:
        operand, width = guess.power.operands[0], guess.power.width
        if guess.function == "square":
            return f"square{width}({self.expr_text(operand)}, &doubt)"
        lane = sum_text(guess.lane)
        if guess.function == "root" and isinstance(operand, Quotient):
            parts = f"{self.expr_text(operand.dividend)}, {self.expr_text(operand.divisor)}"
            return f"root_of_quotient{width}({parts}, &doubt, {lane})"
        return f"{guess.function}{width}({self.expr_text(operand)}, &doubt, {lane})"

    def _inside(self, body: Sequence[Statement], depth: int) -> Iterator[str]:
        for statement in body:
            yield from self._lines(statement, depth + 1)
        yield "    " * depth + "}"

    def _line(self, statement: Statement) -> str:
        match statement:
            case ir.Write(place, value):
                if _width(value) > 1:
                    return f"store{_width(value)}({self.address_text(place)}, {self.expr_text(value)})"
                return f"{self._element(place)} = {self.expr_text(value)}"
            case ir.Prefetch(place, writes):
                return f"__builtin_prefetch({self.address_text(place)}, {int(writes)})"
            case ir.WritePart(place, value, count):
                what = f"{self.address_text(place)}, {self.expr_text(value)}, {sum_text(count)}"
                return f"store_part{_width(value)}({what})"
            case ir.Update(place, value):
                if _width(value) > 1:
                    address, sum_ = self.address_text(place), Read(place, _width(value))
                    return f"store{_width(value)}({address}, {self.expr_text(sum_)} + {self.expr_text(value)})"
                return f"{self._element(place)} += {self.expr_text(value)}"
            case ir.Assign(name, value, op):
                if op is None:
                    return f"{name} = {self.expr_text(value)}"
                if OPS[op].c == "{a} + {b}":
                    return f"{name} += {self.expr_text(value)}"
                return f"{name} = {self._spelled(op, [name, self.expr_text(value)], _width(value))}"
            case ir.Declare(name, value, kind, width):
                type_ = {"whole": "long", "divisor": "divisor"}.get(kind, self.number if width == 1 else f"v{width}")
                if kind == "held" and value is not None:
                    return f"{type_} {name} = {self._value(value)}; HELD{width}({name})"
                return f"{type_} {name}" if value is None else f"const {type_} {name} = {self._value(value)}"
            case ir.Point(name, place, writes, apart):
                own = f"; APART({name})" if apart else ""
                return f"{'' if writes else 'const '}{self.number} *{name} = {self.address_text(place)}{own}"
            case ir.Advance(name, distance):
                return (
                    f"{name} -= {-distance}" if isinstance(distance, int) and distance < 0 else f"{name} += {distance}"
                )
            case ir.Transpose():
                to, source = self.address_text(statement.to), self.address_text(statement.source)
                sizes = f"{sum_text(statement.rows)}, {sum_text(statement.columns)}"
                function = "transpose_part(t, " if statement.divided else "transpose("
                return f"{function}{to}, {statement.to_row}, {source}, {statement.source_row}, {sizes})"
            case ir.Buffer(name, size):
                return f"{self.number} {name}[{size} + VECTOR]"
            case ir.Evaluate(function, buffer, end, exponent):
                further = f", {number_text(exponent.text, self.number)}" if exponent else ""
                return f"{function}({buffer}, {end} - {buffer}{further})"
            case ir.Clear():
                return "memset(doubts, 0, sizeof doubts)"
        raise InternalError(f"{type(statement).__name__} has no spelling in C")

    def _value(self, value: Expr | Sum | ir.Least | ir.Reached) -> str:
        match value:
            case Sum():
                return sum_text(value)
            case ir.Least(one, other):
                return f"{sum_text(one)} < {sum_text(other)} ? {sum_text(one)} : {sum_text(other)}"
            case ir.Reached(start, stop, step):
                return f"{sum_text(stop)} - ({sum_text(stop)} - {sum_text(start)}) % {step}"
        return self.expr_text(value)

    def expr_text(self, expr: Expr) -> str:
        """An expression."""
        match expr:
            case Number(text):
                return number_text(text, self.number)
            case Name(name):
                return name
            case Read(place, width):
                return self._element(place) if width == 1 else f"load{width}({self.address_text(place)})"
            case Pick(start, chosen):
                return f"((const {self.number} *)m)[places[{sum_text(Sum(0, ((1, Entry(chosen)),)).plus(start))}]]"
            case ReadPart(place, count, width):
                return f"load_part{width}({self.address_text(place)}, {sum_text(count)})"
            case Chosen(place, chosen, stride, step, width):
                return f"choose{width}({self.address_text(place)}, ix + {sum_text(chosen)}, {stride}, {step})"
            case Matches(chosen, number, width, True):
                return f"(entries{width}(ix + {sum_text(chosen)}) == (int)({sum_text(number)}))"
            case Matches(chosen, number, width):
                index = f"ix[{sum_text(chosen)}]"
                return (
                    f"equal{width}({index} - ({sum_text(number)}))" if width > 1 else f"({index} == {sum_text(number)})"
                )
            case Call(op, (Spread(flag, _, True), value), width) if op == UNLESS:
                return f"drop_all{width}({self.expr_text(flag)}, {self.expr_text(value)})"
            case Call(op, operands, width):
                types = OPS[op].types_of(len(operands))
                return self._spelled(op, list(map(self._operand, operands, types)), width)
            case Spread(value, width, is_flag):
                return f"{'flag' if is_flag else 'all'}{width}({self.expr_text(value)})"
            case IsSet(value):
                return f"({self.expr_text(value)} != {self._zero})"
            case Ones(value, width):
                return f"keep{width}({self.expr_text(value)}, all{width}(1.0))"
            case Divisor(value, frequent=frequent):
                return f"{'frequent_divisor' if frequent else 'divisor_of'}({self.expr_text(value)})"
            case Quotient(dividend, divisor, width):
                return f"quotient{width}({self.expr_text(dividend)}, {self.expr_text(divisor)})"
            case Ratio(dividend, divisor, lane, width):
                parts = f"{self.expr_text(dividend)}, {self.expr_text(divisor)}"
                return f"ratio{width}({parts}, {sum_text(lane)})"
            case Proved(function, operand, width):
                return f"settled_{function}{width}({self.expr_text(operand)})"
        raise InternalError(f"{type(expr).__name__} has no spelling in C")

    def _operand(self, expr: Expr, type_: Type) -> str:
        # Memory has flags as 1 and 0. C would take a number as one, but with a warning.
        is_number = type_ is Type.FLAG and isinstance(expr, Read) and expr.width == 1
        return f"({self.expr_text(expr)} != {self._zero})" if is_number else self.expr_text(expr)

    def _spelled(self, op: int, texts: Sequence[str], width: int) -> str:
        """An operation on one lane, or on vectors, as its row spells it."""
        row = OPS[op]
        spelling = row.c if width == 1 else row.c_lanes
        if not spelling:
            raise InternalError(f"{row.name} has no spelling in C for vectors")
        text = spell(spelling, texts, width=width)
        return text if is_closed(spell(spelling, [""] * len(texts), width=width)) else f"({text})"

    def _member(self, array: Array) -> str:
        if array == MEMORY:
            return f"(({self.number} *)m)"
        is_outside = self.outside in (array.of, array.name) and self.outside != ""
        return f"WEIGHTS->{array.name}" if is_outside else f"m->{array.name}"

    def _element(self, place: Place) -> str:
        """One element."""
        base = place.base
        if isinstance(base, str):
            return f"{base}[{sum_text(place.index[0])}]"
        if len(place.index) == len(base.shape):
            return self._member(base) + "".join(f"[{sum_text(part)}]" for part in place.index)
        return f"({self._row(place)})[{sum_text(place.index[-1])}]"

    def address_text(self, place: Place) -> str:
        """A pointer to an element."""
        base, last = place.base, sum_text(place.index[-1])
        if not isinstance(base, str) and len(place.index) == len(base.shape):
            return f"&{self._element(place)}" if len(base.shape) > 1 or last != "0" else self._member(base)
        start = base if isinstance(base, str) else self._row(place)
        return start if last == "0" else f"{start} + {last}"

    def _row(self, place: Place) -> str:
        """A pointer to the first element of the dimensions through which the last index of a place counts."""
        base = place.base
        assert isinstance(base, Array)
        kept = [sum_text(part) for part in place.index[:-1]]
        kept += ["0"] * (len(base.shape) - len(kept))
        return f"&{self._member(base)}" + "".join(f"[{part}]" for part in kept)


def _width(expr: Expr) -> int:
    return 1 if isinstance(expr, Number) else expr.width


def sum_text(total: Sum) -> str:
    """A whole number, its constant last."""
    parts = []
    for factor, name in total.terms:
        text = f"ix[{sum_text(name.number)}]" if isinstance(name, Entry) else name
        parts.append({1: text, -1: f"-{text}"}.get(factor if isinstance(factor, int) else 0, f"{factor} * {text}"))
    if total.constant or not parts:
        parts.append(str(total.constant))
    return " + ".join(parts).replace("+ -", "- ")


def number_text(text: str, number: str = "double") -> str:
    """C for a number in hexadecimal, of that type."""
    shown = decimal_text(float.fromhex(text))
    if number == "float" and shown[-1].isdigit():
        shown += "f"
    return f"({shown})" if shown.startswith("-") else shown
