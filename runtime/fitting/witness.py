"""Witness: the programs of a problem are run on random numbers, before anybody may use them.

That a problem's graphs are what the eager autograd does, is compared elsewhere (`Compiled.check`). Here the graphs say
what programs must give.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from random import Random

from ...compiler.ir.graph import Graph
from ...compiler.ir.interpret import interpret
from ..executable.repeat import BLOCK
from ..executable.row_data import Rows
from ..executable.witness import Numbers, carried_out, compare, points
from .engine import Engine, State
from .problem import INITIAL, ROW, WEIGHTS, Problem, argument

__all__ = ["check_steps", "check_update"]

# Enough for whole vectors and a rest.
_LANES = 21

Lanes = Mapping[str, list[float]]


def check_update(run: Callable[[Lanes, list[float]], Lanes], problem: Problem) -> None:
    """Checks a program of the optimiser: with ordinary numbers, and with some for which Python's floats raise.

    Args:
        run: from the lanes of every argument, and the constants, to the new lanes of those that change.

    Raises:
        ProofError: naming the first result that differs.
    """
    random = Random("witness update")
    for number in range(4):
        lanes = {name: [random.gauss(0.0, 1.0) for _ in range(_LANES)] for name in problem.lanes}
        constants = _constants(problem, random)
        if number % 2:
            for values in lanes.values():
                values[:] = map(abs, values)  # what holds a mean of squares is never negative
        if number > 1:
            lanes["gradient"][-1] = 1e200  # its square overflows
        what = f"the program of {problem.optimizer.name}"
        compare(what, _updated(problem, lanes, constants), carried_out(what, run, lanes, constants))


def check_steps(engine: Engine, problem: Problem, example: Numbers) -> None:
    """Checks an engine: a step of a block of examples and two more from many states.

    Args:
        example: arguments that the loss is defined for, by name.

    Raises:
        ProofError: naming the first result that differs.
    """
    random, found = Random("witness steps"), list(points(problem.example.graph, example))
    floats = array("d", [number for arguments, _ in found for number in arguments.get(ROW, ())])
    indices = array("i", [number for _, named in found for block in named.values() for number in block])
    rows = Rows(len(found), floats, indices, problem.row)
    for number, (arguments, _) in enumerate(found):
        state = State.initial(arguments[WEIGHTS], problem.optimizer)
        for slot in state.slots.values():
            slot[:] = [abs(random.gauss(0.0, 1.0)) for _ in slot]
        order = array("q", [(number + place) % len(found) for place in range(BLOCK + 2)])
        constants = _constants(problem, random)
        start = replace(
            state, weights=list(state.weights), slots={name: list(slot) for name, slot in state.slots.items()}
        )
        again = partial(_step, problem, start, [found[place] for place in order], constants)
        expected = again()
        (loss,) = carried_out("a step", engine.advance, state, rows, order, [constants])
        compare("a step", expected, {"loss": [loss], **_lanes(state, "parameter")}, again)


def _lanes(state: State, weights: str) -> dict[str, list[float]]:
    return {weights: state.weights} | {argument(name): slot for name, slot in state.slots.items()}


def _constants(problem: Problem, random: Random) -> list[float]:
    return [random.uniform(0.01, 1.0) for _ in problem.optimizer.constants]


def _step(
    problem: Problem,
    state: State,
    batch: Sequence[tuple[Numbers, Mapping[str, Sequence[int]]]],
    constants: list[float],
) -> dict[str, list[float]]:
    """The loss before a step, and the weights and the state behind it, by the graphs."""
    gradient, loss = [0.0] * problem.size, 0.0
    for arguments, indices in batch:
        more, gradient = _with_gradient(problem.example.graph, {**arguments, WEIGHTS: state.weights}, gradient, indices)
        loss += more
    loss, gradient = loss / len(batch), [number / len(batch) for number in gradient]
    if problem.extra is not None:
        more, gradient = _with_gradient(problem.extra.graph, {WEIGHTS: state.weights}, gradient, {})
        loss += more
    lanes = _lanes(state, "parameter")
    first, *others = lanes.items()
    return {"loss": [loss], **_updated(problem, dict((first, ("gradient", gradient), *others)), constants)}


def _with_gradient(
    graph: Graph, arguments: Numbers, gradient: Sequence[float], indices: Mapping[str, Sequence[int]]
) -> tuple[float, list[float]]:
    results = interpret(graph, {**arguments, INITIAL: gradient}, indices)
    return results["loss"][0], results["gradient"]


def _updated(problem: Problem, lanes: Lanes, constants: list[float]) -> dict[str, list[float]]:
    traced = problem.update.traced
    shared = dict(zip((name for name in traced.arguments() if name not in lanes), constants, strict=True))
    results: dict[str, list[float]] = {output.name: [] for output in traced.outputs}
    for place in range(len(lanes["parameter"])):
        arguments = {name: [values[place]] for name, values in lanes.items()}
        arguments.update((name, [value]) for name, value in shared.items())
        for name, result in interpret(traced, arguments).items():
            results[name] += result
    return results
