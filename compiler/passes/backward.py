"""Backward passes: reverse mode, adding up every gradient in the order of the eager autograd.

In: a forward graph, one of its nodes, and inputs. Out: the operations that compute the node's derivative in each input,
appended to the graph. Each new node's `source` names the forward operation that it differentiates.

`eager_order` gives the order. In its reverse, each operation's gradient is the sum, from the left, of the contributions
that its consumers have handed to it, and it hands on ``local gradient * gradient`` to each operand (Griewank and
Walther, Evaluating Derivatives, 2008, chapter 3). Where an index chooses among values, a contribution is kept or
replaced by zero; in a graph with branches, it is made where the index has the value.

Behind a branch, a contribution is made under its condition (see `regions`). Within a region gradients are computed
whether it holds or not; what leaves it, for an operation that other regions hand something to, is masked with zero. So
nothing comes out of what was not taken, not even a NaN, and the masks are the region's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import NoReturn

from ..errors import CompileError, InternalError
from ..ir.builder import GraphBuilder
from ..ir.graph import Graph, Scatter, Table
from ..ir.ops import ADD, BRANCH, CHOOSE, EQUAL, GATHER, INPUT, MUL, ONE, OPS, SELECT, UNLESS, WHERE
from .eager_order import Group, differentiable_nodes, eager_order
from .regions import ALWAYS, NEVER, Region, Regions

__all__ = ["Backward"]


def _no_derivative(build: GraphBuilder, node: int, *operands: int) -> NoReturn:
    raise InternalError(f"the eager order visits {OPS[build.op[node]].name}, which has no derivative")


_CONDITIONAL = frozenset((BRANCH, CHOOSE, WHERE, UNLESS))
_DERIVATIVES = tuple(row.derivative or _no_derivative for row in OPS)


@dataclass(frozen=True)
class _Unchosen:
    """A contribution of a group's node at the place where it is visited when it is not the chosen one."""

    value: int
    group: int
    place: int
    side: int  # of the operation: 0 for its first operand, 1 for the second, and so on


_Contribution = int | _Unchosen


