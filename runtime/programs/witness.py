"""Witnesses of the programs of a model: each is run once when it is made, and must give what the eager autograd gives.

Memory that nothing has been assigned to holds NaN, so that nothing right can come from it.
"""

from __future__ import annotations

import ctypes
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain, cycle, islice
from random import Random
from typing import Any

from ...compiler.errors import ProofError
from ...compiler.ir.interpret import interpret
from ...model.config import AdamConfig, GPTConfig
from ..executable.witness import Numbers, along_direction, carried_out, compare, repetitions
from ..machine.pages import new_numbers
from . import eager, graphs
from .c_numbers import counts, number_type
from .expected import (
    STEP,
    STEPS,
    TEMPERATURE,
    Expected,
    lanes_of_update,
    some_batch,
    some_direction,
    some_gradient,
    some_lanes,
    some_parameters,
    some_tokens,
    step_constants,
)
from .shapes import is_walked, witnessed

__all__ = [
    "check_inference",
    "check_library",
    "check_optimizer",
    "check_training",
]


# So many lanes of an update are compared, and the last ones, of a model that is not walked.
_SOME_LANES, _LAST_LANES = 1000, 16


def check_training(run: Callable[..., Any], config: GPTConfig, length: int, accumulates: bool = False) -> None:
    """Checks a generated program for documents of `length`.

    Args:
        accumulates: whether it adds the gradient to one that is an argument.

    Raises:
        ProofError: naming the first result that differs.
    """
    parameters, what = some_parameters(config), f"the program of length {length}"
    so_far = [some_gradient(config)] if accumulates else []
    for number in range(repetitions(config.parameter_count * length)):
        tokens, targets = some_tokens(config, length, 2 * number), some_tokens(config, length, 2 * number + 1)
        (loss,), gradient = carried_out(what, run, parameters, *so_far, tokens, targets)
        _compare_training(what, eager.loss_and_gradient(config, parameters, tokens, targets, *so_far), (loss, gradient))


def check_inference(run: Callable[..., Any], config: GPTConfig, position: int) -> None:
    """Checks a generated program for sampling at `position`.

    Raises:
        ProofError: naming the first result that differs.
    """
    parameters, (token,) = some_parameters(config), some_tokens(config, 1)
    random = Random(f"witness cache {position}")
    cache = [random.gauss(0.0, 1.0) for _ in range(2 * config.n_layer * config.n_embd * position)]
    after = list(cache)
    expected = eager.next_token(config, parameters, TEMPERATURE, token, position, after)
    what = f"the program of position {position}"
    found = carried_out(what, run, parameters, [TEMPERATURE], cache, [token])
    compare(
        what,
        {"probabilities": expected, "entry": after[len(cache) :]},
        dict(zip(("probabilities", "entry"), found, strict=True)),
    )


def check_optimizer(run: Callable[..., Any], config: AdamConfig) -> None:
    """Checks a generated program for the update: with ordinary numbers, and with some for which floats of Python raise
    an exception, so that the program starts again with functions that do not.

    Raises:
        ProofError: naming the first result that differs.
    """
    lanes, constants = some_lanes(5), step_constants(config)
    expected = eager.update(config, lanes, constants)
    what = "the program of the optimizer"
    carried_out(what, run, *lanes, *constants)
    _compare_update(what, expected, (lanes[0], lanes[2], lanes[3]))
    lanes = some_lanes(5)
    lanes[1][-1] = 1e200  # its square overflows
    graph = graphs.optimizer_graph(config)
    columns: list[list[float]] = [[], [], []]
    for lane in zip(*lanes, strict=True):
        arguments = zip(graph.arguments(), (*lane, *constants), strict=True)
        for column, result in zip(columns, interpret(graph, {k: [v] for k, v in arguments}).values(), strict=True):
            column += result
    what = "the careful program of the optimizer"
    carried_out(what, run, *lanes, *constants)
    _compare_update(what, columns, (lanes[0], lanes[2], lanes[3]))


