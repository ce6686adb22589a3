"""Adam, written once for one scalar parameter. The same lines run on floats and under the trace."""

from typing import Any

from .config import AdamConfig

__all__ = ["learning_rate", "step_constants", "update"]


def step_constants(config: AdamConfig, step: int, num_steps: int) -> tuple[float, float, float]:
    """What all parameters share at `step` (counted from 0) of `num_steps`.

    Returns:
        the learning rate, and the bias corrections of the first and second moment (Kingma and Ba, 2015, section 3).
    """
    rate = learning_rate(config, step, num_steps)
    return rate, 1 - config.beta1 ** (step + 1), 1 - config.beta2 ** (step + 1)


def update(
    config: AdamConfig,
    parameter: Any,
    gradient: Any,
    first_moment: Any,
    second_moment: Any,
    learning_rate: Any,
    correction1: Any,
    correction2: Any,
) -> tuple[Any, Any, Any]:
    """One step for one parameter (Kingma and Ba, 2015, algorithm 1).

    Returns:
        the new parameter, first moment and second moment.
    """
    first_moment = config.beta1 * first_moment + (1 - config.beta1) * gradient
    second_moment = config.beta2 * second_moment + (1 - config.beta2) * gradient**2
    unbiased1 = first_moment / correction1
    unbiased2 = second_moment / correction2
    parameter = parameter - learning_rate * unbiased1 / (unbiased2**0.5 + config.epsilon)
    return parameter, first_moment, second_moment


def learning_rate(config: AdamConfig, step: int, num_steps: int) -> float:
    """That of `step` (counted from 0) of `num_steps`: it falls to zero in a straight line."""
    return config.learning_rate * (1 - step / num_steps)
