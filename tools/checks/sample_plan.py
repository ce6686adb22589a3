"""Sample plan: what of a large model is compared with the eager autograd, and what that takes, before it begins.

A loss needs no graph: it takes time, and no memory. Of the gradient, what lies between a parameter and the loss must be
remembered. That is everything for most parameters, in every position; so whole gradients are those of short documents.
Between the last layer and the loss there is a part of it, so documents may be longer. And what the last position reads
(its row of ``wpe``; the row of ``wte`` of a token that stands nowhere else) is used in that position alone, in all
layers and heads, with all that these attend to: there, documents may be as long as their losses can be computed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import fsum
from random import Random

from ...compiler import functions
from ...model import gpt
from ...model.config import GPTConfig
from ...runtime.backends.backend import Document
from ...runtime.forward import Forward
from ...runtime.machine.memory import available_memory
from .partial import Partial

__all__ = ["Part", "eager_cost", "operations", "plan_parts", "some_document"]

# Bytes for each operation that is remembered, with the gradient and the walk. Measured with CPython 3.11: 243 to 290.
_BYTES = 300
# Rows of the last layer's perceptron of which the gradient is computed in the longest document.
_ROWS = 2
# Of all memory that there is, and of all time: for whole gradients, and for the gradient of the last layer. The rest of
# the time is that of the longest document.
_MEMORY, _SHARE = 0.5, 0.25
# The model by which this machine is measured: so large that nothing counts but scalars; some 0.1 s.
_SMALL, _SMALL_LENGTH = GPTConfig(27, 1, 48, 4, 2), 2


@dataclass(frozen=True)
class Part:
    """A document of which the loss is compared, and the gradient in some parameters.

    Attributes:
        length: its positions.
        what: of which gradients; empty for none.
        matrices: by name of a matrix, the rows of it that are.
        seconds: that it takes, estimated.
    """

    length: int
    what: str
    matrices: Mapping[str, Sequence[int]]
    seconds: float

    def places(self, config: GPTConfig) -> Iterator[int]:
        """Of the parameters that are compared, ascending."""
        start = 0
        for name, rows, columns in config.matrices():
            for row in sorted(self.matrices.get(name, ())):
                yield from range(start + row * columns, start + (row + 1) * columns)
            start += rows * columns


def operations(config: GPTConfig, length: int) -> int:
    """Of a loss, within a tenth: a multiplication and an addition for each number of a matrix and position, and two of
    each for each position that is attended to.
    """
    matrices = config.vocab_size * config.n_embd + config.n_layer * _layer(config)
    return 2 * matrices * length + 2 * config.n_layer * config.n_embd * length * (length + 1)


def _layer(config: GPTConfig) -> int:
    return 12 * config.n_embd**2


def _near(config: GPTConfig, length: int) -> int:
    """Operations between the last layer's perceptron and the loss."""
    return length * 2 * config.n_embd * (config.vocab_size + 5)


def _last_layer(config: GPTConfig, length: int) -> int:
    own = 2 * _layer(config) * length + 2 * config.n_embd * length * (length + 1)
    return own + _near(config, length)


def _last_position(config: GPTConfig, length: int) -> int:
    return operations(config, length) - operations(config, length - 1)


def eager_cost(config: GPTConfig, lengths: Iterable[int]) -> tuple[float, float]:
    """Seconds and bytes that the eager autograd takes for the gradients of such documents."""
    counts = [operations(config, length) for length in lengths]
    return sum(counts) * _speed()[1], max(counts, default=0) * _BYTES


def plan_parts(config: GPTConfig, seconds: float, random: Random) -> list[Part]:
    """The documents that are compared, the shortest first; together they take about so long."""
    forward, remembered = _speed()
    bytes_left = _MEMORY * available_memory()
    block = config.block_size

    def cost(length: int, kept: int) -> float:
        return max(operations(config, length) - kept, 0) * forward + kept * remembered

    def longest(kept: Callable[[GPTConfig, int], int], limit: float) -> int:
        """The longest document that so much of can be remembered within `limit` seconds; 0 if there is none."""
        lengths = range(1, block + 1)
        fits = (cost(n, kept(config, n)) <= limit and kept(config, n) * _BYTES <= bytes_left for n in lengths)
        return sum(1 for _ in _while_true(fits))

    def part(length: int, what: str, matrices: Mapping[str, Sequence[int]], kept: int) -> Part:
        return Part(length, what, matrices, cost(length, kept))

    all_rows: dict[str, Sequence[int]] = {name: range(rows) for name, rows, _ in config.matrices()}
    last = f"layer{config.n_layer - 1}."
    head = {"lm_head": all_rows["lm_head"]}
    parts = []
    short = longest(operations, seconds * _SHARE)
    if short:
        parts.append(part(short, "all gradients", all_rows, operations(config, short)))
    middle = longest(_last_layer, seconds * _SHARE)
    if middle > short:
        rows: dict[str, Sequence[int]] = {
            name: random.sample(every, 1) for name, every in all_rows.items() if name.startswith(last)
        }
        what = f"gradients of lm_head, rows of layer{config.n_layer - 1}"
        parts.append(part(middle, what, rows | head, _last_layer(config, middle)))
    left = seconds - fsum(each.seconds for each in parts)
    long = max(longest(lambda config, length: 0, left * (1 - _SHARE)), 1)
    if long > short:
        found: dict[str, Sequence[int]] = {}
        words, kept = [], 0
        if (most := _last_position(config, long)) * _BYTES <= bytes_left and cost(long, most) <= left:
            found |= {"wpe": [long - 1], "wte": [config.vocab_size - 1]}
            words, kept = ["the last wpe and wte"], most
        if long > middle and (kept + _near(config, long)) * _BYTES <= bytes_left:
            rows = {name: random.sample(all_rows[name], _ROWS) for name in (f"{last}mlp_fc1", f"{last}mlp_fc2")}
            found |= rows | head
            words.append(f"lm_head, rows of {last}mlp")
            kept += _near(config, long)
        what = f"gradients of {', '.join(words)}" if words else ""
        parts.append(part(long, what, found, kept))
    return parts


def _while_true(answers: Iterable[bool]) -> Iterator[bool]:
    for answer in answers:
        if not answer:
            return
        yield answer


def some_document(config: GPTConfig, length: int, random: Random) -> Document:
    """Tokens at random. The last one stands nowhere else, so that its row is read in one position."""
    last = config.vocab_size - 1
    tokens = [random.randrange(max(last, 1)) for _ in range(length - 1)]
    return Document([*tokens, last], [random.randrange(config.vocab_size) for _ in range(length)])


@cache
def _speed() -> tuple[float, float]:
    """Seconds that this machine takes for an operation: of a loss, and of one that is remembered, with its gradient."""
    random = Random(0)
    parameters = gpt.initial_parameters(_SMALL, random)
    document = some_document(_SMALL, _SMALL_LENGTH, random)
    count = operations(_SMALL, _SMALL_LENGTH)

    def seconds(kind: type[Forward]) -> float:
        start = time.process_time()
        loss = gpt.loss(_SMALL, functions, gpt.weights_of(_SMALL, [kind(x) for x in parameters]), *document)
        if isinstance(loss, Partial):
            loss.backward()
        return time.process_time() - start

    return tuple(min(seconds(kind) for _ in range(2)) / count for kind in (Forward, Partial))  # type: ignore[return-value]
