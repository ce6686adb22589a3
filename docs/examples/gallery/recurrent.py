"""A recurrent net that predicts the next value of a wave."""

import math
import random
from itertools import pairwise

from microgpt import compile, tanh

WIDTH, STEPS = 16, 30
wave = tuple(math.sin(0.3 * i) for i in range(STEPS + 1))


def step(net, state, seen):
    """The state after one more value."""
    return [
        tanh(inlet * seen + sum(w * s for w, s in zip(row, state)) + bias)
        for inlet, row, bias in zip(net["input"], net["hidden"], net["bias"])
    ]


def loss(net):
    state, total = [0.0] * WIDTH, 0
    for seen, following in pairwise(wave):
        state = step(net, state, seen)
        guess = sum(w * s for w, s in zip(net["output"], state)) + net["offset"]
        total = total + (guess - following) ** 2
    return total / STEPS


rng = random.Random(9)
net = {
    "input": [rng.uniform(-0.5, 0.5) for _ in range(WIDTH)],
    "hidden": [[rng.uniform(-0.25, 0.25) for _ in range(WIDTH)] for _ in range(WIDTH)],
    "bias": [0.0] * WIDTH,
    "output": [rng.uniform(-0.5, 0.5) for _ in range(WIDTH)],
    "offset": 0.0,
}
loss_example = (net,)


def main():
    value, gradient = compile(loss, net)(net)
    print(f"loss: {value:.12f}; in the offset: {gradient['offset']:.12f}")


if __name__ == "__main__":
    main()
