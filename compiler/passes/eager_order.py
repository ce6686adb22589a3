"""Eager order: the order in which the eager autograd would visit the operations of a forward graph.

In: a forward graph and a result. Out: an `EagerOrder`, whose places in reverse are the order in which gradients are
handed on. The eager walk is depth-first from the result, operands in order, each operation after its operands. The
order of the places decides the order in which contributions to one gradient are added, and so the bits of every sum.

A select is transparent to the eager walk: its consumer's operand IS the chosen value. Which value that is, is only
known when the program runs, and the chosen one is visited earlier than it would have been otherwise. The walk is
still static if all values of a select are computed alike: then it visits the *group* of all values as one place (that
of the chosen one), and each value again where it is reached without the select, if anywhere (the place of those not
chosen).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import CompileError
from ..ir.graph import Graph
from ..ir.ops import GATHER, INPUT, OPS, SELECT

__all__ = ["EagerOrder", "Group", "differentiable_nodes", "eager_order"]


@dataclass(frozen=True)
class Group:
    """Alike operations of which a select's index chooses one: `nodes[i]` for index i."""

    index: int
    nodes: tuple[int, ...]


@dataclass
class EagerOrder:
    """The order of a backward pass, still forwards.

    Attributes:
        places: nodes, and for groups ``~number``, operands first.
        groups: by number.
        group_of: for each node that belongs to a group, the group's number and the node's place in it.
    """

    places: list[int]
    groups: list[Group]
    group_of: dict[int, tuple[int, int]]


def differentiable_nodes(graph: Graph, inputs: range) -> bytearray:
    """For each node, 1 if a gradient flows through it to one of the `inputs`, else 0."""
    flags = bytearray(len(graph))
    flows = [row.flows for row in OPS]
    rows = zip(graph.op, graph.all_operands(), graph.attribute, strict=True)
    for node, (op, operands, attribute) in enumerate(rows):
        if flows[op]:
            for operand in operands:
                if flags[operand]:
                    flags[node] = 1
                    break
        elif op == INPUT:
            flags[node] = attribute in inputs
        elif op == GATHER:
            flags[node] = graph.tables[attribute].base in inputs
    return flags


def eager_order(
    graph: Graph, result: int, differentiable: bytearray, operands_of: Sequence[tuple[int, ...]]
) -> EagerOrder:
    """Visits what `result` depends on.

    Args:
        operands_of: the operands of each node.

    Raises:
        CompileError: if the values of a select are not computed alike, so that no static order serves all of them.
    """
    op, size = graph.op, len(graph)
    found = EagerOrder([], [], {})
    # Inputs have no operands to hand anything on to, so they need no place; neither does what no gradient flows
    # through.
    leaf = [not row.flows for row in OPS]
    waiting = bytearray(flag and not leaf[code] for code, flag in zip(op, differentiable, strict=True))
    group_numbers: dict[Group, int] = {}
    places = found.places
    # Beyond the nodes' numbers, `size + g` stands for group g. A select's own number never enters the stack.
    stack: list[int] = []

    def enter(node: int) -> None:
        """Puts a node that has not been visited on the stack, or for a select the group of its values."""
        waiting[node] = 0
        if op[node] == SELECT:
            index, *values = operands_of[node]
            enter_group(Group(index, tuple(values)), node)
        else:
            stack.append(node)

    def enter_group(group: Group, select: int) -> None:
        nodes = group.nodes
        if group in group_numbers or all(leaf[op[node]] or not differentiable[node] for node in nodes):
            return
        if not any(waiting[node] for node in nodes):
            return  # the values have been visited before this select: choosing one of them changes no order
        code = op[nodes[0]]
        alike = all(waiting[node] and op[node] == code and node not in found.group_of for node in nodes)
        if not alike or OPS[code].picks or len(set(nodes)) != len(nodes):
            raise CompileError(
                f"{graph.origins[graph.origin[select]]}: the gradient of this select() has no fixed order, because the "
                "values it chooses from are not all computed in the same way; write choose(values, index), whose "
                "gradient has one"
            )
        number = group_numbers[group] = len(found.groups)
        found.groups.append(group)
        found.group_of.update((node, (number, place)) for place, node in enumerate(nodes))
        stack.append(size + number)

    def next_of_group(number: int) -> bool:
        """Enters the next operand of a group that has not been visited; False if there is none."""
        group = found.groups[number]
        for operands in zip(*(operands_of[node] for node in group.nodes), strict=True):
            depth = len(stack)
            if len(set(operands)) > 1:
                enter_group(Group(group.index, operands), group.nodes[0])
            elif waiting[operands[0]]:
                enter(operands[0])
            if len(stack) > depth:
                return True
        return False

    if waiting[result]:
        enter(result)
    while stack:
        top = stack[-1]
        depth = len(stack)
        if top >= size:
            if not next_of_group(top - size):
                places.append(~(top - size))
                stack.pop()
            continue
        for operand in operands_of[top]:
            if waiting[operand]:
                enter(operand)
                if len(stack) > depth:
                    break
        else:
            places.append(top)
            stack.pop()
    return found
