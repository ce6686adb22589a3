"""The constants of a step of the optimiser: a start that finds its programs in the cache needs no more of the model."""

from __future__ import annotations

from dataclasses import replace

from ...compiler.numerics import current
from ...model import adam
from ...model.config import AdamConfig

__all__ = ["constants_of_steps", "step_constants"]


def step_constants(config: AdamConfig, step: int, num_steps: int) -> tuple[float, float, float]:
    """What `adam.step_constants` gives: with the powers of the numerics in force."""
    if current().libm:
        return adam.step_constants(config, step, num_steps)
    from ...compiler.number import Number

    betas = replace(config, beta1=Number(config.beta1), beta2=Number(config.beta2))
    rate, correction1, correction2 = adam.step_constants(betas, step, num_steps)
    return rate, float(correction1), float(correction2)


def constants_of_steps(config: AdamConfig, steps: range, num_steps: int) -> list[float]:
    """Those of one step after the other. A call for each would take twice as long, and whole numbers a quarter more."""
    if not current().libm:
        return [number for step in steps for number in step_constants(config, step, num_steps)]
    rate, beta1, beta2 = config.learning_rate, config.beta1, config.beta2
    before, after, most = [*map(float, steps)], [step + 1.0 for step in steps], float(num_steps)
    constants = [0.0] * (3 * len(steps))
    constants[::3] = [rate * (1.0 - step / most) for step in before]
    constants[1::3] = [1.0 - beta1**step for step in after]
    constants[2::3] = [1.0 - beta2**step for step in after]
    return constants
