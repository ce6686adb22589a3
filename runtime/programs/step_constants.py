"""The constants of a step of the optimiser: a start that finds its programs in the cache needs no more of the model."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import ldexp

from ...compiler.numerics import current
from ...model import adam
from ...model.config import AdamConfig

__all__ = ["constants_of_steps", "step_constants"]

# Of the powers that are computed one from the other.
_BITS = 160


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
    rate, most = config.learning_rate, float(num_steps)
    constants = [0.0] * (3 * len(steps))
    constants[::3] = [rate * (1.0 - step / most) for step in map(float, steps)]
    constants[1::3] = _corrections(config.beta1, steps)
    constants[2::3] = _corrections(config.beta2, steps)
    return constants


def _corrections(beta: float, steps: range) -> list[float]:
    """One less the power of `beta` for each step, which is one as soon as the power is small enough."""
    after = [step + 1.0 for step in steps]
    end = bisect_left(after, True, key=lambda step: beta**step < 2.0**-60)
    if current().libm:
        powers: Iterable[float] = [beta**step for step in after[:end]]
    else:
        powers = _nearest_powers(beta, steps.start + 1, end)
    return [1.0 - power for power in powers] + [1.0] * (len(steps) - end)


def _nearest_powers(beta: float, first: int, count: int) -> Iterator[float]:
    """The powers of a number below one from ``beta**first`` on, each the double that is nearest to it.

    They are computed to `_BITS` bits, one from the other. Cutting makes each too small, by less than 2 units of the
    last bit: a power is too small by less than 4 units for each of its factors. `Number`, which is asked where that
    could make a difference, takes a hundred times as long.
    """
    doubt = 4 * (first + count)
    factor, scale = beta.as_integer_ratio()
    scale = scale.bit_length() - 1
    power, shift = 1 << _BITS, -_BITS
    for bit in f"{first:b}":
        power, shift = _cut(power * power, 2 * shift)
        if bit == "1":
            power, shift = _cut(power * factor, shift - scale)
    for step in range(first, first + count):
        nearest = ldexp(power, shift)
        if ldexp(power + doubt, shift) != nearest:
            from ...compiler.number import Number

            nearest = float(Number(beta) ** step)
        yield nearest
        power, shift = _cut(power * factor, shift - scale)


def _cut(number: int, shift: int) -> tuple[int, int]:
    """A whole number times a power of two, cut to `_BITS` bits."""
    more = max(number.bit_length() - _BITS, 0)
    return number >> more, shift + more
