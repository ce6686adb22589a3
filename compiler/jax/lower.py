"""Lower: expressions of statements to whole-array expressions in JAX."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .elements import Elements
from .linear import Linear
from .masks import constraints_of, is_total
from .spelling import SPELLINGS
from .statements import Call, Choice, Item, Node, Number, Picked, Sum, Term
from .text import ATOM, COMPARE, PRODUCT, SUM, UNARY, Text, aligned, bracketed

__all__ = ["Lowering"]

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class _Rule:
    text: str


class Lowering(Elements):
    """The expressions of one statement."""

    def node(self, node: Node) -> Text:
        """An expression."""
        match node:
            case Number():
                return self.number(node.value)
            case Item():
                return self.item(node)
            case Picked():
                return self._picked(node)
            case Choice():
                sides = [self.chosen(node.chosen), self.linear(node.number.replaced(self.program.padded))]
                axes = self.union(sides)
                code = " == ".join(bracketed(aligned(side, axes), SUM) for side in sides)
                return Text(code, COMPARE, axes)
            case Call():
                return self._call(node)
            case Sum():
                return self._sum(node)
        raise TypeError(node)

    def _call(self, node: Call) -> Text:
        if node.op == "mul":
            return self._product(_factors(node))
        if node.op == "pow":
            return self._power(node)
        if node.op == "add" and (negated := _negated(node.operands[1])) is not None:
            texts = [self.node(node.operands[0]), self.node(negated)]
            axes = self.union(texts)
            left, right = (aligned(text, axes) for text in texts)
            return Text(f"{bracketed(left, SUM)} - {bracketed(right, PRODUCT)}", SUM, axes)
        if node.op == "add":
            return self._added([self.node(part) for part in node.operands])
        texts = [self.node(part) for part in node.operands]
        axes = self.union(texts)
        spelling, binds = SPELLINGS[node.op]
        plain = "(" in spelling
        operands = {}
        for letter, text in zip("abc", texts, strict=False):
            most = COMPARE if plain else max(binds - 1, ATOM)
            operand = aligned(text, axes)
            compared = f"{{{letter}}} >" in spelling or f"{{{letter}}} <" in spelling or f"> {{{letter}}}" in spelling
            operands[letter] = bracketed(
                operand, SUM if plain and (compared or f"< {{{letter}}}" in spelling) else most
            )
        return Text(spelling.format(**operands), binds, axes)

    def _product(self, factors: Sequence[Node]) -> Text:
        """Factors; numbers first, and reciprocals of sizes last, as divisors."""
        sign, numbers, texts, divisors = 1, [], [], []
        for factor in factors:
            value = factor.value if isinstance(factor, Number) else None
            if isinstance(value, str):
                number = float.fromhex(value)
                if number == -1.0:
                    sign = -sign
                else:
                    numbers.append(self.number(value))
            elif value is not None:
                rule = self._rule(value).text
                if rule.startswith("-1/"):
                    sign, rule = -sign, rule[1:]
                if rule.startswith("1/"):
                    divisors.append(Text(rule[2:], ATOM))
                else:
                    numbers.append(Text(rule, SUM))
            elif isinstance(factor, Call) and factor.op == "div" and factor.operands[0] == Number((1.0).hex()):
                divisors.append(self.node(factor.operands[1]))
            else:
                texts.append(self.node(factor))
        parts = [*numbers, *texts]
        axes = self.union([*parts, *divisors])
        codes = [bracketed(aligned(part, axes), UNARY) for part in parts] or ["1.0"]
        code = " * ".join(codes)
        for divisor in divisors:
            code += f" / {bracketed(aligned(divisor, axes), ATOM)}"
        if sign < 0:
            code = f"-{code}"
        only = len(codes) == 1 and not divisors
        binds = (
            (max(parts[0].binds, UNARY) if parts and sign < 0 else parts[0].binds if parts else ATOM)
            if only
            else PRODUCT
        )
        return Text(code, binds, axes)

    def _power(self, node: Call) -> Text:
        base = self.node(node.operands[0])
        exponent = node.operands[1]
        if not (isinstance(exponent, Number) and isinstance(exponent.value, str)):
            texts = [base, self.node(exponent)]
            axes = self.union(texts)
            return Text(f"jnp.power({', '.join(aligned(text, axes).code for text in texts)})", ATOM, axes)
        number = float.fromhex(exponent.value)
        if number == 0.5:
            return Text(f"jnp.sqrt({base.code})", ATOM, base.axes)
        if number == -1.0:
            return Text(f"1 / {bracketed(base, ATOM)}", PRODUCT, base.axes)
        if number < 0 and (2 * number).is_integer() and not number.is_integer():
            root, times = f"lax.rsqrt({base.code})", round(-2 * number)
            return Text(root if times == 1 else f"{root} ** {times}", ATOM if times == 1 else UNARY, base.axes)
        text = str(int(number)) if number.is_integer() and abs(number) < 100 else _number(exponent.value).code
        return Text(f"{bracketed(base, ATOM)} ** {text}", UNARY, base.axes)

    def number(self, value: object) -> Text:
        """A constant."""
        return _number(value if isinstance(value, str) else self._rule(value))

    def _rule(self, value: object) -> _Rule:
        """A constant over sizes, as Python."""
        text = str(value)
        for name, count in self.counts.items():
            text = re.sub(rf"\b{name}\b", count, text)
        return _Rule(text)

    def _sum(self, node: Sum) -> Text:
        if node.op != "add":
            return self._largest(node)
        texts: list[Text] = []
        counts: dict[Text, int] = {}
        for term in node.terms:
            text = self._total(term) if term.axes else self.node(term.value)
            if text in counts:
                counts[text] += 1
            else:
                counts[text] = 1
                texts.append(text)
        parts = [
            text if counts[text] == 1 else Text(f"{counts[text]} * {bracketed(text, UNARY)}", PRODUCT, text.axes)
            for text in texts
        ]
        return self._added(parts)

    def _largest(self, node: Sum) -> Text:
        texts = []
        for term in node.terms:
            if not term.axes:
                texts.append(self.node(term.value))
                continue
            self.see(term.axes)
            inside = self._over(self.node(term.value), term)
            masked = self.unmet_always(term)
            if masked:
                inside = self.where(self.mask(masked), inside, "-jnp.inf")
            texts.append(
                Text(
                    f"lax.stop_gradient({inside.code}.max({self._places(inside, term)}))",
                    ATOM,
                    self._left(inside, term),
                )
            )
        while len(texts) > 1:
            left, right = texts[:2]
            axes = self.union([left, right])
            code = f"lax.stop_gradient(jnp.maximum({aligned(left, axes).code}, {aligned(right, axes).code}))"
            texts[:2] = [Text(code, ATOM, axes)]
        return texts[0]

    def unmet_always(self, term: Term) -> frozenset[Linear]:
        """The constraints of a term, whatever is zero outside of them."""
        return constraints_of(term.axes, self.program.padded)

    def _over(self, text: Text, term: Term) -> Text:
        """As an atom."""
        return Text(bracketed(text, ATOM), ATOM, text.axes)

    def where(self, mask: Text, text: Text, other: str = "0.0", excluding: bool = False) -> Text:
        """The array where the mask holds, or where it does not, and elsewhere another number."""
        axes = self.union([mask, text])
        sides = [aligned(text, axes).code, other]
        if excluding:
            sides.reverse()
        return Text(f"jnp.where({aligned(mask, axes).code}, {', '.join(sides)})", ATOM, axes)

    def _places(self, text: Text, term: Term) -> str:
        """The axes that a reduction goes over, counted from the end where there is one."""
        gone = {axis.name for axis in term.axes}
        places = [place for place, name in enumerate(text.axes) if name in gone]
        if len(places) == len(text.axes):
            return ""
        if len(places) == 1:
            return str(places[0] - len(text.axes) if places[0] == len(text.axes) - 1 else places[0])
        return repr(tuple(places))

    def _left(self, text: Text, term: Term) -> tuple[str, ...]:
        gone = {axis.name for axis in term.axes}
        return tuple(name for name in text.axes if name not in gone)

    def _total(self, term: Term) -> Text:
        """A sum over axes."""
        self.see(term.axes)
        own = {axis.name for axis in term.axes}
        factors, choices = _masked_factors(term.value)
        mask = self.unmet(term)
        masks = [self.mask(mask)] if mask else []
        excluded: Text | None = None
        for choice, kept in choices:
            text = self.node(choice)
            if not kept and len(choices) == 1 and not masks:
                excluded = text
            masks.append(text if kept or excluded else Text(f"~({text.code})", UNARY, text.axes))
        numbers = [factor for factor in factors if isinstance(factor, Number)]
        texts = [self.node(factor) for factor in factors if not isinstance(factor, Number)]
        # A variable that no factor depends on repeats the term.
        missing = [axis for axis in term.axes if not any(axis.name in text.axes for text in [*texts, *masks])]
        for axis in missing:
            texts.append(Text(f"jnp.ones({self._extent(axis.name)})", ATOM, (axis.name,)))
        outer = [text for text in texts if not own & set(text.axes)]
        inner = [text for text in texts if own & set(text.axes)]
        if masks:
            if not inner:
                inner = [Text("1.0")]
            axes = self.union(masks)
            both = (
                masks[0]
                if len(masks) == 1
                else Text(" & ".join(bracketed(aligned(each, axes), UNARY) for each in masks), COMPARE, axes)
            )
            if all(map(is_total, factors)):
                most = max(range(len(inner)), key=lambda at: len(set(inner[at].axes) & set(both.axes)))
                inner[most] = self.where(both, inner[most], excluding=excluded is not None)
            else:
                axes = self.union(inner)
                product = " * ".join(bracketed(aligned(each, axes), UNARY) for each in inner)
                inner = [self.where(both, Text(product, PRODUCT, axes), excluding=excluded is not None)]
        total = self._contracted(inner, term)
        rest = [*(self.number(number.value) for number in numbers), *outer]
        if not rest:
            return total
        return self._product_of(numbers, [*outer, total])

    def _product_of(self, numbers: Sequence[Number], texts: Sequence[Text]) -> Text:
        prefix, sign, divisors = [], 1, []
        for number in numbers:
            text = number.value if not isinstance(number.value, str) else None
            if text is None and float.fromhex(number.value) == -1.0:
                sign = -sign
            elif text is not None and self._rule(text).text.startswith("1/"):
                divisors.append(self._rule(text).text[2:])
            else:
                prefix.append(self.number(number.value))
        axes = self.union(texts)
        code = " * ".join(bracketed(aligned(text, axes), UNARY) for text in [*prefix, *texts])
        code += "".join(f" / {divisor}" for divisor in divisors)
        return Text(f"-{code}" if sign < 0 else code, PRODUCT, axes)

    def _contracted(self, texts: Sequence[Text], term: Term) -> Text:
        """The sum over the term's axes of a product of arrays."""
        own = {axis.name for axis in term.axes}
        everything = self.union(texts)
        left = tuple(name for name in everything if name not in own)
        if len(texts) == 2 and texts[0] == texts[1]:
            texts = [Text(f"{bracketed(texts[0], ATOM)} ** 2", UNARY, texts[0].axes)]
        if len(texts) == 1:
            text = Text(bracketed(texts[0], ATOM), ATOM, texts[0].axes)
            return Text(f"{text.code}.sum({self._places(text, term)})", ATOM, self._left(text, term))
        letters = _letters(everything)
        operands = ",".join("".join(letters[name] for name in text.axes) for text in texts)
        result = "".join(letters[name] for name in left)
        codes = ", ".join(text.code for text in texts)
        return Text(f'jnp.einsum("{operands}->{result}", {codes})', ATOM, left)

    def _extent(self, name: str) -> str:
        low, high = self.hulls[name]
        return str(high - low)


