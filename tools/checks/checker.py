"""A backend that checks the compiled programs against the eager autograd while it works, bit by bit."""

from __future__ import annotations

from collections.abc import Sequence

from ...compiler import functions
from ...compiler.ir.text import format_node
from ...model import gpt
from ...model.config import AdamConfig, GPTConfig
from ...runtime.backends.backend import Backend, Document, EagerBackend, PythonBackend, State
from ...runtime.executable.estimate import Estimate
from ...runtime.programs import eager
from ...runtime.programs.library import Library
from ...runtime.programs.recipe import Recipe
from ...runtime.programs.step_constants import step_constants
from ...runtime.reporting import Report
from ...runtime.value import Value
from ..subject.model import ModelSubject
from .bisect import Case, Numbers, first_unequal, locate

__all__ = ["Checker", "UnequalError", "number_lines"]


class UnequalError(Exception):
    """The first difference, as lines."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(lines[0])
        self.lines = lines


class Checker:
    """A backend that does everything twice, compiled and eagerly, and compares.

    Attributes:
        compiled: what is checked; by default generated Python.
        compared: how many numbers were equal.
        where: what is being done, for messages; training says so itself.
    """

    name = "checker"
    slice = 1

    def __init__(
        self, config: GPTConfig, optimizer: AdamConfig, library: Library, compiled: Backend | None = None
    ) -> None:
        self.config, self.optimizer, self.library = config, optimizer, library
        self.compiled = compiled or PythonBackend(config, optimizer, library)
        self.batch_size = self.compiled.batch_size
        self.eager = EagerBackend(config, optimizer)
        self.compared = 0
        self.where = ""

    def estimate(self, lengths: Sequence[int], positions: int) -> Estimate | None:
        return self.compiled.estimate(lengths, positions)

    def prepare(self, lengths: Sequence[int], positions: int, progress: Report) -> None:
        self.compiled.prepare(lengths, positions, progress)

    def loss_and_gradient(self, parameters: Sequence[float], document: Document) -> tuple[float, list[float]]:
        return self.compiled.loss_and_gradient(parameters, document)

    def advance(self, state: State, documents: Sequence[Document], num_steps: int) -> list[float]:
        size = self.batch_size
        return [
            self._check_step(state, documents[start : start + size], num_steps)
            for start in range(0, len(documents), size)
        ]

    def _check_step(self, state: State, batch: Sequence[Document], num_steps: int) -> float:
        """Takes a step both ways; `state` becomes that of the eager one."""
        for document in batch:
            self._check_document(state, document)
        loss, gradient = self.eager.batch_loss_and_gradient(state.parameters, batch)
        before = state.copy()
        other = state.copy()
        self.eager.update(state, gradient, num_steps)
        losses = self.compiled.advance(other, batch, num_steps)
        wrong = self._compare({"loss": [loss]}, {"loss": losses})
        names = ("parameters", "first_moment", "second_moment")
        wrong = wrong or self._compare(*({name: getattr(which, name) for name in names} for which in (state, other)))
        if wrong:
            self._tell(wrong, self._optimizer_case(before, gradient, wrong[1], num_steps))
        return loss

    def _check_document(self, state: State, document: Document) -> None:
        self.where = f"step {state.step + 1}, a document of {document.length} positions"
        loss, gradient = self.eager.loss_and_gradient(state.parameters, document)
        expected = {"loss": [loss], "gradient": gradient}
        found_loss, found_gradient = self.compiled.loss_and_gradient(state.parameters, document)
        wrong = self._compare(expected, {"loss": [found_loss], "gradient": found_gradient})
        if wrong:
            self._tell(wrong, self._training_case(state.parameters, document, expected))

    def next_token(
        self, parameters: list[float], temperature: float, token: int, position: int, cache: list[float]
    ) -> list[float]:
        width = len(cache)
        results = eager.inference(self.config, parameters, temperature, token, position, cache)
        values = dict(zip(("probabilities", "entry"), results, strict=True))
        expected = {name: [value.data for value in output] for name, output in values.items()}
        mine = list(cache)
        probabilities = self.compiled.next_token(parameters, temperature, token, position, mine)
        wrong = self._compare(expected, {"probabilities": probabilities, "entry": mine[width:]})
        if wrong:
            recipe = Recipe("inference", position, self.config)
            program = self.library.get(recipe)
            arguments = {"parameters": parameters, "temperature": [temperature], "cache": list(cache)}

            def run() -> Numbers:
                results = program.run(parameters, [temperature], arguments["cache"], [token])
                return dict(zip(("probabilities", "entry"), results, strict=True))

            self._tell(
                wrong, Case(ModelSubject(recipe), program.path, arguments, {"token": [token]}, expected, values, run)
            )
        cache += expected["entry"]
        return expected["probabilities"]

    def _compare(self, expected: Numbers, found: Numbers) -> tuple[str, int, float, float] | None:
        for name, numbers in expected.items():
            place = first_unequal(numbers, found[name])
            if place is not None:
                return name, place, numbers[place], found[name][place]
            self.compared += len(numbers)
        return None

    def _training_case(self, parameters: Sequence[float], document: Document, expected: Numbers) -> Case:
        recipe = Recipe("training", document.length, self.config)
        program = self.library.get(recipe)
        scalars = [Value(parameter) for parameter in parameters]
        loss = gpt.loss(self.config, functions, gpt.weights_of(self.config, scalars), *document)
        indices = dict(zip(("tokens", "targets"), document, strict=True))

        def run() -> Numbers:
            return dict(zip(("loss", "gradient"), program.run(parameters, *document), strict=True))

        return Case(
            ModelSubject(recipe), program.path, {"parameters": parameters}, indices, expected, {"loss": [loss]}, run
        )

    def _optimizer_case(self, state: State, gradient: Sequence[float], place: int, num_steps: int) -> Case:
        recipe = Recipe("optimizer", 0, self.optimizer)
        program = self.library.get(recipe)
        lane = [numbers[place] for numbers in (state.parameters, gradient, state.first_moment, state.second_moment)]
        constants = step_constants(self.optimizer, state.step, num_steps)
        names = ("parameter", "gradient", "first_moment", "second_moment")
        results = ("parameter", "first_moment", "second_moment")
        right = eager.update(self.optimizer, [[number] for number in lane], constants)
        arguments = {name: [number] for name, number in zip(names, lane, strict=True)}
        constant_names = ("learning_rate", "correction1", "correction2")
        arguments |= {name: [number] for name, number in zip(constant_names, constants, strict=True)}

        def run() -> Numbers:
            columns = {name: list(arguments[name]) for name in names}
            program.run(*columns.values(), *constants)
            return {name: columns[name] for name in results}

        expected = dict(zip(results, right, strict=True))
        return Case(ModelSubject(recipe), program.path, arguments, {}, expected, {}, run)

    def _tell(self, wrong: tuple[str, int, float, float], case: Case) -> None:
        name, place, expected, found = wrong
        first_line, *lines = number_lines(self.config, name, place, expected, found)
        lines = [f"{self.where}: {first_line}", *lines]
        first = locate(case)
        if first is None and not isinstance(self.compiled, PythonBackend):
            lines.append(f"generated Python gives the right numbers: the fault is in the {self.compiled.name} backend")
            raise UnequalError([*lines, *_operation(case, name, place)])
        if first is None:
            lines.append(
                "run again by itself, the program gives the right numbers: the difference depends on what ran before"
            )
        else:
            lines += [f"the first operation that differs, at the stage {first.stage}:", f"  {first.operation}"]
            lines += [*_numbers("expected", first.expected), *_numbers("found", first.found)]
        lines.append(f"the program is {case.program}")
        raise UnequalError(lines)


def _operation(case: Case, name: str, place: int) -> list[str]:
    """The operation that a wrong number is the result of."""
    graph = case.subject.compile()
    output = next((output for output in graph.outputs if output.name == name), None)
    if output is None or output.nodes[place] < 0:
        return []
    return ["the number is the result of", f"  {format_node(graph, output.nodes[place])}"]


_BY_PARAMETER = ("gradient", "parameters", "first_moment", "second_moment")


def number_lines(config: GPTConfig, name: str, place: int, expected: float, found: float) -> list[str]:
    """Which number of a model's results differs, and what it should be."""
    number = name if name == "loss" else f"{name}[{place}]"
    if name in _BY_PARAMETER:
        number += f" of {config.parameter_name(place)}"
    return [f"{number} differs", *_numbers("eager", expected), *_numbers("compiled", found)]


def _numbers(label: str, number: float) -> list[str]:
    return [f"  {label:<9} {number!r:<24} {float(number).hex()}"]
