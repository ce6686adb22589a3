"""Rivals: the same training written for other libraries, each run by a process of its own on one core.

They compute what we compute, though not to the bit: the losses show how near they come.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import median

from ...model.config import AdamConfig, GPTConfig
from ...runtime.backends.backend import Document
from ...runtime.machine.child import child_environment, python_command
from ..terminal.failures import ENVIRONMENT, USAGE, CommandError
from .job import Job

__all__ = ["EARLY", "RIVALS", "RIVAL_RUNS", "RivalResult", "Work", "check_rivals", "rival_core", "run_rivals"]

# By rival: the packages that it needs, and the precisions that it is run in.
RIVALS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "jax": (("jax", "jaxlib", "numpy"), ("f64", "f32")),
    "numpy": (("numpy",), ("f64",)),
    "torch": (("torch",), ("f64",)),
}
# How many runs of all steps are timed.
RIVAL_RUNS = 5
# The steps over which single precision is compared: what is rounded away grows with every step.
EARLY = 50

# One thread each; which one is settled by the core that the process stays on.
_ENVIRONMENT = {
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    **{f"{name}_NUM_THREADS": "1" for name in ("MKL", "OMP", "OPENBLAS", "VECLIB_MAXIMUM", "NPROC")},
}


@dataclass(frozen=True)
class Work:
    """What the rivals are to do.

    Attributes:
        parameters: what a run begins with.
        documents: one for each step.
        losses: what an exact backend gives, one for each step.
    """

    config: GPTConfig
    optimizer: AdamConfig
    parameters: Sequence[float]
    documents: Sequence[Document]
    losses: Sequence[float]


@dataclass(frozen=True)
class RivalResult:
    """What one rival did.

    Attributes:
        compile: seconds from the job to a program that can run; 0 if there is none.
        step: microseconds of a whole step (loss, gradient and Adam), mean over the fastest run.
        median_step: likewise, of the median run.
        difference: the worst relative difference of a loss from the reference.
        early_difference: likewise, over the first `EARLY` steps.
    """

    name: str
    precision: str
    compile: float
    step: float
    median_step: float
    difference: float
    early_difference: float


def check_rivals(names: Sequence[str]) -> None:
    """Makes sure that the rivals can run here.

    Raises:
        CommandError: if there is none of that name, or a package is missing.
    """
    for name in names:
        if name not in RIVALS:
            raise CommandError(f"there is no rival {name!r}; choose from {', '.join(RIVALS)}", USAGE)
        missing = [package for package in RIVALS[name][0] if find_spec(package) is None]
        if missing:
            raise CommandError(
                f"to compare with {name}, {' and '.join(missing)} must be installed: "
                "pip install 'microgpt-compiler[rivals]'",
                ENVIRONMENT,
            )


def rival_core() -> int | None:
    """The core that rivals stay on: the first that this process may use; None where that cannot be chosen."""
    return min(os.sched_getaffinity(0)) if sys.platform == "linux" else None


def run_rivals(
    names: Sequence[str], work: Work, repeats: int = RIVAL_RUNS, progress: Callable[[str], None] = lambda text: None
) -> list[RivalResult]:
    """Runs each rival in each of its precisions, one after the other.

    Args:
        repeats: how many runs of all steps are timed.
        progress: is told what begins.

    Raises:
        CommandError: if a rival cannot run here, or fails.
    """
    check_rivals(names)
    results = []
    for name in names:
        for precision in RIVALS[name][1]:
            progress(f"{name} {precision}: compiling, then {repeats} times {len(work.documents)} steps")
            results.append(_run(name, precision, work, repeats))
    return results


def _run(name: str, precision: str, work: Work, repeats: int) -> RivalResult:
    documents = [[*tokens, targets[-1]] for tokens, targets in work.documents]
    steps, core = len(documents), rival_core()
    job = Job(work.config, work.optimizer, work.parameters, documents, steps, precision, repeats, core)
    process = subprocess.run(
        python_command(f"microgpt.tools.baselines.{name}_job"),
        input=job.text(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=child_environment(_ENVIRONMENT),
        check=False,
    )
    if process.returncode:
        end = "\n".join(process.stderr.splitlines()[-5:])
        raise CommandError(
            f"the rival {name} ({precision}) failed with status {process.returncode}:\n{end}", ENVIRONMENT
        )
    result = json.loads(process.stdout)
    differences = [_difference(*pair) for pair in zip(result["losses"], work.losses, strict=True)]
    return RivalResult(
        name,
        precision,
        result["compile"],
        1e6 * min(result["runs"]) / steps,
        1e6 * median(result["runs"]) / steps,
        max(differences),
        max(differences[:EARLY]),
    )


def _difference(loss: float, reference: float) -> float:
    """Relative; infinite if either is not a number, so that it is not overlooked."""
    difference = abs(loss - reference) / abs(reference) if reference else abs(loss)
    return difference if difference == difference else float("inf")
