"""Shapes: the small models that the programs of all others are learned from, and what is witnessed of a large one.

Nothing of the compiler is needed here: estimates are made before it is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...model.config import GPTConfig

__all__ = ["FIRST_LENGTHS", "LEARNED", "PROVED", "Shape", "flat_work", "is_sized", "sized_work", "witnessed"]


@dataclass(frozen=True)
class Shape:
    """The sizes of a model, and a document and a position of which programs are compiled, besides the first ones."""

    n_head: int
    head_size: int
    vocab_size: int
    block_size: int
    length: int
    position: int

    def config(self, n_layer: int) -> GPTConfig:
        """As that of a model."""
        return GPTConfig(self.vocab_size, n_layer, self.n_head * self.head_size, self.n_head, self.block_size)

    @property
    def sizes(self) -> dict[str, int]:
        """By name. What one name says is not said by two: ``n_embd``, and not ``n_head*head_size``."""
        return {"n_embd": self.n_head * self.head_size, **vars(self)}


# No two sizes agree by chance. But for the heads, none is less than 3: sums of two terms are no folds, and loops of one
# turn no loops.
LEARNED = (
    Shape(2, 3, 4, 7, 5, 3),
    Shape(2, 4, 5, 6, 3, 4),
    Shape(3, 3, 4, 6, 3, 5),
    Shape(2, 4, 3, 7, 3, 5),
)
# What is learned from those is proved at these: at more heads, and for longer documents. The first also says that two
# characters, and a second position, are no exceptions.
PROVED = (Shape(4, 3, 8, 9, 2, 1), Shape(2, 3, 9, 10, 6, 7))

# The longest document whose graph is made in any case if a model is compiled at its own sizes. See `compile_family`.
FIRST_LENGTHS = 5

# So much is witnessed of a model whose programs are instantiated: parameters times positions.
_WITNESSED = 600_000
# Up to so much, gradients are witnessed, too. With a `Value` for each operation, larger models take minutes and
# gigabytes.
_WALKED = 150_000
# So many lengths, and positions, call all kernels: later programs differ from the second in their numbers.
_KINDS = 2
# The most lanes that are left of a loop over the widest vectors. The longest documents fill such vectors, too.
_LEFT = 7


def flat_work(config: GPTConfig) -> int:
    """What is traced and proved of a model at its own sizes: parameters times positions of the documents."""
    block = config.block_size
    longest = 2 * block if block > FIRST_LENGTHS else 0
    return config.parameter_count * (sum(range(1, min(block, FIRST_LENGTHS) + 1)) + longest)


def sized_work(n_layer: int) -> int:
    """The same of the small models."""
    return sum(shape.config(n_layer).parameter_count * (1 + shape.length) for shape in (*LEARNED, *PROVED))


def is_sized(config: GPTConfig) -> bool:
    """Whether small models are traced sooner than this one, so that its programs are instantiated."""
    return flat_work(config) > sized_work(config.n_layer)


def is_walked(config: GPTConfig) -> bool:
    """Whether the eager autograd gives the gradients that a library must give. Those of a larger model are compared
    with the derivative of the loss along a direction, which needs no graph.
    """
    return config.parameter_count * sum(witnessed(config)[0]) <= _WALKED


def witnessed(config: GPTConfig) -> tuple[Sequence[int], int]:
    """The lengths, and how many of the first positions, that are compared with the eager autograd: all, or of a model
    whose programs are instantiated, the first ones, one that fills no vector, and the longest.
    """
    block = config.block_size
    if not is_sized(config):
        return range(1, block + 1), block
    most = max(_WITNESSED // config.parameter_count, 1)
    found = [*range(1, min(_KINDS, block) + 1)]
    for length in (_LEFT, block):
        if found[-1] < length <= block and sum(found) + length <= most:
            found.append(length)
    return found, min(max(most, _KINDS), block)
