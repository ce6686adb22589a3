"""Rosenbrock's function of many variables, and its minimum by Newton's method with products of the Hessian."""

from itertools import pairwise

from microgpt import compile, hvp


def rosenbrock(x):
    return sum(100 * (b - a**2) ** 2 + (1 - a) ** 2 for a, b in pairwise(x))


start = [0.5 + 0.001 * (i % 7) for i in range(1000)]
rosenbrock_example = (start,)


def main():
    import numpy as np
    from scipy.optimize import minimize

    x = np.array(start)
    found = minimize(
        compile(rosenbrock, x), x, jac=True, hessp=hvp(rosenbrock, x), method="Newton-CG", options={"xtol": 1e-10}
    )
    print(f"at the start: {compile(rosenbrock, x)(x)[0]:.6f}")
    print(f"at the end: below 1e-15: {found.fun < 1e-15}; all within 1e-8 of 1: {abs(found.x - 1).max() < 1e-8}")


if __name__ == "__main__":
    main()
