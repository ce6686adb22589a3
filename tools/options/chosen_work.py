"""What a command checks, measures or exports: a model, or a function in a file of the user's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from keyword import iskeyword
from math import fsum
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from ...compiler.numerics import current, numerics
from ..terminal import console
from ..terminal.failures import BAD_INPUT, ENVIRONMENT, CommandError
from .backends import check_backend, choose_backend, open_cache, open_library, prepare
from .chosen_program import USUAL_LENGTH, check_shape, check_shape_of, given_function, given_graph, parse_lengths
from .models import load_model

if TYPE_CHECKING:
    from ...model.config import AdamConfig, GPTConfig
    from ...runtime.backends.backend import Backend
    from ...runtime.training.training import Training
    from ..checks.sample_plan import Part
    from ..checks.verdict import Verdict
    from ..subject.function import FunctionSubject
    from ..text.document import Document

__all__ = ["chosen_check", "chosen_export", "chosen_race"]

# Seconds: what takes longer than the first is compared by a sample, which takes about as long as the second.
_LONG, _SAMPLE = 3600.0, 120.0
# Operations that take far less anywhere.
_LITTLE = 100_000_000


def chosen_check(
    context: click.Context,
    program: str | None,
    points: int,
    steps: int,
    samples: int,
    data: str,
    seed: int,
    backend: str,
    jobs: int | None,
    batch_size: int,
    seconds: float | None,
    shape: dict[str, int],
) -> Verdict:
    """Compares with the eager autograd: everything, or what takes so many seconds.

    Raises:
        click.UsageError: if an option is about the other kind of program.
        CommandError: if this process computes wrongly by itself.
    """
    from ...runtime.machine.libm import float_fault

    _refuse(context, program, ("points",))
    fault = float_fault()
    if fault:
        raise CommandError(f"{fault}, so that nothing can be verified in it", ENVIRONMENT)
    if program is not None:
        from ..checks.function_check import points_near, verify_function

        subject = given_function(context, program)
        with console.compile_progress("function") as progress:
            return verify_function(subject, points_near(subject, points), progress)
    from ...data.corpus import load_corpus
    from ...model.config import AdamConfig
    from ...runtime.training.training import Training
    from ..checks.drift import measure_drift
    from ..checks.model_check import verify_model

    check_shape(shape)
    corpus = load_corpus(data)

    def begin() -> Training:
        return Training(corpus, seed, steps, AdamConfig(), 0.0, False, batch_size, **shape)

    def engine_of(training: Training) -> Backend:
        engine = choose_backend(backend, training.config, training.optimizer, jobs, batch_size)
        prepare(engine, training.lengths(), training.config.block_size if samples else 0)
        return engine

    if current().fast:
        with console.step_progress(2 * steps) as progressed:
            return measure_drift(begin, engine_of, current(), samples, progressed)
    training = begin()
    sample = _sample_of(training, samples, seconds)
    engine = engine_of(training)
    if sample is None:
        with console.step_progress(steps) as progressed:
            return verify_model(training, engine, open_library(jobs), samples, progressed)
    from ..checks.sampled_check import POSITIONS, verify_sample

    parts, cost = sample
    with console.step_progress(steps + len(parts) + min(samples, POSITIONS)) as progressed:
        return verify_sample(training, engine, parts, samples, cost, progressed)


def _sample_of(training: Training, samples: int, seconds: float | None) -> tuple[list[Part], str] | None:
    """The documents of a sample, and what comparing everything would take; None if it is compared."""
    from random import Random

    from ...runtime.executable.estimate import Estimate
    from ...runtime.machine.memory import available_memory
    from ..checks.sample_plan import eager_cost, operations, plan_parts

    # Each document by itself, and in its step; and all positions of the samples.
    lengths = [training.document(number).length for number in range(training.steps * training.batch_size)] * 2
    lengths += [training.config.block_size] * samples
    if seconds is None and sum(operations(training.config, length) for length in lengths) < _LITTLE:
        return None
    needed, memory = eager_cost(training.config, lengths)
    if memory <= available_memory() and needed <= (_LONG if seconds is None else seconds):
        return None
    seconds = _SAMPLE if seconds is None else seconds
    parts = plan_parts(training.config, seconds, Random(training.seed))
    taken = fsum(part.seconds for part in parts)
    lengths_text = ", ".join(str(part.length) for part in parts)
    console.say(f"comparing a sample, documents of {lengths_text} positions: about {taken:.0f} s")
    return parts, Estimate(0, needed, memory).cost


def chosen_race(
    context: click.Context,
    words: Sequence[str],
    seconds: float,
    data: str,
    seed: int,
    backend: str,
    against: str | None,
    shape: dict[str, int],
) -> Document:
    """Measures against the eager autograd.

    Args:
        words: lengths, or ``FILE.py:NAME``.

    Raises:
        click.UsageError: if an option is about the other kind of program.
    """
    from ..subject.user_file import is_program

    programs = [word for word in words if is_program(word)]
    if programs:
        from ..checks.function_race import race_function

        if len(words) > 1:
            raise click.UsageError(
                f"{programs[0]} is measured alone; leave out {words[words[0] == programs[0]]}", context
            )
        subject = given_function(context, programs[0])
        with console.compile_progress("function") as progress:
            return race_function(subject, None, seconds, progress)
    from ...data.corpus import load_corpus
    from ...model.config import AdamConfig
    from ...runtime.training.training import Training
    from ..baselines.run import check_rivals
    from ..checks.model_race import RUN_STEPS, race_model

    name = check_backend(backend)
    rivals = against.split(",") if against else []
    check_rivals(rivals)
    corpus = load_corpus(data)
    check_shape(shape)
    training = Training(corpus, seed, RUN_STEPS, AdamConfig(), **shape)
    block = training.config.block_size
    lengths = parse_lengths(words, block) if words else sorted({1, min(USUAL_LENGTH, block), block})
    return race_model(name, training, lengths, seconds, seed, rivals, console.say, console.warn)


def chosen_export(
    context: click.Context,
    programs: Sequence[str],
    folder: Path,
    prefix: str | None,
    checkpoint: Path | None,
    inference: bool,
    dtype: str,
    plain: bool,
    data: str,
    target: str,
    shape: dict[str, int],
) -> list[Path]:
    """Writes C, WebAssembly or JAX.

    Args:
        target: ``c``, ``wasm`` or ``jax``.
        programs: ``FILE.py:NAME``, or nothing for a model.
        dtype: the type of numbers.

    Raises:
        click.UsageError: if options do not go together.
        OSError: if the folder cannot be written.
    """
    from ..subject.user_file import is_program

    if len(programs) > 1 or not all(map(is_program, programs)):
        raise click.UsageError(f"{programs[0]!r} is not FILE.py:NAME, as in model.py:loss", context)
    if current().fast:
        raise click.UsageError(
            "--numerics fast is for programs that microgpt runs; leave it out, or export --dtype float", context
        )
    if is_program(str(folder)):
        raise click.UsageError(f"name the folder to write, as in `microgpt export {folder} c-code`", context)
    if target != "c" and (inference or plain or dtype != "double"):
        raise click.UsageError(f"--inference, --plain and --dtype are about C, not about --target {target}", context)
    if target == "jax":
        _refuse(context, programs[0] if programs else None, ("prefix",))
        return _export_jax(context, programs, folder, prefix, checkpoint, data, shape)
    if target == "wasm":
        return _export_wasm(context, programs, folder, prefix, checkpoint, data, shape)
    if programs:
        if inference:
            raise click.UsageError("--inference is about a model, and not about your own function", context)
        chosen = given_graph(context, programs[0])
        with _refused_prefix(context):
            return chosen.export(folder, prefix or chosen.name, dtype, plain)
    if inference and checkpoint is None:
        raise click.UsageError("--inference exports a trained model; name its --checkpoint", context)
    if dtype == "float" and not inference:
        raise click.UsageError("of a model, --dtype float needs --inference; training is exported as double", context)
    from ...runtime.programs.export import export_inference, export_library

    config, optimizer, characters, weights = _model(context, checkpoint, data, shape)
    with _refused_prefix(context):
        if inference:
            assert weights is not None
            return export_inference(folder, config, characters, weights, prefix or "microgpt", dtype)
        return export_library(folder, config, optimizer, characters, weights, prefix or "microgpt", plain)


def _model(
    context: click.Context, checkpoint: Path | None, data: str, shape: dict[str, int]
) -> tuple[GPTConfig, AdamConfig, Sequence[str], Sequence[float] | None]:
    """A model's shape, the constants of its training, its alphabet, and its weights if it has a checkpoint."""
    from ...data.corpus import load_corpus
    from ...data.tokenizer import Tokenizer
    from ...model.config import AdamConfig, GPTConfig

    if checkpoint is not None:
        model = load_model(checkpoint)
        check_shape_of(context, model.config, shape)
        return model.config, model.optimizer, model.tokenizer.characters, model.parameters
    check_shape(shape)
    tokenizer = Tokenizer.of(load_corpus(data).documents)
    return GPTConfig(vocab_size=tokenizer.vocab_size, **shape), AdamConfig(), tokenizer.characters, None


