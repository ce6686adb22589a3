"""Gradients against two things that know nothing of this project: finite differences, and the library autograd."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import autograd
import autograd.numpy as np
import pytest
from differential.executions import load

from microgpt.compiler.functions import constant_maximum, select
from microgpt.compiler.ir.graph import IndexTensor, Tensor
from microgpt.compiler.pipeline import compile_graph, compile_python
from microgpt.compiler.trace import trace


class Array:
    """The same scalar interface on autograd's arrays."""

    def __init__(self, data: Any) -> None:
        self.data = data

    @staticmethod
    def of(value: Any) -> Any:
        return value.data if isinstance(value, Array) else value

    def __add__(self, other: Any) -> Array:
        return Array(self.data + Array.of(other))

    def __mul__(self, other: Any) -> Array:
        return Array(self.data * Array.of(other))

    def __sub__(self, other: Any) -> Array:
        return Array(self.data - Array.of(other))

    def __truediv__(self, other: Any) -> Array:
        return Array(self.data / Array.of(other))

    def __rsub__(self, other: Any) -> Array:
        return Array(Array.of(other) - self.data)

    def __rtruediv__(self, other: Any) -> Array:
        return Array(Array.of(other) / self.data)

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, exponent: float) -> Array:
        return Array(self.data**exponent)

    def __neg__(self) -> Array:
        return Array(-self.data)

    def exp(self) -> Array:
        return Array(np.exp(self.data))

    def log(self) -> Array:
        return Array(np.log(self.data))

    def relu(self) -> Array:
        return Array(np.maximum(self.data, 0.0))

    @staticmethod
    def constant_maximum(values: Sequence[Any]) -> float:
        """A constant, as everywhere in this project."""
        return float(max(getattr(Array.of(value), "_value", Array.of(value)) for value in values))


def well_conditioned(seed: int) -> Callable[[Any, Any], Any]:
    """A smooth function whose values stay of the order of one: finite differences see its slope."""

    def function(x: Any, i: Any) -> Any:
        random = Random(seed)
        values = list(x)
        for _ in range(random.randint(3, 25)):
            a, b, c = (random.choice(values[-12:]) for _ in range(3))
            kind = random.randrange(12)
            constant = random.uniform(0.5, 1.5)
            if kind == 0:
                values.append(a * b * 0.7 + c)
            elif kind == 1:
                values.append((a * 0.3 - b * 0.2).exp())
            elif kind == 2:
                values.append((a * a + constant).log())
            elif kind == 3:
                values.append((a * a + constant) ** random.choice((-1, -0.5, 0.5, 1.5, 2.5)))
            elif kind == 4:
                values.append(constant / (b * b + 1.0) - a)
            elif kind == 5:
                values.append((a + 5.0).relu() * 0.2 + (b - 5.0).relu())
            elif kind == 6:
                values.append(sum(u * v for u, v in zip(x, reversed(x), strict=True)) / 4)
            elif kind == 7:
                values.append(select([x[0], x[2], x[4]], i[0]) * a)
            elif kind == 8:
                values.append(select([(t * constant).exp() for t in x[:4]], i[1]) * 0.3)
            elif kind == 9:
                scores = [t * a * 0.5 for t in x[:4]]
                highest = constant_maximum(scores)
                powers = [(score - highest).exp() for score in scores]
                total = sum(powers)
                values.append(-select([power / total for power in powers], i[1]).log())
            elif kind == 10:
                values.append(a**2 - 0.1 * b**3)
            else:
                values.append((a - b) / (c * c + constant))
            # Whatever a step did, the next one starts from numbers of the order of one.
            values.append(values[-1] / (values[-1] * values[-1] + 1.0))
        return sum(values[-6:])

    return function


def _compiled(function: Callable[[Any, Any], Any], size: int) -> Callable[..., tuple[list[float], list[float]]]:
    tensors = [Tensor("x", "x", 0, (size,))]
    indices = [IndexTensor("i", 0, 1, 3), IndexTensor("j", 1, 1, 4)]

    def run(inputs: Any, numbers: Any) -> Any:
        return {"loss": [function(inputs["x"], [numbers["i"][0], numbers["j"][0]])]}

    graph = compile_graph(lambda: trace(run, "smooth", tensors, indices), "x", check=True)
    return load(compile_python(graph))  # type: ignore[no-any-return]


@pytest.mark.parametrize("seed", range(120))
def test_gradient_is_the_slope_and_what_autograd_gives(seed: int) -> None:
    function = well_conditioned(seed)
    random = Random(seed)
    x = [random.uniform(-1.5, 1.5) for _ in range(6)]
    i, j = random.randrange(3), random.randrange(4)
    run = _compiled(function, len(x))
    (loss,), gradient = run(x, [i], [j])

    def independent(array: Any) -> Any:
        return function([Array(array[place]) for place in range(len(x))], [i, j]).data

    value, theirs = float(independent(np.array(x))), autograd.grad(independent)(np.array(x))
    assert loss == pytest.approx(value, rel=1e-12)
    scale = max(1.0, *(abs(element) for element in gradient))
    assert gradient == pytest.approx(list(theirs), rel=1e-9, abs=1e-11 * scale)

    assert any(gradient)
    step = 2.0**-17  # balances the error of the formula against that of the rounding
    for place in range(len(x)):
        ahead, behind = list(x), list(x)
        ahead[place] += step
        behind[place] -= step
        slope = (run(ahead, [i], [j])[0][0] - run(behind, [i], [j])[0][0]) / (ahead[place] - behind[place])
        assert math.isclose(slope, gradient[place], rel_tol=1e-4, abs_tol=1e-5 * scale), f"element {place}"
