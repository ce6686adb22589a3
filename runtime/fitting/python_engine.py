"""The Python engine: generated Python for an example, for the penalty and for the optimiser's update."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ...compiler.pipeline import compile_python_map
from ..executable.executable import Executable, compile_executable
from ..executable.program import load_program, program_key, store_program
from ..executable.row_data import Rows
from ..executable.witness import Numbers
from ..executable.workspace import Workspace
from ..reporting import Report
from ..storage.cache import Cache
from .engine import State, StepByStep
from .problem import INITIAL, ROW, WEIGHTS, Compiled, Problem
from .witness import check_update

__all__ = ["PythonEngine"]


class PythonEngine(StepByStep):
    """Runs generated Python.

    Args:
        example: arguments that the loss is defined for, by name.

    Raises:
        TooLargeError: if compiling takes more memory than there is.
        ProofError: if a program does not compute what the eager autograd does; a mistake of the compiler.
    """

    target = "python"

    def __init__(self, problem: Problem, cache: Cache, report: Report, example: Numbers) -> None:
        def compiled(function: Compiled) -> Executable:
            return compile_executable(function.graph, "python", cache, partial(function.witnesses, example), report)

        programs = [compiled(problem.example), *([compiled(problem.extra)] if problem.extra else [])]
        self._programs = [program.workspace() for program in programs]
        self._update, text = _update_program(problem, cache)
        self.source = "\n\n".join([*(program.source for program in programs), text])

    def _step(self, state: State, rows: Rows, batch: array[int], constants: Sequence[float]) -> float:
        example, *penalties = self._programs
        gradient: Sequence[float] = [0.0] * len(state.weights)
        example.inputs[WEIGHTS][:] = array("d", state.weights)
        row, total = example.inputs.get(ROW), 0.0
        for number in batch:
            if row is not None:
                row[:] = array("d", rows.floats_of(number))
            loss, gradient = _run(example, gradient, rows.indices_of(number))
            total += loss
        loss = total / len(batch)
        gradient = [number / len(batch) for number in gradient]
        for penalty in penalties:
            penalty.inputs[WEIGHTS][:] = array("d", state.weights)
            more, gradient = _run(penalty, gradient, [])
            loss += more
        self._update(state.weights, gradient, *state.slots.values(), *constants)
        state.step += 1
        return loss


def _run(program: Workspace, gradient: Sequence[float], indices: Sequence[int]) -> tuple[float, Sequence[float]]:
    program.inputs[INITIAL][:] = array("d", gradient)
    program.indices[:] = array("i", indices)
    program.run()
    return program.outputs["loss"][0], program.outputs["gradient"].tolist()


def _update_program(problem: Problem, cache: Cache) -> tuple[Callable[..., None], str]:
    """Changes the weights and the state in place."""
    key = f"python-update-{program_key({'graph': problem.update.traced.fingerprint})}"
    with cache.lock(key):
        program = load_program(cache, key)
        if program is None:
            graph = problem.update.graph
            heading = [f"Made from the optimizer {graph.name} by microgpt. Do not edit."]
            source = compile_python_map(graph, problem.lanes, heading)

            def check(run: Callable[..., Any]) -> None:
                def update(lanes: Mapping[str, list[float]], constants: list[float]) -> Mapping[str, list[float]]:
                    found = {name: list(values) for name, values in lanes.items()}
                    run(*found.values(), *constants)
                    return found

                check_update(update, problem)

            program = store_program(cache, key, source, {"operations": len(graph)}, check)
    return program.run, program.path.read_text("utf-8")
