"""The log marginal likelihood of a Gaussian process, by a Cholesky factorisation."""

import math
import random

from microgpt import compile, exp, log, sqrt

COUNT = 50
JITTER = 1e-10
rng = random.Random(17)
places = tuple(sorted(rng.uniform(0, 10) for _ in range(COUNT)))
values = tuple(math.sin(place) + rng.gauss(0, 0.1) for place in places)


def covariance(log_scale, log_variance, log_noise):
    """The lower triangle. A share of the variance is added to the noise, so that rounding makes no pivot negative."""
    variance, noise, inverse = exp(log_variance), exp(log_noise), exp(-2 * log_scale)
    rows = [[variance * exp(-0.5 * (p - q) ** 2 * inverse) for q in places[: i + 1]] for i, p in enumerate(places)]
    for i, row in enumerate(rows):
        row[i] = row[i] + (noise + JITTER * variance)
    return rows


def cholesky(matrix):
    factor = []
    for i, row in enumerate(matrix):
        mine = []
        for j, value in enumerate(row):
            for a, b in zip(mine, mine if i == j else factor[j]):
                value = value - a * b
            mine.append(sqrt(value) if i == j else value / factor[j][j])
        factor.append(mine)
    return factor


def likelihood(log_scale, log_variance, log_noise):
    solved, log_determinant = [], 0
    for value, row in zip(values, cholesky(covariance(log_scale, log_variance, log_noise))):
        for a, b in zip(row, solved):
            value = value - a * b
        solved.append(value / row[-1])
        log_determinant = log_determinant + log(row[-1])
    return -0.5 * sum(v * v for v in solved) - log_determinant - 0.5 * COUNT * math.log(2 * math.pi)


likelihood_example = 0.1, 0.2, -3.0


def main():
    compiled = compile(likelihood, *likelihood_example)
    value, gradient = compiled(*likelihood_example)
    print(f"log-likelihood: {value:.9f}; gradient: {', '.join(f'{slope:.9f}' for slope in gradient)}")
    value, gradient = compiled(0.1, 0.2, -40.0)
    print(f"with a noise of exp(-40): finite: {all(map(math.isfinite, [value, *gradient]))}")


if __name__ == "__main__":
    main()
