"""Check JAX: exported programs against hand-written JAX, on whatever device JAX has: losses, gradients and speed.

It needs JAX and the files that ``microgpt export --target jax`` has written, and nothing of microgpt, so that it runs
on a machine that has a GPU and little else:

    microgpt export --target jax small
    microgpt export --target jax middle --n-layer 2 --n-embd 64 --block-size 64
    python -P tools/checks/check_jax.py small/gpt.py middle/gpt.py --steps 200 --models 8192

For each program it prints how far loss and gradient are from those of `jax.grad` of the hand-written loss, in float64,
how many instructions XLA makes of both, and the microseconds of a step of both in float32, the best of three runs that
take turns. With ``--models``, the first program is also trained for so many models at once, each with its own
learning rate.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from importlib import import_module
from typing import Any

__all__ = ["main"]

# How far losses and gradients in float64 may be apart, relative to the loss and to the largest derivative.
BOUND = 1e-12
ROUNDS = 3


def main() -> None:
    """Checks and measures.

    Raises:
        SystemExit: if a loss or a gradient is farther off than `BOUND`.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("programs", nargs="+", help="files that microgpt export --target jax has written")
    parser.add_argument("--steps", type=int, default=200, help="steps of a run (default 200)")
    parser.add_argument("--models", type=int, default=0, help="train so many models at once, too")
    arguments = parser.parse_args()
    jax = import_module("jax")
    jax.config.update("jax_enable_x64", True)
    print(f"jax {jax.__version__} on {jax.devices()[0].device_kind}")
    for place, path in enumerate(arguments.programs):
        module = _load(path)
        print(f"{path}: {module.n_layer} x {module.n_embd} x {module.block_size}")
        _compare(jax, module)
        _race(jax, module, arguments.steps)
        if place == 0 and arguments.models:
            _sweep(jax, module, arguments.models, arguments.steps)


def _load(path: str) -> Any:
    specification = importlib.util.spec_from_file_location("exported", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _hand_written(jax: Any, module: Any) -> Any:
    """The loss as a user of JAX writes it, and its gradient by JAX."""
    jnp, size = jax.numpy, module.block_size

    def normalise(x: Any) -> Any:
        return x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5)

    def loss(weights: Any, tokens: Any, targets: Any, length: Any) -> Any:
        x = normalise(weights["wte"][tokens] + weights["wpe"])
        past = jnp.tril(jnp.ones((size, size), bool))
        for layer in range(module.n_layer):
            own = {name: weights[f"layer{layer}.{name}"] for name in ("attn_wq", "attn_wk", "attn_wv", "attn_wo")}
            normed = normalise(x)
            heads = (normed @ own[name].T for name in ("attn_wq", "attn_wk", "attn_wv"))
            query, key, value = (each.reshape(size, module.n_head, module.head_size) for each in heads)
            scores = jnp.einsum("qhd,khd->hqk", query, key) / module.head_size**0.5
            attention = jax.nn.softmax(jnp.where(past, scores, -jnp.inf), axis=-1)
            x = x + jnp.einsum("hqk,khd->qhd", attention, value).reshape(size, -1) @ own["attn_wo"].T
            hidden = jax.nn.relu(normalise(x) @ weights[f"layer{layer}.mlp_fc1"].T)
            x = x + hidden @ weights[f"layer{layer}.mlp_fc2"].T
        logs = jax.nn.log_softmax(x @ weights["lm_head"].T)[jnp.arange(size), targets]
        return -jnp.where(jnp.arange(size) < length, logs, 0.0).sum() / length

    return jax.value_and_grad(loss)


def _inputs(module: Any, kind: str, steps: int) -> tuple[Any, Any]:
    """Parameters and moments, and documents of all lengths with the constants of Adam."""
    numpy = module.np
    random = numpy.random.default_rng(42)
    parameters = {name: random.normal(0, 0.08, shape).astype(kind) for name, shape in module.SHAPES.items()}
    zeros = {name: numpy.zeros_like(part) for name, part in parameters.items()}
    shape = (steps, 1, module.block_size)
    tokens, targets = (random.integers(0, module.vocab_size, shape).astype("int32") for _ in range(2))
    lengths = random.integers(2, module.block_size + 1, (steps, 1)).astype("int32")
    constants = module.step_constants(numpy.arange(steps, dtype=kind), steps)
    return (parameters, zeros, zeros), (tokens, targets, lengths, tuple(part.astype(kind) for part in constants))


