"""The backend JAX: trains with a generated JAX program, on whatever devices JAX has. It is fast, not exact.

Steps are taken in slices, each one program (`lax.scan`). A batch is split over the devices that divide it evenly.
Everything but training, which is sampling and evaluation, is done by an exact backend.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ...model import adam
from ...model.config import AdamConfig, GPTConfig
from ..executable.estimate import Estimate
from ..executable.jax_function import import_jax
from ..programs.jax_source import jax_source, proved_model
from ..reporting import Report
from ..storage.cache import Cache
from .backend import Backend, Document, State

__all__ = ["JaxBackend"]


class JaxBackend:
    """Runs generated JAX.

    Args:
        precision: ``f64`` or ``f32``.
        cache: where programs over sizes are kept.
        exact: makes the backend for all but training.
        batch_size: documents of a step.

    Attributes:
        fast: what checkpoints and run folders say of the numbers.
        devices: how many JAX has.

    Raises:
        ModuleNotFoundError: if JAX is not installed.
    """

    # A multiple of this is one compiled program; fewer steps at the end are another.
    slice = 250
    # What `describe_programs` looks for: there is none, and the exact backend's is not to be compiled for that.
    library = None

    def __init__(
        self,
        config: GPTConfig,
        optimizer: AdamConfig,
        precision: str,
        cache: Cache,
        exact: Callable[[], Backend],
        batch_size: int = 1,
    ) -> None:
        self._jax = import_jax()
        if precision == "f64":
            self._jax.config.update("jax_enable_x64", True)
        self.name = "jax" if precision == "f64" else "jax-f32"
        self.fast = f"fast: jax {self._jax.__version__}, {precision}"
        self.config, self.optimizer, self.precision, self.batch_size = config, optimizer, precision, batch_size
        self.devices = len(self._jax.devices())
        self._cache, self._make_exact = cache, exact
        self._exact: Backend | None = None
        self._module: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        """What the exact backend has for sampling: ways to draw many documents at a time."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.exact, name)

    @property
    def exact(self) -> Backend:
        """The backend for all but training."""
        if self._exact is None:
            self._exact = self._make_exact()
        return self._exact

    @property
    def module(self) -> dict[str, Any]:
        """The generated program.

        Raises:
            CompileError: if the loops of such models are not known over their sizes.
        """
        if not self._module:
            text = jax_source(self.config, self.optimizer, "gpt", partial(proved_model, self._cache))
            exec(compile(text, "<gpt in JAX>", "exec"), self._module)
        return self._module

    def estimate(self, lengths: Sequence[int], positions: int) -> Estimate | None:
        return self.exact.estimate([], positions) if positions else None

    def prepare(self, lengths: Sequence[int], positions: int, progress: Report) -> None:
        if lengths:
            progress(0, 2, "the program in JAX")
            _ = self.module
        if positions:
            self.exact.prepare([], positions, progress)

    def advance(self, state: State, documents: Sequence[Document], num_steps: int) -> list[float]:
        module, kind = self.module, f"float{self.precision[1:]}"
        numpy, batch_size = module["np"], self.batch_size
        count = len(documents) // batch_size
        arrays = tuple(self._arrays(each, kind) for each in (state.parameters, state.first_moment, state.second_moment))
        whole = [[*tokens, targets[-1]] for tokens, targets in documents]
        tokens = (part.reshape(count, batch_size, *part.shape[1:]) for part in module["padded"](whole))
        steps = range(state.step, state.step + count)
        rows = [adam.step_constants(self.optimizer, step, num_steps) for step in steps]
        constants = tuple(numpy.array(column, kind) for column in zip(*rows, strict=True))
        arrays, losses = module["train"](*module["placed"](arrays, (*tokens, constants)))
        lists = [self._numbers(each) for each in arrays]
        state.parameters, state.first_moment, state.second_moment = lists
        state.step += count
        return [float(loss) for loss in losses]

    def train_lanes(
        self,
        starts: Sequence[Sequence[float]],
        documents: Sequence[Document],
        rows: Sequence[Sequence[int]],
        optimizers: Sequence[AdamConfig],
    ) -> tuple[list[list[float]], list[bool]]:
        """Trains many models of this shape side by side; the optimiser of the backend is not used.

        Args:
            starts: the parameters of each.
            documents: that any of them reads.
            rows: for each model, the number of the document of each step; as many for all.
            optimizers: of each.

        Returns:
            The losses of each model, and whether its parameters are finite after the last step.
        """
        module, kind = self.module, f"float{self.precision[1:]}"
        numpy, jnp = module["np"], module["jnp"]
        table = numpy.array(starts, kind)
        parameters, start = {}, 0
        for name, height, width in self.config.matrices():
            parameters[name] = table[:, start : start + height * width].reshape(-1, height, width)
            start += height * width
        names = ("learning_rate", "beta1", "beta2", "epsilon")
        with numpy.errstate(over="ignore"):  # what is beyond single precision is infinite, and diverges
            constants = tuple(numpy.array([getattr(each, name) for each in optimizers], kind) for name in names)
        shared = module["padded"]([[*tokens, targets[-1]] for tokens, targets in documents])
        placed = module["placed_lanes"](parameters, shared, numpy.array(rows, "int32").T, constants)
        parameters, losses = module["train_lanes"](*placed)
        axes = (1, 2)
        finite = sum(~jnp.isfinite(part).all(axes) for part in parameters.values()) == 0
        return numpy.asarray(losses, "float64").T.tolist(), numpy.asarray(finite).tolist()

    def loss_and_gradient(self, parameters: Sequence[float], document: Document) -> tuple[float, list[float]]:
        module = self.module
        tokens, targets = document
        read, said, length = (part[0] for part in module["padded"]([[*tokens, targets[-1]]]))
        arrays = self._arrays(parameters, f"float{self.precision[1:]}")
        loss, gradient = self._jax.jit(module["loss_and_gradient"])(arrays, read, said, length)
        return float(loss), self._numbers(gradient)

    def next_token(
        self, parameters: list[float], temperature: float, token: int, position: int, cache: list[float]
    ) -> list[float]:
        return self.exact.next_token(parameters, temperature, token, position, cache)

    def _arrays(self, numbers: Sequence[float], kind: str) -> dict[str, Any]:
        numpy = self.module["np"]
        found, start = {}, 0
        for name, rows, columns in self.config.matrices():
            found[name] = numpy.array(numbers[start : start + rows * columns], kind).reshape(rows, columns)
            start += rows * columns
        return found

    def _numbers(self, arrays: dict[str, Any]) -> list[float]:
        numpy = self.module["np"]
        return [
            float(number)
            for name, _, _ in self.config.matrices()
            for number in numpy.asarray(arrays[name], "float64").ravel().tolist()
        ]
