"""Types of options: what a value on the command line, in the environment or in a file must be."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

import click

__all__ = ["NOT_NEGATIVE", "PATH", "POSITIVE", "WholeNumber", "fraction", "positive_number", "share", "temperature"]


class WholeNumber(click.IntRange):
    """A whole number within bounds."""

    name = "whole number"  # in the error for what is none


POSITIVE = WholeNumber(min=1)
NOT_NEGATIVE = WholeNumber(min=0)


class _Path(click.Path):
    """A path. A zero byte, which a configuration may hold though no command line can, is refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if "\0" in str(value):
            self.fail("a path has no zero bytes", param, ctx)
        return super().convert(value, param, ctx)


PATH = _Path(path_type=Path)


def temperature(text: str) -> float:
    """A finite number above zero; the error for zero names the option that means it."""
    with contextlib.suppress(ValueError):
        if float(text) == 0.0:
            raise click.BadParameter(
                f"{text} is not above zero; to always take the likeliest token, use `microgpt sample --greedy`"
            )
    return positive_number(text)


def positive_number(text: str) -> float:
    """A finite number above zero. `click.FloatRange` would let NaN and infinity pass."""
    try:
        number = float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number") from None
    if not 0.0 < number < math.inf:
        raise click.BadParameter(f"{text} is not a finite number above zero")
    return number


def fraction(text: str) -> float:
    """A number from 0 to less than 1."""
    try:
        number = float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number") from None
    if not 0.0 <= number < 1.0:
        raise click.BadParameter(f"{text} is not from 0 to less than 1")
    return number


def share(text: str) -> float:
    """A number above 0, at most 1."""
    number = positive_number(text)
    if number > 1.0:
        raise click.BadParameter(f"{text} is more than 1")
    return number
