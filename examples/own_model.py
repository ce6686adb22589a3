"""Your own model in plain scalars: a small network that learns a curve, by the gradient of `microgpt.compile`.

The network is a function of lists of numbers. It is recorded once; from then on generated code runs, and gives the
same bits as the slow way, which is `microgpt.Value`.
"""

import math
import random

import microgpt

random.seed(1)
HIDDEN = 8


def loss(weights, xs, ys):
    """The mean squared error of ``sum_h out_h * relu(in_h * x + bias_h)``."""
    inner, bias, outer = weights
    total = 0.0
    for x, y in zip(xs, ys, strict=True):
        units = [(w * x + b).relu() for w, b in zip(inner, bias, strict=True)]
        total = total + (sum(unit * w for unit, w in zip(units, outer, strict=True)) - y) ** 2
    return total / len(xs)


weights = [[random.gauss(0, 1) for _ in range(HIDDEN)] for _ in range(3)]
xs = [place / 10 - 1 for place in range(21)]
ys = [math.sin(3 * x) for x in xs]

value_and_gradient = microgpt.compile(loss, weights, xs, ys)
for step in range(500):
    value, (gradient, _, _) = value_and_gradient(weights, xs, ys)
    if step % 100 == 0:
        print(f"step {step:3d}  loss {value:.6f}")
    weights = [
        [weight - 0.05 * slope for weight, slope in zip(row, slopes, strict=True)]
        for row, slopes in zip(weights, gradient, strict=True)
    ]
print(f"step 500  loss {value:.6f}")

# The eager autograd gives the same loss and the same gradient, to the last bit.
scalars = [[microgpt.Value(weight) for weight in row] for row in weights]
slow = loss(scalars, xs, ys)
slow.backward()
value, (gradient, _, _) = value_and_gradient(weights, xs, ys)
assert value == slow.data
assert gradient == [[scalar.grad for scalar in row] for row in scalars]