def _compare(jax: Any, module: Any) -> None:
    (parameters, _, _), (tokens, targets, lengths, _) = _inputs(module, "float64", 1)
    document = tokens[0, 0], targets[0, 0], lengths[0, 0]
    exported, ours = _compiled(jax, module.loss_and_gradient, parameters, *document)
    written, theirs = _compiled(jax, _hand_written(jax, module), parameters, *document)
    (loss, gradient), (wanted, slopes) = (each(parameters, *document) for each in (exported, written))
    largest = max(float(abs(part).max()) for part in slopes.values())
    apart = max(float(abs(gradient[name] - slopes[name]).max()) for name in slopes) / largest
    off = abs(float(loss) - float(wanted)) / float(wanted)
    print(f"  float64: loss {off:.1e} apart, gradient {apart:.1e}")
    print(f"  instructions: exported {ours}, hand-written {theirs}")
    if not max(off, apart) <= BOUND:
        raise SystemExit(f"farther apart than {BOUND}")


def _compiled(jax: Any, function: Any, *arguments: Any) -> tuple[Any, int]:
    """A program, and its instructions: those of its entry, each a kernel or a call."""
    program = jax.jit(function).lower(*arguments).compile()
    entry = program.as_text().partition("ENTRY ")[2]
    return program, sum(" = " in line for line in entry.splitlines())


def _race(jax: Any, module: Any, steps: int) -> None:
    state, inputs = jax.device_put(_inputs(module, "float32", steps))

    def training(differentiate: Any) -> Any:
        def step(state: Any, inputs: Any) -> Any:
            parameters, first, second = state
            tokens, targets, lengths, constants = inputs
            loss, gradient = differentiate(parameters, tokens[0], targets[0], lengths[0])
            parts = {
                name: module.adam(parameters[name], gradient[name], first[name], second[name], *constants)
                for name in gradient
            }
            return tuple({name: part[place] for name, part in parts.items()} for place in range(3)), loss

        return jax.jit(lambda state, inputs: jax.lax.scan(step, state, inputs)[1])

    programs = {
        "exported": training(module.loss_and_gradient),
        "hand-written": training(_hand_written(jax, module)),
    }
    best = dict.fromkeys(programs, float("inf"))
    for name, program in programs.items():
        start = time.perf_counter()
        jax.block_until_ready(program(state, inputs))
        print(f"  {name}: compiled and run once in {time.perf_counter() - start:.1f} s")
    for _ in range(ROUNDS):
        for name, program in programs.items():
            start = time.perf_counter()
            jax.block_until_ready(program(state, inputs))
            best[name] = min(best[name], (time.perf_counter() - start) / steps * 1e6)
    print(f"  float32: {', '.join(f'{name} {figure:.1f} us a step' for name, figure in best.items())}")


def _sweep(jax: Any, module: Any, models: int, steps: int) -> None:
    """Many models in one program, as of `microgpt sweep --backend jax-f32`: each with its own learning rate."""
    (parameters, _, _), (tokens, targets, lengths, _) = _inputs(module, "float32", steps)
    numpy = module.np
    starts = {name: numpy.broadcast_to(part, (models, *part.shape)) for name, part in parameters.items()}
    ones = numpy.ones(models, "float32")
    constants = numpy.linspace(1e-3, 2e-2, models, dtype="float32"), 0.85 * ones, 0.99 * ones, 1e-8 * ones
    rows = numpy.broadcast_to(numpy.arange(steps, dtype="int32")[:, None], (steps, models))
    placed = module.placed_lanes(starts, (tokens[:, 0], targets[:, 0], lengths[:, 0]), rows, constants)
    jax.block_until_ready(module.train_lanes(*placed))
    start = time.perf_counter()
    jax.block_until_ready(module.train_lanes(*placed))
    seconds = time.perf_counter() - start
    print(f"  {models} models of {steps} steps: {seconds:.2f} s, {seconds / steps * 1e6:.0f} us a step of all")


if __name__ == "__main__":
    main()
