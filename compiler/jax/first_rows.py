"""First rows: a loop from the second row on, and a statement for the first row that is an instance of it, become one.

A softmax of one score has no maximum and no sum, so that loops over positions begin at the second. Continued to the
first, they compute the same there: a sum of one term is the term. That this is so is checked, term by term; where it is
not, both statements stay.
"""

from __future__ import annotations

from dataclasses import replace

from .linear import Linear, size_of
from .program import ArrayProgram
from .statements import Axis, Call, Item, Node, Number, Statement, Sum, Term, items, put

__all__ = ["join_first_rows"]

_ONE = Linear(size_of(1))


def join_first_rows(program: ArrayProgram) -> ArrayProgram:
    """The program with fewer statements."""
    statements = list(program.statements)
    continued: dict[str, Statement] = {}
    for late in program.statements:
        found = _from_first_row(late)
        if found is None:
            continue
        whole, place = found
        name = whole.target.array
        if program.arrays[name].space != "value":
            continue
        others = [each for each in statements if each.target.array == name and each is not late]
        if not others and not _reads_first(statements, name, place, late):
            statements[statements.index(late)] = whole
            continued[name] = whole
        elif len(others) == 1 and _is_instance(others[0], whole, continued):
            statements[statements.index(late)] = whole
            statements.remove(others[0])
    joined = replace(program, statements=tuple(statements))
    return joined if _in_order(joined) else program


def _from_first_row(statement: Statement) -> tuple[Statement, int] | None:
    """The statement with one more turn of a loop, before the first; and the dimension that the loop goes through."""
    for place, linear in enumerate(statement.target.index):
        for axis in statement.axes:
            if linear == Linear.of(axis.name) + _ONE and axis.low == Linear() and not statement.recurrence:
                before = {axis.name: Linear.of(axis.name) - _ONE}
                axes = tuple(
                    Axis(axis.name, axis.low, axis.high + _ONE) if each is axis else each for each in statement.axes
                )
                moved = put(replace(statement, axes=axes), before)
                # The bounds of the loop itself are not in terms of it.
                return moved, place
    return None


def _reads_first(statements: list[Statement], name: str, place: int, own: Statement) -> bool:
    """Whether somebody reads the first row by its number."""
    for statement in statements:
        for item in items(statement.value):
            if item.array == name and item.index[place] == Linear():
                return True
    return False


def _is_instance(first: Statement, whole: Statement, continued: dict[str, Statement]) -> bool:
    """Whether `first` is what `whole` does in its first turn."""
    for axis in whole.axes:
        place = next((at for at, part in enumerate(whole.target.index) if part == Linear.of(axis.name)), None)
        if place is None or first.target.index[place] != Linear():
            continue
        rest = replace(whole, axes=tuple(each for each in whole.axes if each is not axis))
        instance = _simple(put(rest, {axis.name: Linear()}), continued)
        if _canonical(instance) == _canonical(_simple(first, continued)):
            return True
    return False


def _simple(statement: Statement, continued: dict[str, Statement]) -> Statement:
    """Without loops of one turn and sums of one term, and with first rows that nobody assigned written out."""
    single = {axis.name: axis.low for axis in statement.axes if axis.high - axis.low == _ONE}
    axes = tuple(axis for axis in statement.axes if axis.name not in single)
    statement = put(replace(statement, axes=axes), single)
    return replace(statement, value=_simple_node(statement.value, continued))


def _simple_node(node: Node, continued: dict[str, Statement]) -> Node:
    match node:
        case Item():
            return _written_out(node, continued)
        case Call():
            return Call(node.op, tuple(_simple_node(part, continued) for part in node.operands))
        case Sum():
            terms = []
            for term in node.terms:
                single = {axis.name: axis.low for axis in term.axes if axis.high - axis.low == _ONE}
                rest = tuple(axis for axis in term.axes if axis.name not in single)
                put_in = put(Term(rest, term.value), single)
                terms.append(Term(put_in.axes, _simple_node(put_in.value, continued)))
            return terms[0].value if len(terms) == 1 and not terms[0].axes else Sum(node.op, tuple(terms))
    return node


def _written_out(item: Item, continued: dict[str, Statement]) -> Node:
    definition = continued.get(item.array)
    if definition is None or item.stride:
        return item
    values = {}
    for part, own in zip(item.index, definition.target.index, strict=True):
        name = next((axis.name for axis in definition.axes if own == Linear.of(axis.name)), None)
        if name is None:
            return item
        values[name] = part
    if Linear() not in item.index:
        return item
    renamed = _renamed(definition.value, f"{len(values)}")
    return _simple_node(put(renamed, values), continued)


def _renamed(node: Node, mark: str) -> Node:
    """With variables of sums that do not clash."""
    match node:
        case Call():
            return Call(node.op, tuple(_renamed(part, mark) for part in node.operands))
        case Sum():
            terms = []
            for term in node.terms:
                names = {axis.name: Linear.of(f"{axis.name}'{mark}") for axis in term.axes}
                axes = tuple(Axis(f"{axis.name}'{mark}", axis.low, axis.high) for axis in term.axes)
                terms.append(Term(axes, put(_renamed(term.value, mark), names)))
            return Sum(node.op, tuple(terms))
    return node


def _canonical(statement: Statement) -> str:
    names = {axis.name: Linear.of(f"#{at}") for at, axis in enumerate(statement.axes)}
    bounds = [(put(axis.low, names), put(axis.high, names)) for axis in statement.axes]
    return repr((bounds, put(statement.target, names), _text(put(statement.value, names), 0)))


def _text(node: Node, depth: int) -> str:
    """The same for nodes that differ in the order of sums and products."""
    match node:
        case Call():
            operands = [_text(part, depth) for part in node.operands]
            return f"{node.op}({', '.join(sorted(operands) if node.op in ('add', 'mul') else operands)})"
        case Sum():
            terms = []
            for term in node.terms:
                names = {axis.name: Linear.of(f"@{depth}{at}") for at, axis in enumerate(term.axes)}
                bounds = [(put(axis.low, names), put(axis.high, names)) for axis in term.axes]
                terms.append(f"{bounds}: {_text(put(term.value, names), depth + 1)}")
            return f"{node.op}{{{'; '.join(sorted(terms))}}}"
        case Number():
            return str(node.value)
    return repr(node)


def _in_order(program: ArrayProgram) -> bool:
    """Whether every array is assigned to before it is read."""
    first: dict[str, int] = {}
    for at, statement in enumerate(program.statements):
        first.setdefault(statement.target.array, at)
    for at, statement in enumerate(program.statements):
        for item in items(statement.value):
            if not statement.recurrence and first.get(item.array, -1) > at:
                return False
    return True
