"""The price of a call option and its Greeks, right in every digit as far out of the money as one likes."""

import math

from microgpt import compile, erf, exp, hessian, log, minimum, sqrt, where


def tail(x):
    """The share of a normal distribution below `x`, which is far below 0: a continued fraction (Laplace, 1805)."""
    fraction = x
    for k in range(60, 0, -1):
        fraction = x + k / fraction
    return -exp(-0.5 * x * x) / (math.sqrt(2 * math.pi) * fraction)


def normal(x):
    """The share of a normal distribution below `x`. Far down, 1 + erf(x) is a difference of equal numbers."""
    return where(x > -3.0, 0.5 * (1 + erf(x / math.sqrt(2))), tail(minimum(x, -3.0)))


def price(spot, strike, years, rate, volatility):
    spread = volatility * sqrt(years)
    d = (log(spot / strike) + (rate + 0.5 * volatility**2) * years) / spread
    return spot * normal(d) - strike * exp(-rate * years) * normal(d - spread)


price_example = 100.0, 105.0, 0.5, 0.02, 0.25


def main():
    greeks = compile(price, *price_example)
    value, (delta, _, theta, rho, vega) = greeks(*price_example)
    gamma = hessian(price, *price_example, wrt="spot")(*price_example)
    print(
        f"price {value:.9f}, delta {delta:.9f}, gamma {gamma:.9f}, vega {vega:.6f}, rho {rho:.6f}, theta {-theta:.6f}"
    )
    value, (delta, *_) = greeks(100.0, 400.0, *price_example[2:])
    print(f"at a strike of 400: price {value:.9e}, delta {delta:.9e}")


if __name__ == "__main__":
    main()
