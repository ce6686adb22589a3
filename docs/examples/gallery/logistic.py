"""Logistic regression on any number of rows."""

import random

from microgpt import mean_over_rows, softplus


def score(weights, row):
    *slopes, bias = weights
    return sum(w * x for w, x in zip(slopes, row)) + bias


def loss(weights, row, label):
    """Minus the log-likelihood of a label, 1 or -1, given a row."""
    return softplus(-label * score(weights, row))


def data(count, seed=3):
    rng = random.Random(seed)
    true = [1.0, -2.0, 0.5, 0.0, 3.0, 0.0]
    rows = [[rng.gauss(0, 1) for _ in true[1:]] for _ in range(count)]
    return [(row, 1.0 if score(true, row) + rng.gauss(0, 0.5) > 0 else -1.0) for row in rows]


weights = [0.5, -0.5, 0.25, 0.0, 0.5, 0.1]
loss_example = weights, [1.0, 0.5, -1.0, 0.25, 2.0], 1.0


def main():
    total = mean_over_rows(loss, weights, loss_example[1:])
    for count in (200, 1000):
        value, gradient = total(weights, data(count))
        print(f"loss over {count} rows: {value:.12f}; in the bias: {gradient[-1]:.12f}")


if __name__ == "__main__":
    main()
