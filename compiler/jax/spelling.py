"""How operations are spelled in JAX, with ``{a}``, ``{b}``, ``{c}`` for operands; and which of them are total."""

from __future__ import annotations

__all__ = ["FLAGS", "HOMOGENEOUS", "SPELLINGS", "TOTAL"]

# From the name of an operation to its text, and how tightly that binds (see `text`).
SPELLINGS: dict[str, tuple[str, int]] = {
    "add": ("{a} + {b}", 3),
    "mul": ("{a} * {b}", 2),
    "div": ("{a} / {b}", 2),
    "power": ("jnp.power({a}, {b})", 0),
    "log": ("jnp.log({a})", 0),
    "exp": ("jnp.exp({a})", 0),
    # Of NaN, zero.
    "relu": ("jnp.where({a} > 0, {a}, 0.0)", 0),
    "step": ("jnp.where({a} > 0, 1.0, 0.0)", 0),
    "max": ("lax.stop_gradient(jnp.maximum({a}, {b}))", 0),
    "where": ("jnp.where({a}, {b}, 0.0)", 0),
    "unless": ("jnp.where({a}, 0.0, {b})", 0),
    "sqrt": ("jnp.sqrt({a})", 0),
    "abs": ("jnp.abs({a})", 0),
    "sin": ("jnp.sin({a})", 0),
    "cos": ("jnp.cos({a})", 0),
    "tanh": ("jnp.tanh({a})", 0),
    "sinh": ("jnp.sinh({a})", 0),
    "cosh": ("jnp.cosh({a})", 0),
    "atan": ("jnp.arctan({a})", 0),
    "erf": ("jax.scipy.special.erf({a})", 0),
    "log1p": ("jnp.log1p({a})", 0),
    "expm1": ("jnp.expm1({a})", 0),
    "sigmoid": ("jax.nn.sigmoid({a})", 0),
    "softplus": ("jax.nn.softplus({a})", 0),
    # Of equal numbers the first, which alone gets the gradient.
    "maximum": ("jnp.where({b} > {a}, {b}, {a})", 0),
    "minimum": ("jnp.where({b} < {a}, {b}, {a})", 0),
    "less": ("{a} < {b}", 5),
    "less_equal": ("{a} <= {b}", 5),
    "same": ("{a} == {b}", 5),
    "and": ("{a} & {b}", 4),
    "or": ("{a} | {b}", 4),
    "not": ("~{a}", 1),
    "branch": ("jnp.where({a}, {b}, {c})", 0),
}

# Operations whose results are truth values.
FLAGS = frozenset(("less", "less_equal", "same", "and", "or", "not"))

# Finite wherever their operands are. (A product may overflow, as it may in what was asked for.)
TOTAL = FLAGS.union(
    ("add", "mul", "relu", "step", "max", "where", "unless", "abs", "sin", "cos", "tanh", "atan", "erf", "sigmoid"),
    ("softplus", "maximum", "minimum", "branch", "equal"),
)

# Zero where their operand is.
HOMOGENEOUS = frozenset(["relu", "step", "abs", "sqrt", "sin", "tanh", "sinh", "atan", "erf", "log1p", "expm1"])