def check_library(
    functions: ctypes.CDLL,
    config: GPTConfig,
    optimizer: AdamConfig,
    expected: Expected,
    constants: Mapping[int, str],
    addresses: Mapping[str, int],
    accumulates: bool = False,
    divided: bool = False,
) -> None:
    """Runs every program of the C library of a model once; of a model whose programs are instantiated, those that are
    `witnessed`.

    Args:
        functions: the library.
        expected: what they must give.
        constants: by address, numbers that stay in memory, in hexadecimal.
        addresses: of ``parameters``, ``gradient`` and the rest (see `ModelSource`).
        accumulates: whether gradients are added to what is there, and steps take batches.
        divided: see `model_source`.

    Raises:
        ProofError: naming the program and the first result that differs.
    """
    size, weights, walked = config.parameter_count, some_parameters(config), is_walked(config)
    memory = _Memory(functions, constants, addresses)
    so_far = {"gradient": some_gradient(config)} if accumulates else {}
    documents = some_batch(config) if accumulates else [(some_tokens(config, 1), some_tokens(config, 1, 1))]
    further: list[Any] = []
    if accumulates or divided:
        states = (ctypes.c_void_p * 1)(ctypes.addressof(memory.numbers))
        further = [len(documents), 0, 1, states, (ctypes.c_long * counts(1))()]
    for place, length in enumerate(witnessed(config)[0]):
        what = f"the program of length {length}"
        tokens, targets = some_tokens(config, length), some_tokens(config, length, 1)
        memory.forget(parameters=weights, **so_far)
        loss = functions.microgpt_loss(memory.numbers, length, (ctypes.c_int * (2 * length))(*tokens, *targets))
        gradient = memory.read("gradient", size)
        if walked:
            _compare_training(what, (expected.losses[place], expected.gradients[place]), (loss, gradient), True)
        else:
            _compare(what, {"loss": [expected.losses[place]]}, {"loss": [loss]}, True)
            _compare_along(what, config, expected.slopes[place], gradient, **so_far)
    parameters, _, first, second = lanes_of_update(config, gradient)
    memory.forget(parameters=parameters, first_moment=first, second_moment=second)
    lengths, index = [len(tokens) for tokens, _ in documents], [*chain.from_iterable(chain.from_iterable(documents))]
    functions.microgpt_train(
        memory.numbers,
        (ctypes.c_int * len(lengths))(*lengths),
        (ctypes.c_int * len(index))(*index),
        STEP,
        1,
        STEPS,
        optimizer.learning_rate,
        (ctypes.c_double * len(lengths))(),
        *further,
    )
    names = ("parameters", "first_moment", "second_moment")
    some: Sequence[int] = range(size)
    right = expected.updated
    if not walked:
        # All lanes are alike, but for those that fill no vector. An odd step finds each place in a vector.
        some = [*range(0, size, size // _SOME_LANES | 1), *range(size - _LAST_LANES, size)]
        gradient = memory.read("gradient", size)
        if accumulates:
            slopes = [*islice(cycle(expected.slopes), len(documents))]
            _compare_along("a batch", config, math.fsum(slopes) / len(documents), gradient)
        lanes = [_chosen(column, some) for column in lanes_of_update(config, gradient)]
        right = [*eager.update(optimizer, lanes, step_constants(optimizer))]
    updated = [_chosen(memory.read(name, size), some) for name in names]
    _compare_update("the program of the optimizer", right, updated, True)
    entry, cache = 2 * config.n_layer * config.n_embd, expected.cache
    for position, token in enumerate(some_tokens(config, len(expected.probabilities))):
        memory.forget(parameters=weights, cache=cache[: entry * position])
        functions.microgpt_prepare(memory.numbers)
        probabilities = functions.microgpt_next(memory.numbers, position, token, TEMPERATURE)
        results = {"probabilities": expected.probabilities[position], "entry": cache[entry * position :][:entry]}
        compare(
            f"the program of position {position}",
            results,
            {
                "probabilities": probabilities[: config.vocab_size],
                "entry": memory.read("cache", entry * (position + 1))[entry * position :],
            },
            partial(dict, results),
        )


class _Memory:
    """A library's memory, in which nothing but constants is known."""

    def __init__(self, functions: ctypes.CDLL, constants: Mapping[int, str], addresses: Mapping[str, int]) -> None:
        self.addresses = addresses
        size = functions.microgpt_memory()
        kind: Any = number_type()
        self.numbers = new_numbers(kind, size)
        functions.microgpt_initialize(self.numbers)
        self._known = {address: kind(float.fromhex(text)).value for address, text in constants.items()}
        if any(self.numbers[address] != number and number == number for address, number in self._known.items()):
            raise ProofError("the library does not put its constants where the programs read them")

    def forget(self, **arguments: Sequence[float]) -> None:
        """Fills memory with NaN, but for the constants and these arguments."""
        ctypes.memset(self.numbers, 0xFF, ctypes.sizeof(self.numbers))  # a NaN, in either precision
        for address, number in self._known.items():
            self.numbers[address] = number
        for name, numbers in arguments.items():
            self.numbers[self.addresses[name] : self.addresses[name] + len(numbers)] = numbers

    def read(self, name: str, size: int) -> list[float]:
        """Results."""
        found: list[float] = self.numbers[self.addresses[name] : self.addresses[name] + size]
        return found


def _compare_training(
    what: str,
    expected: tuple[float, Sequence[float]],
    found: tuple[float, Sequence[float]],
    is_native: bool = False,
) -> None:
    right, other = ({"loss": [loss], "gradient": gradient} for loss, gradient in (expected, found))
    _compare(what, right, other, is_native)


def _compare_along(
    what: str, config: GPTConfig, slope: float, found: Sequence[float], gradient: Sequence[float] = ()
) -> None:
    """Args:
    gradient: what the one that was found has been added to.
    """
    added = [*map(operator.sub, found, gradient)] if gradient else found
    product = along_direction(added, some_direction(config), slope)
    if product is not None:
        raise ProofError(f"{what} gives a derivative of {product!r} along a direction, the model itself {slope!r}")


def _chosen(column: Sequence[float], places: Sequence[int]) -> list[float]:
    return [column[place] for place in places]


def _compare_update(
    what: str, expected: Sequence[Sequence[float]], found: Sequence[Sequence[float]], is_native: bool = False
) -> None:
    names = ("parameter", "first_moment", "second_moment")
    right, other = (dict(zip(names, columns, strict=True)) for columns in (expected, found))
    _compare(what, right, other, is_native)


def _compare(what: str, expected: Numbers, found: Numbers, is_native: bool) -> None:
    # Models are so well conditioned that the tolerance of fast numerics is enough.
    compare(what, expected, found, partial(dict, expected) if is_native else None)
