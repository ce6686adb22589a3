"""The problem: what is fitted to what, as structures and graphs.

In: a loss, weights, and a row of the data. Out: a `Problem`, which knows how the numbers of both lie in flat sequences
and makes the graphs: of one example, of the penalty, and of the optimiser's update of one weight.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce, update_wrapper
from operator import add
from typing import Any

from ...compiler.ir.graph import Graph, IndexTensor, Tensor
from ...compiler.ir.names import identifier
from ...compiler.pipeline import compile_graph
from ...compiler.trace import trace_twice
from ...compiler.tracing.traced_scalar import TracedNumber
from ..executable.captured import Captured
from ..executable.nodes import doubles_in
from ..executable.row_data import inputs_of, parts_of, with_floats
from ..executable.structure import Structure, structure_of
from ..executable.witness import Numbers, Witness, eager_witnesses
from .optimizers import Optimizer

__all__ = ["BLOCK", "INITIAL", "ROW", "WEIGHTS", "Compiled", "Problem", "argument", "problem_of"]

# The arguments of the graphs of an example and of the penalty: the gradient so far is what the new one is added to.
WEIGHTS, INITIAL, ROW = "weights", "initial", "row"

# Examples that C takes at a time, as lanes of its vectors, in a third to a tenth of the time of single ones. A program
# that would have more operations than these is not repeated: it has lanes enough of its own, and is slow to compile.
BLOCK, _MOST_IN_BLOCK = 16, 20_000


def argument(name: str, kind: str = "state") -> str:
    """The argument of the optimiser's graph that holds a state or a constant; no name of a user's can clash."""
    return f"{kind}_{name}"


@dataclass(frozen=True)
class Compiled:
    """A function as its graphs.

    Attributes:
        traced: as it was recorded.
        initial: the argument that its gradient is added to; None where none is taken.
        outputs: those to keep; None for all.
    """

    traced: Graph
    initial: str | None
    outputs: Sequence[str] | None = None

    @cached_property
    def graph(self) -> Graph:
        """With its gradient in the weights, clean."""
        gradient = WEIGHTS if self.initial else None
        return compile_graph(lambda: self.traced, gradient, initial=self.initial, outputs=self.outputs)

    def witnesses(self, example: Numbers | None) -> list[Witness]:
        """What the eager autograd gives for it.

        Args:
            example: arguments that the function is defined for.
        """
        return eager_witnesses(self.traced, WEIGHTS if self.initial else None, example, initial=self.initial)


@dataclass(frozen=True)
class Problem:
    """What is fitted.

    Attributes:
        loss: of the weights and the parts of one example.
        penalty: of the weights alone, once a step; None for none.
        optimizer: takes the steps.
        weights: how they are nested.
        row: how the parts of one example are.
    """

    loss: Callable[..., Any]
    penalty: Callable[..., Any] | None
    optimizer: Optimizer
    weights: Structure
    row: Structure

    @cached_property
    def size(self) -> int:
        """How many weights there are."""
        return sum(map(doubles_in, self.weights.nodes))

    @cached_property
    def tensors(self) -> list[Tensor]:
        """The weights, in blocks with the names that their places in the user's structure have."""
        return inputs_of(self.weights, WEIGHTS, 0)

    @cached_property
    def row_size(self) -> int:
        """How many floats an example has."""
        return sum(map(doubles_in, self.row.nodes))

    @cached_property
    def indices(self) -> tuple[IndexTensor, ...]:
        """The whole numbers of an example."""
        return self.row.indices

    @cached_property
    def index_count(self) -> int:
        """How many whole numbers an example has."""
        return sum(tensor.count for tensor in self.indices)

    @cached_property
    def example(self) -> Compiled:
        """``loss, gradient (weights, initial, row, indices)``."""
        size, rows = self.size, inputs_of(self.row, ROW, 2 * self.size)

        def run(inputs: Mapping[str, list[Any]], indices: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
            numbers = [number for block in indices.values() for number in block]
            return {"loss": [self.evaluate(inputs[WEIGHTS], inputs.get(ROW, []), numbers)]}

        update_wrapper(run, self.loss)  # which errors name
        tensors = [*self.tensors, Tensor(INITIAL, INITIAL, size, (size,)), *rows]
        return Compiled(trace_twice(run, _name(self.loss), tensors, self.indices), INITIAL)

    @cached_property
    def block(self) -> Compiled | None:
        """``losses, gradient (weights, initial, rows, indices)`` of `BLOCK` examples; None if that is too much.

        The gradient is that of the sum of their losses. It is added up as the gradients of one example after the other
        are, since the sum has the last one first: the walk of ``backward()`` meets its operands in reverse.
        """
        size, row_size, indices = self.size, self.row_size, self.indices
        if len(self.example.traced) * BLOCK > _MOST_IN_BLOCK:
            return None

        def run(inputs: Mapping[str, list[Any]], numbers: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
            floats, losses = inputs.get(ROW, []), []
            for place in range(BLOCK):
                own = [number for tensor in indices for number in numbers[f"{tensor.name}_{place}"]]
                losses.append(self.evaluate(inputs[WEIGHTS], floats[place * row_size : (place + 1) * row_size], own))
            return {"sum": [reduce(add, reversed(losses))], "losses": losses}

        update_wrapper(run, self.loss)
        tensors = [*self.tensors, Tensor(INITIAL, INITIAL, size, (size,))]
        if row_size:
            tensors.append(Tensor("rows", ROW, 2 * size, (BLOCK, row_size)))
        repeated = [
            replace(tensor, name=f"{tensor.name}_{place}", start=tensor.start + place * self.index_count)
            for place in range(BLOCK)
            for tensor in indices
        ]
        traced = trace_twice(run, f"{_name(self.loss)}_of_{BLOCK}", tensors, repeated)
        return Compiled(traced, INITIAL, ("losses", "gradient"))

    @cached_property
    def extra(self) -> Compiled | None:
        """Of the penalty: ``loss, gradient (weights, initial)``."""
        penalty, size = self.penalty, self.size
        if penalty is None:
            return None

        def run(inputs: Mapping[str, list[Any]], indices: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
            return {"loss": [penalty(*self.weights.arrange(inputs[WEIGHTS], []))]}

        update_wrapper(run, penalty)
        tensors = [*self.tensors, Tensor(INITIAL, INITIAL, size, (size,))]
        return Compiled(trace_twice(run, _name(penalty), tensors), INITIAL)

    @cached_property
    def update(self) -> Compiled:
        """Of the optimiser: the new parameter and state, of numbers."""
        optimizer = self.optimizer
        states = [argument(name) for name in optimizer.state]
        names = ["parameter", "gradient", *states, *(argument(name, "constant") for name in optimizer.constants)]

        def run(inputs: Mapping[str, list[Any]], indices: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
            results = optimizer.apply(*(inputs[name][0] for name in names))
            return dict(zip(("parameter", *states), ([result] for result in results), strict=True))

        update_wrapper(run, optimizer.update)
        tensors = [Tensor(name, name, place, ()) for place, name in enumerate(names)]
        return Compiled(trace_twice(run, identifier(optimizer.name), tensors, (), TracedNumber), None)

    @property
    def traced(self) -> str:
        """What all functions were recorded as: equal for equal programs."""
        functions = (self.example, self.extra, self.update)
        return "".join(function.traced.fingerprint for function in functions if function)

    def captured(self) -> Captured:
        """What the functions read beside their arguments."""
        functions = [function for function in (self.loss, self.penalty, self.optimizer.update) if function]
        return Captured(functions, "loss", self.traced, lambda: replace(self).traced)

    @property
    def lanes(self) -> list[str]:
        """The arguments of the optimiser's graph that hold a number for each weight."""
        return ["parameter", "gradient", *(argument(name) for name in self.optimizer.state)]

    def evaluate(self, weights: Sequence[Any], floats: Sequence[Any], numbers: Sequence[Any]) -> Any:
        """The loss of one example, of scalars of any kind."""
        return self.loss(*self.weights.arrange(weights, []), *self.row.arrange(floats, numbers))


def problem_of(
    loss: Callable[..., Any],
    penalty: Callable[..., Any] | None,
    optimizer: Optimizer,
    weights: Any,
    row: Any,
) -> Problem:
    """The problem for weights and examples like these.

    Raises:
        TypeError: if there is no weight, or a part could change unseen.
        ValueError: if one is nested too deeply.
    """
    parts = parts_of(row)
    first, *others = _argument_names(loss, 1 + len(parts))
    try:
        inspect.signature(loss).bind(weights, *parts)
    except TypeError:
        raise TypeError(
            f"loss is called with ({', '.join((first, *others))}), the weights and the {len(parts)} parts of an "
            f"example, which {_name(loss)} does not take; an example is a tuple of its parts, or one part"
        ) from None
    except ValueError:  # a function of C that does not say what it takes
        pass
    structure = structure_of([first, *others], [with_floats(weights), *map(with_floats, parts)])
    ours, theirs = (
        Structure(structure.names[span], structure.nodes[span], tuple(range(len(structure.nodes[span]))))
        for span in (slice(1), slice(1, None))
    )
    if not any(map(doubles_in, ours.nodes)):
        raise TypeError(f"weights must have at least one number to fit, and {weights!r:.60} has none")
    if ours.indices:
        raise TypeError("an index cannot be fitted; weights must be numbers")
    return Problem(loss, penalty, optimizer, ours, theirs)


def _name(function: Any) -> str:
    return identifier(getattr(function, "__name__", type(function).__name__))


def _argument_names(function: Callable[..., Any], count: int) -> list[str]:
    try:
        names = [parameter.name for parameter in inspect.signature(function).parameters.values() if parameter.kind < 2]
    except (TypeError, ValueError):
        names = []
    return [names[place] if place < len(names) else f"argument{place}" for place in range(count)]
