"""A sum of two decays fitted to measurements: a gradient, Gauss and Newton's method, and SciPy's least squares."""

import math
import random

from microgpt import compile, exp, jacobian, mean_over_rows


def model(curve, t):
    a, b, c, d, e = curve
    return a * exp(-b * t) + c * exp(-d * t) + e


def loss(curve, t, measured):
    """The squared error of one measurement."""
    return (model(curve, t) - measured) ** 2


def residuals(curve, times, measured):
    return [model(curve, t) - y for t, y in zip(times, measured)]


def data(count, seed=19):
    rng = random.Random(seed)
    times = [i * 5 / count for i in range(count)]
    return times, [2.5 * math.exp(-1.3 * t) + 0.5 + 1.1 * math.exp(-0.2 * t) + rng.gauss(0, 0.01) for t in times]


start = [2.0, 1.0, 1.0, 0.3, 0.2]
loss_example = start, 0.5, 2.0
residuals_example = start, *data(200)


def gauss_newton(slopes, curve, times, measured):
    """Steps to the least squares of the residuals as a plane through them sees it, until they hardly move."""
    import numpy as np

    while True:
        errors, matrix = slopes(list(curve), times, measured)
        step = np.linalg.lstsq(np.array(matrix), -np.array(errors), rcond=None)[0]
        curve = np.array(curve) + step
        if abs(step).max() < 1e-9:
            return curve


def main():
    import numpy as np
    from scipy.optimize import least_squares

    value, gradient = mean_over_rows(loss, start, loss_example[1:])(start, zip(*data(1000)))
    print(f"mean of 1000 squares at the start: {value:.12f}; in the first amplitude: {gradient[0]:.12f}")
    slopes = jacobian(residuals, *residuals_example, wrt="curve", value=True)
    _, times, measured = residuals_example
    mine = gauss_newton(slopes, start, times, measured)
    print(f"Gauss and Newton: {', '.join(f'{number:.6f}' for number in mine)}")
    point = np.array(start)
    errors = compile(lambda curve: residuals(curve, times, measured), point, gradient=False)
    found = least_squares(
        errors, point, jac=jacobian(lambda curve: residuals(curve, times, measured), point), xtol=1e-12
    )
    print(f"SciPy's least squares, with the Jacobian: the same to 1e-6: {abs(found.x - mine).max() < 1e-6}")


if __name__ == "__main__":
    main()