class Backward:
    """Appends backward passes to a graph.

    Attributes:
        build: the graph with them.
    """

    def __init__(self, graph: Graph, inputs: range, scatter: bool = True) -> None:
        self.graph = graph
        self.inputs = inputs
        self.build = GraphBuilder.extending(graph)
        self.differentiable = differentiable_nodes(graph, inputs)
        self.operands = list(graph.all_operands())
        self.scatter = scatter and not self._tables_share_inputs() and all(map(self._in_one_tensor, graph.tables))
        # Products that have become the gradient of an operation.
        self.claimed: set[int] = set()
        self.regions = Regions(self.build)
        self.has_branches = not _CONDITIONAL.isdisjoint(graph.op) and any(map(self._branches, range(len(graph))))

    def gradient(self, result: int, initial: int | None = None) -> tuple[tuple[int, ...], tuple[Scatter, ...]]:
        """Appends the backward pass of a node; gives the derivative in each input, and what else is added to these.

        Args:
            initial: the number of the first of the inputs that the derivatives are added to; None for zero.
        """
        self.order = eager_order(self.graph, result, self.differentiable, self.operands)
        # Of nodes, then, by input number, of inputs: an input may stand in several nodes and in tables.
        self.contributions: dict[int, list[_Contribution]] = {}
        self.input_contributions: dict[int, list[_Contribution]] = {}
        # The region in which each contribution is made, if there are branches: of nodes, and of inputs by ~number.
        self.conditions: dict[int, list[Region]] = {}
        if initial is not None:
            for place, number in enumerate(self.inputs, initial):
                self.input_contributions[number] = [self.build.input(place)]
                if self.has_branches:
                    self.conditions[~number] = [ALWAYS]
        # Of each node whose gradient is computed, the node that is its gradient.
        self.gradient_of: dict[int, int] = {}
        # Of the members of groups, once they have been visited.
        self.gradients: dict[int, int] = {}
        # What they have handed to their operands, by group, place and side.
        self.unchosen: dict[tuple[int, int, int], _Unchosen] = {}
        self.scatters: list[Scatter] = []
        self.region = ALWAYS  # of what is being handed on
        self.region_of: dict[int, Region] = {}  # of members of groups
        # What is handed nothing, whatever the conditions.
        self.never: set[int] = set()
        # How many of a node's contributions come from consumers that are chosen together with it.
        self.joint: dict[int, int] = {}
        return self._run(result), tuple(self.scatters)

    def _tables_share_inputs(self) -> bool:
        """Whether some input is used both through a table and directly, so that the order between the two matters."""
        graph, op, attribute = self.graph, self.graph.op, self.graph.attribute
        through_tables = {
            number
            for table in graph.tables
            for number in range(table.base, table.base + table.stride * table.count, table.stride)
        }
        if not through_tables:
            return False
        nodes = {node for node in range(len(graph)) if op[node] == INPUT and attribute[node] in through_tables}
        return not nodes.isdisjoint(graph.flat)

    def _in_one_tensor(self, table: Table) -> bool:
        """Whether all inputs of a table belong to one array, which is what is added to."""
        last = table.base + table.stride * (table.count - 1)
        return any(tensor.start <= table.base and last < tensor.start + tensor.size for tensor in self.graph.inputs)

    def _branches(self, node: int) -> bool:
        """Whether a node hands its gradient on under a condition: a branch, or its mask in a graph of gradients."""
        op = self.graph.op[node]
        if op in (WHERE, UNLESS):  # for the choices of an index these are factors of one and zero
            return self.graph.op[self.operands[node][0]] != EQUAL
        return op in (BRANCH, CHOOSE)

    def _run(self, result: int) -> tuple[int, ...]:
        build = self.build
        if self.differentiable[result]:
            self._mark(result)
            self._hand(result, build.const(1.0))
        if self.has_branches:
            for place in reversed(self.order.places):
                if place >= 0:
                    self._visit(place)
                else:
                    self._visit_group(~place)
        else:
            self._visit_plainly()
        nodes = []
        for number in self.inputs:
            contributions = self.input_contributions.get(number)
            if contributions:
                last = contributions[-1]
                last = last if isinstance(last, int) else last.value
                build.mark(build.origin[last], build.source[last])
                nodes.append(self._sum_for_input(number, contributions))
            else:
                nodes.append(-1)
        return tuple(nodes)

    def _mark(self, node: int) -> None:
        """The nodes from now on differentiate `node`, which may be of a backward pass itself."""
        source = self.graph.source[node]
        self.build.mark(self.graph.origin[node], min(source, ~source))

    def _visit(self, node: int) -> None:
        """Adds up the gradient of `node` and hands it on."""
        graph, build = self.graph, self.build
        contributions = self.contributions.pop(node, None)
        if contributions is None:
            if node not in self.never:
                self._refuse(node)
            self._hand_nothing(self.operands[node])
            return
        self._mark(node)
        op, operands = graph.op[node], self.operands[node]
        if self.has_branches:
            self._enter_region(node, contributions)
        gradient = self.gradient_of[node] = self._sum(contributions)
        if len(contributions) == 1 and build.op[gradient] == MUL and gradient not in self.claimed:
            # A sum of one: the product is this operation's gradient, so it is known as that, as a sum would be.
            self.claimed.add(gradient)
            build.origin[gradient], build.source[gradient] = build.current_origin, build.current_source
        member = self.order.group_of.get(node)
        if member is not None:
            self.gradients[node], self.region_of[node] = gradient, self.region
            if len(contributions) > 2 and 0 < self.joint.get(node, 0) < len(contributions):
                self._refuse(node)
        if self.has_branches and self._branches(node):
            self._hand_to_branches(op, operands, gradient)
            return
        for side, local in enumerate(_DERIVATIVES[op](build, node, *operands)):
            operand = operands[side]
            if local is not None and self.differentiable[operand]:
                self._hand_on(operand, gradient if local == ONE else build.node(MUL, local, gradient), member, side)

    def _visit_plainly(self) -> None:
        """`_visit` at all places, where there are no branches: most graphs are such, and it takes half the time."""
        build, claimed, differentiable, gradient_of = self.build, self.claimed, self.differentiable, self.gradient_of
        pair, made = build.pair, build.op
        ops, operands_of, origins, sources = self.graph.op, self.operands, self.graph.origin, self.graph.source
        contributions, members = self.contributions, self.order.group_of
        for node in reversed(self.order.places):
            if node < 0:
                self._visit_group(~node)
                continue
            if node in members:
                self._visit(node)
                continue
            given = contributions.pop(node, None)
            if given is None:
                self._refuse(node)
            origin, source = origins[node], sources[node]
            build.mark(origin, source if source < 0 else ~source)
            first = given[0]
            gradient = first if isinstance(first, int) else self._resolve(first)
            if len(given) > 1:
                for other in given[1:]:
                    gradient = pair(ADD, gradient, other if isinstance(other, int) else self._resolve(other))
            elif made[gradient] == MUL and gradient not in claimed:
                claimed.add(gradient)
                build.origin[gradient], build.source[gradient] = build.current_origin, build.current_source
            gradient_of[node] = gradient
            operands = operands_of[node]
            for operand, local in zip(operands, _DERIVATIVES[ops[node]](build, node, *operands), strict=False):
                if local is not None and differentiable[operand]:
                    value = gradient if local == ONE else pair(MUL, local, gradient)
                    known = contributions.get(operand)
                    if known is not None:
                        known.append(value)
                    else:
                        self._hand(operand, value)

    def _enter_region(self, node: int, contributions: list[_Contribution]) -> None:
        """Finds the region of a node, and masks the contributions that are made in a part of it only."""
        conditions = self.conditions.pop(node)
        self.region = reduce(self.regions.either, conditions)
        for place, condition in enumerate(conditions):
            if condition != self.region:
                contributions[place] = self.regions.mask(condition, self._resolve(contributions[place]))

    def _hand_to_branches(self, op: int, operands: tuple[int, ...], gradient: int) -> None:
        """Hands the gradient of a branch to each of its operands, in the region in which that is the one taken."""
        decider, *branches = operands
        whole = self.region
        values = range(len(branches)) if op in (CHOOSE, UNLESS) else range(1, -1, -1)
        for value, operand in zip(values, branches, strict=False):
            if self.differentiable[operand]:
                self._hand_in(self.regions.inside(whole, decider, value), operand, gradient)

    def _sum_for_input(self, number: int, contributions: list[_Contribution]) -> int:
        """The gradient in an input: zero outside of its region."""
        conditions = self.conditions.get(~number)
        if conditions is None:
            return self._sum(contributions)
        if all(condition == conditions[0] for condition in conditions):
            return self.regions.mask(conditions[0], self._sum(contributions))
        pairs = zip(conditions, contributions, strict=True)
        return self._sum([self.regions.mask(condition, self._resolve(each)) for condition, each in pairs])

    def _hand_on(self, operand: int, value: int, member: tuple[int, int] | None, side: int) -> None:
        """Hands a contribution of a node, perhaps the member of a group, to one of its operands."""
        if member is None:
            self._hand(operand, value)
        elif self._chosen_together(operand, member):
            self.joint[operand] = self.joint.get(operand, 0) + 1
            self._hand(operand, value)
        else:
            unchosen = self.unchosen[(*member, side)] = _Unchosen(value, *member, side)
            region = self.region
            if region != ALWAYS:
                self.region = self.regions.outside(region, self.order.groups[member[0]].index, member[1])
            self._hand_in(self.region, operand, unchosen)
            self.region = region

    def _refuse(self, node: int) -> NoReturn:
        raise CompileError(
            f"{self.graph.origins[self.graph.origin[node]]}: a select() chooses among values that are also used "
            "elsewhere, in a way that leaves no fixed order for adding up their gradients; let the term with select() "
            "come after the others, or write choose(values, index), whose gradient has a fixed order"
        )

    def _chosen_together(self, operand: int, member: tuple[int, int]) -> bool:
        """Whether `operand` belongs to the same choice as its consumer, a member of a group."""
        other = self.order.group_of.get(operand)
        if other is None:
            return False
        groups = self.order.groups
        return groups[other[0]].index == groups[member[0]].index and other[1] == member[1]

    def _visit_group(self, number: int) -> None:
        """Hands on the gradient of the chosen node of a group, at the place where the eager autograd visits it."""
        group = self.order.groups[number]
        first = group.nodes[0]
        self._mark(first)
        if self.never.issuperset(group.nodes):
            for node in group.nodes:
                self._hand_nothing(self.operands[node])
            return
        for node in group.nodes:
            if node not in self.gradients and node not in self.never:
                self._refuse(node)
        chosen_in = [self.region_of.get(node, NEVER) for node in group.nodes]
        whole = chosen_in[0]
        if any(region != whole for region in chosen_in):
            chosen_in = [self.regions.inside(region, group.index, place) for place, region in enumerate(chosen_in)]
            whole = reduce(self.regions.either, chosen_in)
        # What receives nothing is never the chosen one, so any gradient may stand for its own.
        other = next(self.gradients[node] for node in group.nodes if node in self.gradients)
        gradients = [self.gradients.get(node, other) for node in group.nodes]
        for side, operands in enumerate(zip(*(self.operands[node] for node in group.nodes), strict=True)):
            if len(set(operands)) == 1:
                self.region = whole
                self._hand_chosen(group, operands[0], side, gradients)
                continue
            for place, operand in enumerate(operands):
                mine = self.unchosen.get((number, place, side))  # None for what never receives anything
                if mine is not None and not self._chosen_together(operand, (number, place)):
                    self.region = chosen_in[place]
                    self._hand_if_chosen(group.index, mine, operand)

    def _hand_chosen(self, group: Group, operand: int, side: int, gradients: list[int]) -> None:
        """One contribution, of the chosen node, to an operand that all of the group share."""
        graph, build = self.graph, self.build
        if not self.differentiable[operand]:
            return
        locals_ = []
        rule = _DERIVATIVES[graph.op[group.nodes[0]]]
        for node in group.nodes:
            local = rule(build, node, *self.operands[node])[side]
            if local is None:
                return
            locals_.append(local)
        gradient = build.select(group.index, gradients)
        if locals_[0] == ONE:
            self._hand(operand, gradient)
        else:
            self._hand(operand, build.mul(build.select(group.index, locals_), gradient))

    def _hand_if_chosen(self, index: int, mine: _Unchosen, operand: int) -> None:
        """The contribution of a group's node to an operand of its own, which is visited before the group."""
        if self.graph.op[operand] == INPUT:
            number = self.graph.attribute[operand]
            known, key = self.input_contributions.get(number, []), ~number
        else:
            known, key = self.contributions.get(operand, []), operand
        if known and known[-1] == mine:
            # Nothing came in between: whether chosen or not, the contribution stands at the same place of the sum.
            known[-1] = mine.value
            if self.has_branches:
                self.conditions[key][-1] = self.region_of[self.order.groups[mine.group].nodes[mine.place]]
        else:
            self._hand_if(index, mine.place, operand, mine.value)

    def _hand(self, node: int, contribution: _Contribution) -> None:
        """Hands a contribution to an operand; through selects and tables, to what they choose from."""
        known = self.contributions.get(node)
        if known is not None:
            known.append(contribution)
            if self.has_branches:
                self.conditions[node].append(self.region)
            return
        graph = self.graph
        op = graph.op[node]
        if op == INPUT:
            number = graph.attribute[node]
            self._hand_input(number, contribution)
            if not self.has_branches:  # what comes next is found at once
                self.contributions[node] = self.input_contributions[number]
        elif op == SELECT:
            index, *choices = self.operands[node]
            value = self._resolve(contribution)
            for place, choice in enumerate(choices):
                if self.differentiable[choice]:
                    self._hand_if(index, place, choice, value)
        elif op == GATHER:
            self._hand_table(self.operands[node][0], graph.tables[graph.attribute[node]], self._resolve(contribution))
        elif node in self.gradients:
            self._refuse(node)
        else:
            self.contributions[node] = [contribution]
            if self.has_branches:
                self.conditions[node] = [self.region]

    def _hand_if(self, index: int, place: int, node: int, value: int) -> None:
        """Hands a contribution to a node where an index has a value: nothing elsewhere, as to a branch."""
        if self.has_branches:
            whole = self.region
            self._hand_in(self.regions.inside(whole, index, place), node, value)
            self.region = whole
        else:
            # The node receives something from others in any case, so that a zero more is nothing.
            self._hand(node, self.build.where(self.build.equal(index, place), value))

    def _hand_in(self, region: Region, node: int, contribution: _Contribution) -> None:
        """Hands a contribution that is made in a region."""
        self.region = region
        if region == NEVER:
            self._hand_nothing((node,))
        else:
            self._hand(node, contribution)

    def _hand_nothing(self, nodes: Iterable[int]) -> None:
        """Notes that nodes, or what selects among them choose from, are handed nothing here."""
        for node in nodes:
            if self.graph.op[node] == SELECT:
                self._hand_nothing(self.operands[node][1:])
            else:
                self.never.add(node)

    def _hand_input(self, number: int, contribution: _Contribution) -> None:
        self.input_contributions.setdefault(number, []).append(contribution)
        if self.has_branches:
            self.conditions.setdefault(~number, []).append(self.region)

    def _hand_table(self, index: int, table: Table, value: int) -> None:
        build = self.build
        if self.scatter:
            value = self.regions.mask(self.region, value)
            self.scatters.append(
                Scatter(value, index, Table(table.base - self.inputs.start, table.stride, table.count))
            )
            return
        # What comes first must be added first, so each input gets its share as an ordinary contribution.
        for row in range(table.count):
            share = build.where(build.equal(index, row), value)
            self._hand_input(table.base + table.stride * row, share)

    def _resolve(self, contribution: _Contribution) -> int:
        """The node that is worth the contribution, whatever is chosen."""
        if isinstance(contribution, int):
            return contribution
        flag = self.build.equal(self.order.groups[contribution.group].index, contribution.place)
        return self.build.unless(flag, contribution.value)

    def _sum(self, contributions: list[_Contribution]) -> int:
        first, *others = contributions
        total = first if isinstance(first, int) else self._resolve(first)
        for other in others:
            total = self.build.node(ADD, total, other if isinstance(other, int) else self._resolve(other))
        return total
