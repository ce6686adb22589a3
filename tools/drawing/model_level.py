"""The level of the model: a box for each scope and direction, all positions and heads in one.

In: a graph of scalar operations; or of a program without one, what is known of its loops. Out: a `Picture` whose arrows
make no circle. A scope that is entered again from what comes after it (a residual stream) has a box for each turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ...compiler.errors import ProofError
from ...compiler.ir.graph import Graph, Tensor
from ...compiler.ir.ops import GATHER, GIVEN, INPUT, OPS
from ..loops.flow import flow
from ..loops.known import Known
from ..loops.terms import READ
from ..subject.subject import Subject
from .picture import Box, Picture, TooLargeError, direction_of
from .roles import between_layers, role_of, scope_key, title_of
from .source import SourceLine, assigned_names, common_line, scope_lines

__all__ = ["model_picture", "model_picture_of_loops"]

# A scope without numbers, a direction, and the turn.
_Key = tuple[str, bool, int]
# Of what copies values into results: no block.
_RESULT: _Key = ("", False, -1)


@dataclass
class _Block:
    nodes: list[int] = field(default_factory=list)
    # What others read, and results: the nodes, and how many values.
    results: list[int] = field(default_factory=list)
    values: int = 0
    # How many operations of each kind.
    kinds: Counter[int] = field(default_factory=Counter)
    # Names of tensors, in the order of their first use.
    reads: dict[str, None] = field(default_factory=dict)
    gives: dict[str, None] = field(default_factory=dict)
    # How many positions, heads and so on.
    numbers: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Plan:
    """Which blocks are drawn.

    Attributes:
        keys: of each node, its block.
        alike: by block, the one that is drawn for it and all that are like it.
        note: a few words of that.
        circles: whether turns are merged, too.
    """

    keys: Sequence[_Key | None]
    alike: Mapping[_Key, _Key]
    note: str
    circles: bool


def model_picture(graph: Graph, title: str, limit: int, merge_above: int | None = None) -> Picture:
    """The blocks of a graph.

    Args:
        limit: the most blocks.
        merge_above: where there would be more than these (by default, than `limit`), those that differ in the layer
            alone are merged, then those that differ in the turn, then those of one function.

    Raises:
        TooLargeError: if there are more than `limit` even so.
    """
    plan = _plan(graph, limit, merge_above)
    blocks = _blocks(graph, [key and plan.alike[key] for key in plan.keys])
    return _picture(graph, plan, blocks, _handed(graph, plan.keys), graph.inputs, title)


def model_picture_of_loops(known: Known, subject: Subject, title: str, limit: int) -> Picture:
    """The same of a program whose graph is not made.

    Raises:
        TooLargeError: if there are more than `limit` blocks.
    """
    graph = known.graph
    inputs, indices = subject.arguments()
    plan = _plan(graph, limit, None)
    drawn = [key and plan.alike[key] for key in plan.keys]
    blocks = _blocks(graph, drawn)
    found = flow(known, _groups(known, drawn), indices, subject.results())
    handed = (flow(known, _groups(known, plan.keys), indices) if plan.note else found).handed
    for key, block in blocks.items():
        block.kinds, block.values, block.results = found.kinds[key], found.given[key], []
        block.numbers = {name: _at_size(count, *known.numbered[name]) for name, count in block.numbers.items()}
    between = {(giver, user): values for (giver, user), values in handed.items() if _RESULT not in (giver, user)}
    return _picture(graph, plan, blocks, between, inputs, title)


def _at_size(count: int, small: int, large: int) -> int:
    """How many positions, heads and so on, where a small model has so many: all, one, or all but one."""
    sizes = {small - 1: large - 1, 1: 1, small: large}
    if count not in sizes:
        raise ProofError(f"{count} of {small} are neither all nor all but one")
    return sizes[count]


def _groups(known: Known, keys: Sequence[_Key | None]) -> list[list[_Key | None]]:
    """Of each place, its block.

    Raises:
        ProofError: if the operations at one place belong to several.
    """
    found: list[list[_Key | None]] = []
    for piece in known.pieces:
        found.append([])
        for term, nodes in zip(piece.statement.terms, piece.nodes, strict=True):
            own = {keys[node] for node in nodes} or {_RESULT if term.op == READ else None}
            if len(own) > 1:
                raise ProofError(f"{piece.nest.label}: operations of one place belong to several blocks")
            found[-1] += own
    return found


def _plan(graph: Graph, limit: int, merge_above: int | None) -> _Plan:
    """How blocks are merged until they are few enough."""
    most = limit if merge_above is None else min(limit, merge_above)
    keys = _keys(graph)
    count = len(set(filter(None, keys)))
    note, alike, circles = "", {key: key for key in keys if key}, False
    if count > most:
        alike = _without_layers(alike)
        if len(set(alike.values())) < count:
            note = f", each for all layers alike: {count} in all"
    if len(set(alike.values())) > most:
        alike, circles = {key: (*new[:2], 0) for key, new in alike.items()}, True
    if len(set(alike.values())) > most:
        keys = _keys(graph, by_function=True)
        alike = {key: (*key[:2], 0) for key in keys if key}
    merged = len(set(alike.values()))
    if merged > limit:
        raise TooLargeError(f"{merged} blocks are too many for one picture of at most {limit}")
    return _Plan(keys, alike, note, circles)


def _picture(
    graph: Graph,
    plan: _Plan,
    blocks: Mapping[_Key, _Block],
    handed: Mapping[tuple[_Key, _Key], int],
    inputs: Sequence[Tensor],
    title: str,
) -> Picture:
    """The picture.

    Args:
        graph: that the nodes of blocks are of.
        inputs: of the program.
    """
    operations = sum(block.kinds.total() for block in blocks.values())
    places = {key: number for number, key in enumerate(blocks)}
    many = f"{len(blocks)} block{'s' * (len(blocks) != 1)}"
    picture = Picture(title, f"{operations:,} operations in {many}{plan.note}", "model")
    entered = scope_lines(graph)
    shapes = {tensor.name: " × ".join(map(str, tensor.shape)) for tensor in inputs}
    keys = dict.fromkeys(filter(None, plan.keys))
    turns = Counter(plan.alike[key] for key in keys) if plan.circles else Counter()
    for key, block in blocks.items():
        picture.boxes[f"b{places[key]}"] = box = _box(graph, key, block, operations, entered, shapes)
        if turns[key] > 1:
            box.note += f", {turns[key]} turns"
    for (giver, user), values in handed.items():
        ends = places[plan.alike[giver]], places[plan.alike[user]]
        if ends[0] != ends[1]:
            returns = bool(plan.note) and between_layers(giver[0], user[0])
            back = plan.circles and ends[0] > ends[1]
            picture.hand(f"b{ends[0]}", f"b{ends[1]}", values, returns or back)
    return picture


def _keys(graph: Graph, by_function: bool = False) -> list[_Key | None]:
    """Of each node, its block; None for constants, inputs and indices.

    Args:
        by_function: whether what is in no scope is told apart by the function alone, and not by the variable that it is
            assigned to.
    """
    assigned = {} if by_function else assigned_names(graph.origins)
    scopes = [
        scope_key(origin.scope) or assigned.get((origin.module, origin.line), origin.function)
        for origin in graph.origins
    ]
    ranks: list[int] = []
    order: dict[tuple[str, bool], int] = {}
    for node, (op, origin) in enumerate(zip(graph.op, graph.origin, strict=True)):
        key = (scopes[origin], graph.is_backward(node))
        ranks.append(-1 if op in GIVEN else order.setdefault(key, len(order)))
    scopes_in_order = list(order)
    return [
        None if rank < 0 else (*scopes_in_order[rank], turn)
        for rank, turn in zip(ranks, _turns(graph, ranks), strict=True)
    ]


def _turns(graph: Graph, ranks: Sequence[int]) -> list[int]:
    """How often the way to a node goes back to a scope of lower rank. Along every arrow between two blocks the turn
    grows, or else the rank does; so there are no circles.

    A node takes the latest turn that its users allow, to be in one block with them.
    """
    earliest = [0] * len(graph)
    for node, rank in enumerate(ranks):
        if rank >= 0:
            for operand in graph.operands(node):
                turn = earliest[operand] + (ranks[operand] > rank)
                if turn > earliest[node]:
                    earliest[node] = turn
    last = max(earliest, default=0)
    latest = [last] * len(graph)
    used = bytearray(len(graph))
    for root in graph.roots():
        latest[root], used[root] = earliest[root], 1
    for node in range(len(graph) - 1, -1, -1):
        rank = ranks[node]
        if not used[node]:
            latest[node] = earliest[node]
        for operand in graph.operands(node):
            used[operand] = 1
            turn = latest[node] - (ranks[operand] > rank)
            if turn < latest[operand]:
                latest[operand] = turn
    return latest


def _without_layers(keys: Iterable[_Key]) -> dict[_Key, _Key]:
    """The same blocks of all layers become one; a turn counts the blocks of one scope from then on."""
    turns: dict[tuple[str, bool], list[int]] = {}
    merged = {}
    for key in sorted(keys):
        scope, backward, turn = key
        found = turns.setdefault((scope, backward), [])
        merged[key] = scope_key(scope, layers=False), backward, len(found)
        found.append(turn)
    return merged


def _blocks(graph: Graph, keys: Sequence[_Key | None]) -> dict[_Key, _Block]:
    blocks: dict[_Key, _Block] = {}
    tensors = [tensor.name for tensor in graph.inputs for _ in range(tensor.size)]
    outside = bytearray(len(graph))
    for node, key in enumerate(keys):
        if key is None:
            continue
        block = blocks.setdefault(key, _Block())
        block.nodes.append(node)
        if graph.op[node] == GATHER:
            block.reads[tensors[graph.tables[graph.attribute[node]].base]] = None
        for operand in graph.operands(node):
            if graph.op[operand] == INPUT:
                block.reads[tensors[graph.attribute[operand]]] = None
            elif keys[operand] != key:
                outside[operand] = 1
    first = {tensor.argument: tensor.start for tensor in reversed(graph.inputs)}
    for output in graph.outputs:
        # A gradient has an element for each parameter.
        named = tensors[first["parameters"] :] if output.name == "gradient" and "parameters" in first else None
        where = [(node, element) for element, node in enumerate(output.nodes)]
        where += [(scatter.node, scatter.table.base) for scatter in output.scatters]
        for node, element in where:
            key = keys[node] if node >= 0 else None
            if key is not None:
                outside[node] = 1
                blocks[key].gives[f"∂{named[element]}" if named else output.name] = None
    for block in blocks.values():
        block.results = [node for node in block.nodes if outside[node]]
        block.values = len(block.results)
        block.kinds = Counter(graph.op[node] for node in block.nodes)
        block.numbers = _numbers(graph, block.nodes)
    return blocks


def _handed(graph: Graph, keys: Sequence[_Key | None]) -> dict[tuple[_Key, _Key], int]:
    """How many different values go from one block to another."""
    seen: set[tuple[int, _Key]] = set()
    counts: dict[tuple[_Key, _Key], int] = {}
    for node, key in enumerate(keys):
        if key is None:
            continue
        for operand in graph.operands(node):
            giver = keys[operand]
            if giver is not None and giver != key and (operand, key) not in seen:
                seen.add((operand, key))
                counts[giver, key] = counts.get((giver, key), 0) + 1
    return counts


def _numbers(graph: Graph, nodes: Iterable[int]) -> dict[str, int]:
    """How many positions, heads and so on nodes are of."""
    found: dict[str, set[str]] = {}
    for origin in sorted({graph.origin[node] for node in nodes}):
        for part in graph.origins[origin].scope.split("."):
            name = part.rstrip("0123456789")
            if name != part:
                found.setdefault(name, set()).add(part)
    return {name: len(parts) for name, parts in found.items()}


def _box(
    graph: Graph, key: _Key, block: _Block, total: int, entered: Mapping[str, SourceLine], shapes: Mapping[str, str]
) -> Box:
    scope, backward, _ = key
    origins = sorted({graph.origin[node] for node in block.nodes})
    times = [f"{count} {name}s" for name, count in block.numbers.items() if count > 1]
    operations = block.kinds.total()
    share = operations / total
    # A function or a variable may be called as a scope of the GPT is, and has no role.
    is_scope = any(graph.origins[origin].scope for origin in origins)
    box = Box(
        title_of(scope) if is_scope else scope,
        role_of(scope) if is_scope else "other",
        direction_of(graph, block.nodes[0]),
        shape=f"{block.values:,} value{'s' * (block.values != 1)}",
        scope=scope,
        source=entered.get(scope.rpartition(".")[2].rstrip("0123456789")) or common_line(graph, block.nodes),
        operations=operations,
        results=tuple(block.results),
    )
    plural = "s" * (operations != 1)
    box.note = f"{operations:,} op{plural}, {f'{100 * share:.0f} %' if share >= 0.005 else '< 1 %'}"
    if backward:
        box.formula = "gives " + _short(list(block.gives)) if block.gives else ""
    elif block.reads:
        box.formula = "reads " + _short([_last(name) for name in block.reads])
    if times:
        box.facts["for"] = ", ".join(times)
    if block.reads:
        box.facts["reads"] = ", ".join(f"{name} ({shapes[name] or 'one number'})" for name in block.reads)
    if block.gives:
        box.facts["gives"] = ", ".join(block.gives)
    box.facts["of these"] = ", ".join(
        f"{block.kinds[op]:,} {OPS[op].name}" for op in sorted(block.kinds, key=lambda op: (-block.kinds[op], op))
    )
    lines = sorted({(graph.origins[origin].file, graph.origins[origin].line) for origin in origins})
    box.facts["computed in"] = ", ".join(f"{file}:{line}" for file, line in lines)
    return box


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _short(names: list[str]) -> str:
    names = list(dict.fromkeys(("∂" if name.startswith("∂") else "") + _last(name.lstrip("∂")) for name in names))
    return ", ".join(names if len(names) < 4 else [*names[:2], f"and {len(names) - 2} more"])
