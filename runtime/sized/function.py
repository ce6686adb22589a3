"""A function at some sizes, compiled from its loops over them: no graph of these sizes is made."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

from ...compiler.ir.builder import GraphBuilder
from ...compiler.ir.graph import Graph, Output
from ...compiler.ir.names import identifier
from ...compiler.loops.coverage import coverage
from ...compiler.loops.loop_text import format_program
from ...compiler.numerics import Numerics, numerics
from ...compiler.sizes.generalise import SizedPrograms
from ...compiler.sizes.learn import Instance, instantiate, sizes_text
from ..executable.captured import Captured
from ..executable.estimate import BASE_BYTES, check_memory
from ..executable.export import export_loops
from ..executable.function import CompiledFunction
from ..executable.marshal_code import call_maker
from ..executable.results import Results
from ..executable.wanted import Wanted
from ..executable.witness import compare
from ..forward import Forward, Tangent
from ..reporting import Report
from ..storage.cache import Cache
from ..value import Value
from .executable import SizedExecutable, Trial, compile_instance
from .ledger import Ledger
from .structure import SizedStructure

__all__ = ["SizedFunction", "TracedFunction", "WrittenFunction"]

# Up to so many operations, the eager autograd runs with its gradient, too, which takes some 4 us for each; and up to so
# many several times.
_MANY, _FEW = 100_000, 10_000
# Measured: bytes for a double of the program's memory, and for a float of the arguments, while a function is compiled.
_BYTES = 100
# Numbers to try a function with, from one to the other: small ones of both signs, so that sums of a thousand stay
# where exp and tanh change; positive ones for logarithms and roots.
_RANGES = ((-0.25, 0.25), (0.05, 0.3), (0.25, 1.75))


@dataclass(frozen=True)
class WrittenFunction:
    """What a family was made from.

    Attributes:
        function: of scalars.
        wanted: of it.
        numerics: that it is compiled in.
    """

    function: Callable[..., Any]
    wanted: Wanted
    numerics: Numerics

    @property
    def name(self) -> str:
        """Of the function."""
        return identifier(getattr(self.function, "__name__", "function"))


class TracedFunction(CompiledFunction):
    """A function that has been traced at some sizes, and not compiled.

    Attributes:
        traced: its forward graph.
    """

    def __init__(self, written: WrittenFunction, structure: SizedStructure) -> None:
        self._function, self._wanted, self._structure = written.function, written.wanted, structure
        self.name = written.name
        with numerics(written.numerics):
            self.traced: Graph = self._trace()
            self._check_again()


class SizedFunction(CompiledFunction):
    """A compiled function at some sizes. It is called as any compiled function is.

    There is no graph: what shows operations one by one, such as ``graph`` and ``explore``, is for
    ``family.flat(...)`` at small sizes.

    Attributes:
        name: of the function.
        sizes: by name.
    """

    def __init__(
        self,
        written: WrittenFunction,
        sizes: Mapping[str, int],
        structure: SizedStructure,
        learned: SizedPrograms,
        what: Mapping[str, Any],
        sample: TracedFunction,
        ledger: Ledger,
        restore: tuple[Any, ...],
        cache: Cache,
        report: Report,
        limit: float | None,
    ) -> None:
        self.name, self.sizes = written.name, dict(sizes)
        self.__module__ = getattr(written.function, "__module__", __name__)
        self._written, self._restore = written, restore
        self._function, self._wanted, self._structure = written.function, written.wanted, structure
        self._jax, self._many, self._program, self._idle = None, {}, None, []
        with numerics(written.numerics):
            what_it_is = f"{self.name} at {sizes_text(sizes)}"
            floats = sum(tensor.size for tensor in structure.tensors)
            check_memory(what_it_is, _BYTES * floats + BASE_BYTES, limit)
            report(0, 1, "loops")
            self._instance: Instance = instantiate(learned, sizes, self.name)
            check_memory(what_it_is, _BYTES * self._instance.layout.size + BASE_BYTES, limit)
            report(0, 1, "one run of the function")
            self._trial = self._first_trial()
            ledger.refuse_others(self.sizes, structure, self._instance.layout)
            self._prepare, self._make_call = call_maker(structure, written.wanted, self._results)
            self._captured = Captured(
                (self._function,), self.name, self._recorded_at(sample), self._again(sample), self._set_call
            )
            heading = f"Made from the function {self.name} at {sizes_text(sizes)} by microgpt. Do not edit."
            keyed = {**what, "sizes": self.sizes}
            self._executable: SizedExecutable = compile_instance(
                self._instance, heading, keyed, self._signature, self._trial, self._eager_trials, cache, report
            )

    def __getattr__(self, name: str) -> Any:
        """What needs a graph."""
        if hasattr(CompiledFunction, name) or name == "ir":
            raise AttributeError(self.without_graph(name))
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"<microgpt.CompiledFunction {self.name} at {sizes_text(self.sizes)}, compiled from loops in c>"

    def __reduce__(self) -> tuple[Any, ...]:
        return self._restore

    def without_graph(self, name: str) -> str:
        """What to say where a graph is needed."""
        return (
            f"{self.name} at {sizes_text(self.sizes)} was compiled from loops, and {name} needs a graph of all "
            "operations: compile small sizes with family.flat(...), whose functions have one"
        )

    @property
    def numerics(self) -> Numerics:
        """What it was compiled with."""
        return self._written.numerics

    @cached_property
    def operations(self) -> int:
        """How many operations a call carries out."""
        return coverage(self._instance.program)[1]

    def first_nan(self, *arguments: Any) -> Any:
        """Not for functions over sizes.

        Raises:
            ValueError: always; it says what to do.
        """
        raise ValueError(self.without_graph("first_nan"))

    def write_c(self, folder: Path, prefix: str, number: str = "double", plain: bool = False) -> list[Path]:
        """Writes it as C that stands alone; see `export_function`."""
        program, layout = self._instance.program, self._instance.layout
        trial = self._trial
        with numerics(self.numerics):
            return export_loops(
                program, layout, self._signature, folder, prefix, trial.arguments, trial.indices, number, plain
            )

    @cached_property
    def _signature(self) -> Graph:
        """What it takes and gives: a graph without operations."""
        outputs = [Output(name, (-1,) * size) for name, (_, size) in self._instance.layout.outputs.items()]
        return GraphBuilder(self.name, self._structure.tensors, self._structure.indices).finish(outputs)

    @property
    def loops(self) -> str:
        """The loops at these sizes, as text."""
        return format_program(self._instance.program)

    def check(self, arguments: Sequence[Any] | None = None) -> int:
        """Compares the program with the eager autograd at these sizes, and counts the numbers that are equal.

        Args:
            arguments: of a call; None for random numbers.

        Raises:
            ProofError: if a number differs.
        """
        numbers = self._numbers(*_RANGES[0]) if arguments is None else self._structure.flatten(arguments)
        with numerics(self.numerics):
            trial = self._eager_trial(*numbers)
            compare(f"the program {self.name}", trial.results, self._executable.results(trial))
        return sum(map(len, trial.results.values()))

    def _numbers(self, low: float, high: float, seed: int = 0) -> tuple[list[float], list[int]]:
        """Floats and indices to try the function with."""
        random = Random(f"sizes {seed}")
        count = sum(tensor.size for tensor in self._structure.tensors)
        limits = [tensor.limit for tensor in self._structure.indices for _ in range(tensor.count)]
        return (
            [low + (high - low) * random.random() for _ in range(count)],
            [int(random.random() * limit) for limit in limits],
        )

    def _first_trial(self) -> Trial:
        """The function on numbers that give numbers."""
        trials = (self._forward_trial(*self._numbers(*each)) for each in _RANGES)
        trial = next(trials)
        while not all(math.isfinite(number) for part in trial.results.values() for number in part):
            following = next(trials, None)
            if following is None:
                break
            trial = following
        return trial

    def _forward_trial(self, floats: list[float], indices: list[int]) -> Trial:
        random, count = Random("direction"), self._structure.size if self._wanted.derivative else 0
        along = [random.random() - 0.5 for _ in range(count)]
        slopes = [*along, *[0.0] * (len(floats) - count)]
        scalars = map(Tangent, floats, slopes) if along else map(Forward, floats)
        self._results, outputs = self._carry_out([*scalars], indices)
        results = {name: _data(each) for name, each in outputs.items()}
        slope = getattr(outputs["value"][0], "slope", 0.0) if along else 0.0
        return Trial(self._structure.by_argument(floats), indices, results, along, slope)

    def _eager_trial(self, floats: list[float], indices: list[int]) -> Trial:
        values = [*map(Value, floats)]
        _, outputs = self._carry_out(values, indices)
        results = {name: _data(leaves) for name, leaves in outputs.items()}
        if self._wanted.derivative:
            (result,) = (each if isinstance(each, Value) else Value(float(each)) for each in outputs["value"])
            # A node of its own: `backward` sets the gradient of what it is called on, and that may be an input.
            Value(result.data, (result,), (1.0,)).backward()
            results["gradient"] = [value.grad for value in values[: self._structure.size]]
        return Trial(self._structure.by_argument(floats), indices, results)

    def _carry_out(self, scalars: Sequence[Any], indices: Sequence[int]) -> tuple[Results, dict[str, list[Any]]]:
        """The function on scalars: the structure of its results, and these by name."""
        outputs: dict[str, list[Any]] = {"value": []}
        results = self._taken_apart(self._function(*self._structure.arrange(scalars, indices)), outputs)
        return results, outputs

    def _eager_trials(self) -> list[Trial]:
        ranges = _RANGES if self.operations <= _FEW else _RANGES[:1] if self.operations <= _MANY else ()
        return [self._eager_trial(*self._numbers(*each, number)) for number, each in enumerate(ranges, 1)]

    def _recorded_at(self, sample: TracedFunction) -> str:
        numbers = [number.hex() for part in self._trial.results.values() for number in part]
        return " ".join((sample.traced.fingerprint, self._trial.slope.hex(), *numbers))

    def _again(self, sample: TracedFunction) -> Callable[[], str]:
        def recorded() -> str:
            with numerics(self.numerics):
                sample.traced = sample._trace()
                self._trial = self._first_trial()
            return self._recorded_at(sample)

        return recorded


def _data(leaves: Sequence[Any]) -> list[float]:
    return [each.data if isinstance(each, Value | Forward) else float(each) for each in leaves]
