"""A perceptron that separates two moons: hinge loss and weight decay, as in micrograd's demo."""

import math
import random

from microgpt import mean_over_rows, relu


def moon(number, rng):
    """A point near the upper moon, labelled 1, or near the lower one, labelled -1."""
    angle, upper = rng.uniform(0, math.pi), number % 2 == 0
    x, y = (math.cos(angle), math.sin(angle)) if upper else (1 - math.cos(angle), 0.5 - math.sin(angle))
    return [x + rng.gauss(0, 0.1), y + rng.gauss(0, 0.1)], 1.0 if upper else -1.0


def layer(inputs, outputs, rng):
    return [([rng.uniform(-1, 1) for _ in range(inputs)], 0.0) for _ in range(outputs)]


def score(layers, point):
    """Above 0 for the upper moon."""
    *hidden, last = layers
    for neurons in hidden:
        point = [relu(sum(w * x for w, x in zip(weights, point)) + bias) for weights, bias in neurons]
    [(weights, bias)] = last
    return sum(w * x for w, x in zip(weights, point)) + bias


def loss(layers, point, label):
    """Of one point: 0 where it is on its side by a margin of 1."""
    return relu(1 - label * score(layers, point))


def decay(layers):
    return 1e-4 * sum(p * p for neurons in layers for weights, bias in neurons for p in (*weights, bias))


rng = random.Random(7)
layers = [layer(2, 16, rng), layer(16, 16, rng), layer(16, 1, rng)]
rows = [moon(number, rng) for number in range(100)]
loss_example = layers, [0.0, 0.0], 1.0


def main():
    total = mean_over_rows(loss, layers, rows[0], penalty=decay)
    value, gradient = total(layers, rows)
    print(f"loss over {len(rows)} points: {value:.12f}; in the last bias: {gradient[-1][0][1]:.12f}")


if __name__ == "__main__":
    main()