def _number(value: object) -> Text:
    if isinstance(value, str):
        number = float.fromhex(value)
        if number != number or number in (float("inf"), float("-inf")):
            return Text({"inf": "jnp.inf", "-inf": "-jnp.inf"}.get(str(number), "jnp.nan"), UNARY)
        return Text(repr(number), ATOM if number >= 0 else UNARY)
    assert isinstance(value, _Rule)
    return Text(value.text, SUM)


def _negated(node: Node) -> Node | None:
    """What a node is minus one times of."""
    if isinstance(node, Call) and node.op == "mul":
        for place, operand in enumerate(node.operands):
            if operand == Number((-1.0).hex()):
                return node.operands[1 - place]
    return None


def _factors(node: Node) -> list[Node]:
    if isinstance(node, Call) and node.op == "mul":
        return [factor for operand in node.operands for factor in _factors(operand)]
    return [node]


def _masked_factors(node: Node) -> tuple[list[Node], list[tuple[Node, bool]]]:
    """The factors of a product, and the conditions under which it is made: whether they have to hold."""
    factors: list[Node] = []
    choices: list[tuple[Node, bool]] = []
    for factor in _factors(node):
        if isinstance(factor, Call) and factor.op in ("where", "unless"):
            more, further = _masked_factors(factor.operands[1])
            factors += more
            choices += [(factor.operands[0], factor.op == "where"), *further]
        else:
            factors.append(factor)
    return factors, choices


def _letters(names: Sequence[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name in names:
        wanted = name[0].lower()
        letter = (
            wanted if wanted not in found.values() else next(each for each in _LETTERS if each not in found.values())
        )
        found[name] = letter
    return found
