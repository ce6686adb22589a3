"""Optimisers: plain scalar functions of a parameter, its gradient, its state, and constants that all parameters share.

`sgd`, `momentum` and `adam` make the usual ones; an `Optimizer` around any other function is their equal.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from types import MappingProxyType
from typing import Any

from ...compiler.number import is_plain, real
from ...compiler.numerics import power
from ...model import adam as adam_rule
from ...model import sgd as sgd_rule
from ...model.config import AdamConfig
from .. import arguments as checked

__all__ = ["Optimizer", "Schedule", "adam", "momentum", "optimizer_of", "sgd"]

# A number for all steps, or a function from the step, counted from 0, to one.
Schedule = float | Callable[[int], float]


@dataclass(frozen=True)
class Optimizer:
    """An optimiser, as a function for one parameter.

    `update` is called as ``update(parameter, gradient, *state, *constants)``, all of them scalars, and returns the new
    parameter, or a tuple of it and the new state. It is written as the loss is, but on plain numbers: ``/`` is one
    division.

    Attributes:
        update: the function.
        state: what each parameter remembers from step to step: names, and what each is worth at first.
        constants: what all parameters share: by name a number, or a function from the step, counted from 0, to one. The
            log of `fit` records them.

    Raises:
        TypeError: if `update` cannot be called so, or a part is of another type.
        ValueError: if a name stands for two things.
    """

    update: Callable[..., Any]
    state: Mapping[str, float] = field(default_factory=dict)
    constants: Mapping[str, Schedule] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked.function("update", self.update)
        for name in ("state", "constants"):
            if not isinstance(given := getattr(self, name), Mapping) or not all(isinstance(key, str) for key in given):
                raise TypeError(f"{name} must be a dict by name, not {given!r:.60}")
        state = {name: _number(f"state[{name!r}]", start) for name, start in self.state.items()}
        constants = {
            name: value if callable(value) else _number(f"constants[{name!r}]", value)
            for name, value in self.constants.items()
        }
        names = ["parameter", "gradient", *state, *constants]
        for name in names:
            if not name.isidentifier() or names.count(name) > 1:
                raise ValueError(f"every state and constant needs a name of its own, an identifier; {name!r} is none")
        try:
            inspect.signature(self.update).bind(*names)
        except TypeError:
            raise TypeError(
                f"update is called with ({', '.join(names)}), which {_name(self.update)} does not take"
            ) from None
        except ValueError:  # a function of C that does not say what it takes
            pass
        object.__setattr__(self, "state", MappingProxyType(state))
        object.__setattr__(self, "constants", MappingProxyType(constants))

    @property
    def name(self) -> str:
        """The function's."""
        return _name(self.update)

    def constants_at(self, step: int) -> list[float]:
        """The constants of a step, counted from 0.

        Raises:
            TypeError: if a schedule gives no number.
            ValueError: if it gives an infinity or NaN.
        """
        found = []
        for name, value in self.constants.items():
            number = value(step) if callable(value) else value
            if not is_plain(number) or not isfinite(number := real(number)):
                raise (ValueError if is_plain(number) else TypeError)(
                    f"the optimizer's {name} must be a finite number at every step, not {number!r:.60} at step {step}"
                )
            found.append(number)
        return found

    def apply(self, *arguments: Any) -> tuple[Any, ...]:
        """The new parameter and state, of floats or traced numbers.

        Raises:
            TypeError: if the function returns fewer results, or more.
        """
        results = self.update(*arguments)
        found = tuple(results) if isinstance(results, tuple | list) else (results,)
        if len(found) != 1 + len(self.state):
            wanted = ", ".join(("parameter", *self.state))
            raise TypeError(f"the optimizer's {self.name} must return ({wanted}), not {len(found)} results")
        return found


def sgd(learning_rate: Schedule = 0.01) -> Optimizer:
    """Stochastic gradient descent: ``parameter - learning_rate * gradient``.

    Args:
        learning_rate: a number, or a function from the step, counted from 0, to one.
    """
    return Optimizer(sgd_rule.update, {}, {"learning_rate": _schedule(learning_rate)})


def momentum(learning_rate: Schedule = 0.01, decay: float = 0.9) -> Optimizer:
    """Gradient descent with momentum (Polyak, 1964).

    Args:
        learning_rate: a number, or a function from the step, counted from 0, to one.
        decay: from 0 to less than 1; what is left of the velocity after a step.

    Raises:
        ValueError: if `decay` is out of its range.
    """
    rule = partial(sgd_rule.momentum, _fraction("decay", decay))
    return Optimizer(rule, {"velocity": 0.0}, {"learning_rate": _schedule(learning_rate)})


def adam(learning_rate: Schedule = 0.01, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> Optimizer:
    """Adam (Kingma and Ba, 2015, algorithm 1).

    Args:
        learning_rate: a number, or a function from the step, counted from 0, to one.
        beta1, beta2: from 0 to less than 1; how slowly the means of the gradient and of its square change.
        epsilon: above 0; added to the denominator.

    Raises:
        ValueError: if one of them is out of its range.
    """
    beta1, beta2 = _fraction("beta1", beta1), _fraction("beta2", beta2)
    config = AdamConfig(
        beta1=beta1, beta2=beta2, epsilon=checked.real("epsilon", epsilon, "above 0", lambda number: number > 0.0)
    )
    constants: dict[str, Schedule] = {
        "learning_rate": _schedule(learning_rate),
        "correction1": lambda step: 1 - power(beta1, step + 1),
        "correction2": lambda step: 1 - power(beta2, step + 1),
    }
    return Optimizer(partial(adam_rule.update, config), {"first_moment": 0.0, "second_moment": 0.0}, constants)


def optimizer_of(given: Any) -> Optimizer:
    """An `Optimizer`, or one made of a function that needs nothing but a parameter and its gradient.

    Raises:
        TypeError: if it is neither.
    """
    if isinstance(given, Optimizer):
        return given
    if given in (sgd, momentum, adam):
        return optimizer_of(given())
    if not callable(given):
        raise TypeError(f"optimizer must be an Optimizer such as adam(), or a function, not {given!r:.60}")
    try:
        return Optimizer(given)
    except TypeError as error:
        raise TypeError(
            f"optimizer: {error}; where it has a state or constants, write Optimizer({_name(given)}, state={{...}}, "
            f"constants={{...}})"
        ) from None


def _name(function: Any) -> str:
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def _schedule(learning_rate: Any) -> Schedule:
    if callable(learning_rate):
        return learning_rate  # type: ignore[no-any-return]
    return checked.real("learning_rate", learning_rate, "or a function of the step", lambda number: True)


def _fraction(name: str, value: float) -> float:
    return checked.real(name, value, "from 0 to less than 1", lambda number: 0.0 <= number < 1.0)


def _number(name: str, value: Any) -> float:
    if not is_plain(value) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, not {value!r:.60}")
    return real(value)
