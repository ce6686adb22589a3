"""The hyperparameters of the model and of its optimiser, checked once, here."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

__all__ = ["MOST_DOCUMENTS", "MOST_PARAMETERS", "AdamConfig", "GPTConfig"]

# Of a model that can be had: some gigabytes as lists of Python's numbers; programs of scalars end long before.
MOST_PARAMETERS = 10_000_000
# Of a batch, whose documents are in memory together.
MOST_DOCUMENTS = 1_000_000


@dataclass(frozen=True)
class GPTConfig:
    """The shape of a GPT.

    Attributes:
        vocab_size: number of tokens, the begin-and-end token included.
        n_layer: number of blocks of attention and perceptron.
        n_embd: width of the residual stream; a multiple of `n_head`.
        n_head: attention heads in each layer.
        block_size: the most positions that the model attends over.

    Raises:
        ValueError: if a size is not positive or `n_head` does not divide `n_embd`.
    """

    vocab_size: int = 27
    n_layer: int = 1
    n_embd: int = 16
    n_head: int = 4
    block_size: int = 16

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{field.name} must be a positive whole number, not {value!r}")
        if self.n_embd % self.n_head:
            raise ValueError(
                f"n_embd ({self.n_embd}) must be a multiple of n_head ({self.n_head}): each head takes an equal share"
            )

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.n_embd // self.n_head

    def matrices(self) -> Iterator[tuple[str, int, int]]:
        """The name, rows and columns of every weight matrix, in the order in which they are initialised and stored."""
        yield "wte", self.vocab_size, self.n_embd
        yield "wpe", self.block_size, self.n_embd
        yield "lm_head", self.vocab_size, self.n_embd
        for layer in range(self.n_layer):
            for name in ("attn_wq", "attn_wk", "attn_wv", "attn_wo"):
                yield f"layer{layer}.{name}", self.n_embd, self.n_embd
            yield f"layer{layer}.mlp_fc1", 4 * self.n_embd, self.n_embd
            yield f"layer{layer}.mlp_fc2", self.n_embd, 4 * self.n_embd

    def parameter_name(self, place: int) -> str:
        """Which one the parameter in a place is, as in ``wte[3,5]``."""
        for name, rows, columns in self.matrices():
            if place < rows * columns:
                return f"{name}[{place // columns},{place % columns}]"
            place -= rows * columns
        raise IndexError(place)

    @property
    def parameter_count(self) -> int:
        """Number of scalar parameters."""
        # In closed form: the number of layers may be a slip of the finger.
        embeddings = 2 * self.vocab_size + self.block_size
        return embeddings * self.n_embd + 12 * self.n_layer * self.n_embd**2


@dataclass(frozen=True)
class AdamConfig:
    """The constants of Adam (Kingma and Ba, 2015) with a learning rate that falls linearly to zero.

    Raises:
        ValueError: if `learning_rate` or `epsilon` is not positive and finite, or a beta is not from 0 to less than 1.
    """

    learning_rate: float = 0.01
    beta1: float = 0.85
    beta2: float = 0.99
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        for name in ("learning_rate", "epsilon"):
            if not 0.0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be a positive number, not {getattr(self, name)!r}")
        for name in ("beta1", "beta2"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"{name} must be from 0 to less than 1, not {getattr(self, name)!r}")
