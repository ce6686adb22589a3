"""What a run needs besides the model to go on bit for bit: the optimiser's moments, the random stream, and what decides
the documents of its steps. Kept in checkpoints as plain JSON.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from ...model.config import AdamConfig

__all__ = ["Progress", "RandomState"]

# As ``random.Random.getstate()`` gives it: a version, the words of the generator, and half a pair of Gaussian numbers.
RandomState = tuple[int, tuple[int, ...], float | None]


@dataclass(frozen=True)
class Progress:
    """Everything that the steps to come depend on, but for the model itself.

    Attributes:
        steps: how many the whole run takes; the learning rate depends on it.
        optimizer: Adam's constants.
        corpus, corpus_sha256: what is trained on: its name and the hash of its bytes.
        eval_fraction: the share of the documents that is held out.
        pack: whether long documents are split into windows instead of cut.
        first_moment, second_moment: Adam's, in the order of the parameters.
        random_state: of the stream of random numbers.
        batch_size: documents of a step.

    Raises:
        ValueError: if a part cannot be what it is said to be.
    """

    steps: int
    optimizer: AdamConfig
    corpus: str
    corpus_sha256: str
    eval_fraction: float
    pack: bool
    first_moment: list[float]
    second_moment: list[float]
    random_state: RandomState
    batch_size: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.steps, int) or isinstance(self.steps, bool) or self.steps < 1:
            raise ValueError(f"a run has at least one step, not {self.steps!r}")
        if not isinstance(self.batch_size, int) or isinstance(self.batch_size, bool) or self.batch_size < 1:
            raise ValueError(f"a step has at least one document, not {self.batch_size!r}")
        if not isinstance(self.corpus, str) or not isinstance(self.corpus_sha256, str):
            raise ValueError("the corpus is not described by texts")
        if not isinstance(self.eval_fraction, float) or not 0.0 <= self.eval_fraction < 1.0:
            raise ValueError(f"the held out fraction is not from 0 to 1: {self.eval_fraction!r}")
        if not isinstance(self.pack, bool):
            raise ValueError(f"pack is neither true nor false: {self.pack!r}")
        if len(self.first_moment) != len(self.second_moment):
            raise ValueError(f"{len(self.first_moment)} first moments, but {len(self.second_moment)} second ones")
        try:
            Random(0).setstate(self.random_state)
        except (TypeError, ValueError, OverflowError, IndexError) as error:
            raise ValueError(f"no state of a random stream: {error}") from None

    def to_metadata(self) -> dict[str, str]:
        """All but the moments, as texts."""
        run = {
            "steps": self.steps,
            "optimizer": asdict(self.optimizer),
            "corpus": self.corpus,
            "corpus_sha256": self.corpus_sha256,
            "eval_fraction": self.eval_fraction,
            "pack": self.pack,
            **({} if self.batch_size == 1 else {"batch_size": self.batch_size}),
        }
        return {"run": json.dumps(run), "random_state": json.dumps(self.random_state)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], first: list[float], second: list[float]) -> Progress:
        """Reads `to_metadata`.

        Raises:
            KeyError: if one of its texts is missing.
            ValueError, TypeError: if they do not say what a run is.
        """
        run = json.loads(metadata["run"])
        if not isinstance(run, dict) or not isinstance(run.get("optimizer"), dict):
            raise ValueError("the run is not described")
        optimizer = run.pop("optimizer")
        if not all(isinstance(constant, float) and math.isfinite(constant) for constant in optimizer.values()):
            raise ValueError("the constants of the optimiser are not numbers")
        state = _random_state(json.loads(metadata["random_state"]))
        return cls(
            **run, optimizer=AdamConfig(**optimizer), first_moment=first, second_moment=second, random_state=state
        )


def _random_state(found: Any) -> RandomState:
    match found:
        case [int(version), list(words), None | float() as gauss] if all(type(word) is int for word in words):
            return version, tuple(words), gauss
    raise ValueError("no state of a random stream")
