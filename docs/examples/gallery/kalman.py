"""The log-likelihood of a Kalman filter that tracks place and speed, and the noise that makes it largest."""

import math
import random

from microgpt import compile, exp, log

STEPS = 100


def observed(seed=13):
    rng, place, speed = random.Random(seed), 0.0, 0.0
    for _ in range(STEPS):
        speed += rng.gauss(0, 0.1)
        place += speed
        yield place + rng.gauss(0, 1)


places = tuple(observed())


def likelihood(log_push, log_noise, place, speed):
    """Of the places seen, given the variances of pushes and of noise, and where it began.

    The covariance of place and speed is symmetric: three numbers, of places, of both, and of speeds.
    """
    push, noise = exp(log_push), exp(log_noise)
    pp, ps, ss = 10.0, 0.0, 1.0
    total = 0
    for seen in places:
        place = place + speed
        pp, ps, ss = pp + 2 * ps + ss + push / 4, ps + ss + push / 2, ss + push
        spread, miss = pp + noise, seen - place
        total = total - 0.5 * (log(2 * math.pi * spread) + miss * miss / spread)
        gain, slope = pp / spread, ps / spread
        place, speed = place + gain * miss, speed + slope * miss
        pp, ps, ss = pp - gain * pp, ps - gain * ps, ss - slope * ps
    return total


likelihood_example = -4.0, 0.1, 0.0, 0.0


def main():
    import numpy as np
    from scipy.optimize import minimize

    unlikely = compile(lambda x: -likelihood(*x), np.array(likelihood_example))
    found = minimize(unlikely, np.array(likelihood_example), jac=True)
    value, gradient = compile(likelihood, *likelihood_example)(*likelihood_example)
    print(f"log-likelihood: {value:.12f}; in the logarithm of the noise: {gradient[1]:.12f}")
    print(f"largest where pushes have a variance of {np.exp(found.x[0]):.4f} and noise one of {np.exp(found.x[1]):.3f}")


if __name__ == "__main__":
    main()
