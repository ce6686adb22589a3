"""Stochastic gradient descent, written once for one scalar parameter, as Adam is."""

from typing import Any

__all__ = ["momentum", "update"]


def update(parameter: Any, gradient: Any, learning_rate: Any) -> Any:
    """One step for one parameter: the new parameter."""
    return parameter - learning_rate * gradient


def momentum(decay: float, parameter: Any, gradient: Any, velocity: Any, learning_rate: Any) -> tuple[Any, Any]:
    """One step with momentum (Polyak, 1964): the new parameter and velocity, a sum of gradients that decays."""
    velocity = decay * velocity + gradient
    return parameter - learning_rate * velocity, velocity
