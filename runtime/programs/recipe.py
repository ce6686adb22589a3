"""A recipe: which program of a model. Its key names the program in the cache."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ...model.config import AdamConfig, GPTConfig
from ..executable.program import program_key
from ..storage.sources import sources_digest

if TYPE_CHECKING:
    from ...compiler.ir.graph import Graph

__all__ = ["Recipe"]


@dataclass(frozen=True)
class Recipe:
    """Which program of a model.

    Attributes:
        kind: ``training``; ``accumulation``, which is that with a gradient that it adds to; ``lanes``, which is that
            with the share of each position in the loss; ``inference`` or ``optimizer``.
        number: the length of the document, the position, or 0.
        config: the model's shape; for the optimiser, its constants.
    """

    kind: str
    number: int
    config: GPTConfig | AdamConfig

    def trace(self) -> Graph:
        """The forward graph."""
        from . import graphs

        if isinstance(self.config, AdamConfig):
            return graphs.optimizer_graph(self.config)
        if self.kind == "inference":
            return graphs.inference_graph(self.config, self.number)
        return graphs.training_graph(self.config, self.number, self.kind)

    @property
    def gradient(self) -> str | None:
        """The argument to differentiate in."""
        return "parameters" if self.kind in ("training", "accumulation", "lanes") else None

    @property
    def initial(self) -> str | None:
        """The argument that the gradient is added to."""
        return "so_far" if self.kind in ("accumulation", "lanes") else None

    @property
    def key(self) -> str:
        """The program's name in the cache."""
        # The learning rate is an argument of the optimiser's program, and so no part of it.
        config = {name: value for name, value in asdict(self.config).items() if name != "learning_rate"}
        model = sources_digest("microgpt.model") + sources_digest("microgpt.runtime", ("graphs.py",))
        return f"{self.kind}{self.number}-" + program_key(
            {**config, "kind": self.kind, "number": self.number, "model": model}
        )

    def to_json(self) -> str:
        """As text, for another process."""
        return json.dumps({"kind": self.kind, "number": self.number, "config": asdict(self.config)})

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Reads `to_json`."""
        parts = json.loads(text)
        config = (AdamConfig if parts["kind"] == "optimizer" else GPTConfig)(**parts["config"])
        return cls(parts["kind"], parts["number"], config)
