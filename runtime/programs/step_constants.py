"""The constants of a step of the optimiser: a start that finds its programs in the cache needs no more of the model."""

from __future__ import annotations

from dataclasses import replace

from ...compiler.numerics import current
from ...model import adam
from ...model.config import AdamConfig

__all__ = ["step_constants"]


def step_constants(config: AdamConfig, step: int, num_steps: int) -> tuple[float, float, float]:
    """What `adam.step_constants` gives: with the powers of the numerics in force."""
    if current().libm:
        return adam.step_constants(config, step, num_steps)
    from ...compiler.number import Number

    betas = replace(config, beta1=Number(config.beta1), beta2=Number(config.beta2))
    rate, correction1, correction2 = adam.step_constants(betas, step, num_steps)
    return rate, float(correction1), float(correction2)