def _export_wasm(
    context: click.Context,
    programs: Sequence[str],
    folder: Path,
    prefix: str | None,
    checkpoint: Path | None,
    data: str,
    shape: dict[str, int],
) -> list[Path]:
    from ...runtime.machine.toolchain import ToolchainError

    if context.get_parameter_source("numerics") is ParameterSource.COMMANDLINE and current().libm:
        raise click.UsageError(
            "--numerics exact needs this machine's libm, which no browser has; --target wasm is portable", context
        )
    try:
        with _refused_prefix(context), numerics("portable"):
            if programs:
                from ...runtime.executable.wasm import export_wasm_function

                subject = _without_rows(context, programs[0])
                return export_wasm_function(subject.function.ir, folder, prefix or subject.name)
            from ...runtime.programs.wasm import export_wasm

            model = _model(context, checkpoint, data, shape)
            with numerics("portable"):  # whatever the checkpoint was trained in
                return export_wasm(folder, *model, prefix or "microgpt")
    except ToolchainError as error:
        raise CommandError(f"no compiler makes WebAssembly:\n{error}", ENVIRONMENT) from None


@contextmanager
def _refused_prefix(context: click.Context) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise click.UsageError(f"--{error}", context) from None


def _export_jax(
    context: click.Context,
    programs: Sequence[str],
    folder: Path,
    prefix: str | None,
    checkpoint: Path | None,
    data: str,
    shape: dict[str, int],
) -> list[Path]:
    if programs:
        from ...compiler.pipeline import compile_graph
        from ...runtime.executable.jax_source import export_jax_function

        subject = _without_rows(context, programs[0])
        name = prefix or subject.name
        if not name.isidentifier() or iskeyword(name):
            raise click.UsageError(f"--prefix {name!r} is no name for a Python module; write for example my_function")
        forward = compile_graph(lambda: subject.function.ir, outputs=("value",))
        return export_jax_function(folder, name, forward, subject.function.ir)
    from ...compiler.errors import CompileError
    from ...data.corpus import load_corpus
    from ...data.tokenizer import Tokenizer
    from ...model.config import AdamConfig, GPTConfig
    from ...runtime.programs.jax_source import export_jax

    if checkpoint is not None:
        raise click.UsageError(
            "--checkpoint is for C: a JAX program takes its parameters as arrays, by the names in the checkpoint's "
            "safetensors file",
            context,
        )
    check_shape(shape)
    tokenizer = Tokenizer.of(load_corpus(data).documents)
    config = GPTConfig(vocab_size=tokenizer.vocab_size, **shape)
    try:
        return export_jax(folder, config, AdamConfig(), open_cache())
    except CompileError as error:
        raise CommandError(str(error), BAD_INPUT) from None


def _without_rows(context: click.Context, program: str) -> FunctionSubject:
    """A function of the user's for a target that has no sums over rows."""
    subject = given_function(context, program)
    if subject.rows:
        raise click.UsageError(f"{program} has rows of data; export it as C, or with a list of them", context)
    return subject


def _refuse(context: click.Context, program: str | None, names: Sequence[str]) -> None:
    """Refuses options that only a function of the user's has, where there is none."""
    for option in context.command.params:
        given = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        if program is None and given and option.name in names:
            raise click.UsageError(f"{option.opts[0]} is about your own function; name it: FILE.py:NAME", context)
