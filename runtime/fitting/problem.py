"""The problem: what is fitted to what, as structures and graphs.

In: a loss, weights, and a row of the data. Out: a `Problem`, which knows how the numbers of both lie in flat sequences
and makes the graphs: of one example, of the penalty, and of the optimiser's update of one weight.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial, update_wrapper
from typing import TYPE_CHECKING, Any

from ...compiler.ir.graph import Graph, IndexTensor, Tensor
from ...compiler.ir.names import identifier
from ...compiler.trace import check_again, trace
from ...compiler.tracing.traced_scalar import TracedNumber
from ..executable.captured import Captured
from ..executable.nodes import doubles_in
from ..executable.repeat import BLOCK, fits_block, repeat
from ..executable.row_data import inputs_of, parts_of, with_floats
from ..executable.structure import Structure, structure_of
from ..executable.wanted import argument_names
from .optimizers import Optimizer

if TYPE_CHECKING:
    from ..executable.witness import Numbers, Witness

__all__ = ["INITIAL", "ROW", "WEIGHTS", "Compiled", "Problem", "argument", "problem_of"]

# The arguments of the graphs of an example and of the penalty: the gradient so far is what the new one is added to.
WEIGHTS, INITIAL, ROW = "weights", "initial", "row"


def argument(name: str, kind: str = "state") -> str:
    """The argument of the optimiser's graph that holds a state or a constant; no name of a user's can clash."""
    return f"{kind}_{name}"


@dataclass(frozen=True)
class Compiled:
    """A function as its graphs. A start that finds its library has no need of the passes, so they are imported here.

    Attributes:
        record: records it.
        initial: the argument that its gradient is added to; None where none is taken.
        outputs: those to keep; None for all.
    """

    record: Callable[[], Graph]
    initial: str | None
    outputs: Sequence[str] | None = None

    @cached_property
    def traced(self) -> Graph:
        """As it was recorded."""
        return self.record()

    @cached_property
    def graph(self) -> Graph:
        """With its gradient in the weights, clean."""
        from ...compiler.pipeline import compile_graph

        gradient = WEIGHTS if self.initial else None
        return compile_graph(lambda: self.traced, gradient, initial=self.initial, outputs=self.outputs)

    def witnesses(self, example: Numbers | None) -> list[Witness]:
        """What the eager autograd gives for it.

        Args:
            example: arguments that the function is defined for.
        """
        from ..executable.witness import eager_witnesses

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
        return Compiled(partial(trace, run, _name(self.loss), tensors, self.indices), INITIAL)

    @cached_property
    def block(self) -> Compiled | None:
        """``losses, gradient (weights, initial, rows, indices)`` of `BLOCK` examples; None if that is too much.

        Its ``losses`` are called ``loss``, as that of one example is.
        """
        size, row_size, traced = self.size, self.row_size, self.example.traced
        if not fits_block(traced):
            return None
        tensors = [*self.tensors, Tensor(INITIAL, INITIAL, size, (size,))]
        if row_size:
            tensors.append(Tensor("rows", ROW, 2 * size, (BLOCK, row_size)))

        def moved(number: int, row: int) -> int:
            return number if number < 2 * size else number + row * row_size

        return Compiled(lambda: repeat(traced, BLOCK, tensors, moved, (0,)), INITIAL, ("loss", "gradient"))

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
        return Compiled(partial(trace, run, _name(penalty), tensors), INITIAL)

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
        return Compiled(partial(trace, run, identifier(optimizer.name), tensors, (), TracedNumber), None)

    @property
    def functions(self) -> list[Compiled]:
        """The user's, as graphs."""
        return [function for function in (self.example, self.extra, self.update) if function]

    @cached_property
    def traced(self) -> str:
        """What all functions were recorded as: equal for equal programs."""
        return "".join(function.traced.fingerprint for function in self.functions)

    def confirm(self) -> None:
        """Records all functions again. A program that is in the cache was confirmed when it was made.

        Raises:
            TraceError: if one of them computes something else each time.
        """
        for function in self.functions:
            check_again(function.traced, function.record())

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
    first, *others = argument_names(loss, 1 + len(parts))
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
