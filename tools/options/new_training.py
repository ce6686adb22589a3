"""From the options of a command to the `Training` that they describe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ...compiler.numerics import numerics
from ...data.corpus import load_corpus
from ...model.config import AdamConfig
from ...runtime.training.training import Training

__all__ = ["DECISIVE", "OPTIMIZER", "SHAPE", "new_training", "optimizer_of"]

SHAPE = ("n_layer", "n_embd", "n_head", "block_size")
OPTIMIZER = tuple(field.name for field in fields(AdamConfig))

# The options, by the names of their parameters, that decide the bits of a run.
DECISIVE = ("data", "steps", "seed", *SHAPE, *OPTIMIZER, "eval_fraction", "pack", "batch_size", "numerics")


def optimizer_of(settings: Mapping[str, Any]) -> AdamConfig:
    """The optimiser that the options describe."""
    return AdamConfig(**{name: settings[name] for name in OPTIMIZER})


def new_training(settings: Mapping[str, Any]) -> Training:
    """A run that has not begun. It is to be run in its numerics, see `numerics`.

    Args:
        settings: has a value for each name in `DECISIVE`.

    Raises:
        CorpusError: if there is no such corpus, or it cannot be split.
        ValueError: if the sizes do not fit together.
    """
    with numerics(settings["numerics"]):
        return Training(
            load_corpus(settings["data"]),
            settings["seed"],
            settings["steps"],
            optimizer_of(settings),
            settings["eval_fraction"],
            settings["pack"],
            settings["batch_size"],
            **{name: settings[name] for name in SHAPE},
        )
