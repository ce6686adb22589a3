"""The command line: `microgpt COMMAND`. Finds the command, and turns every error into one line and an exit code.

A command's module is imported when the command runs and not before: `microgpt --help` needs none of them.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import textwrap
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from .terminal import console, failures, signals
from .terminal.failures import CommandError, StoppedError
from .terminal.suggesting import Group, explain_extra_argument, explain_no_option
from .terminal.verbosity import with_verbosity

__all__ = ["COMMANDS", "cli", "main"]

# In the order of --help. A command `name` is the object `name` of `commands/name.py`, and this is its short help.
COMMANDS = {
    "train": "Train a model and invent names with it.",
    "sample": "Invent names with a trained model.",
    "eval": "Evaluate a trained model on a corpus, or on given texts.",
    "report": "Write a page about a run: how it went, and what its model does.",
    "sweep": "Train with many options, side by side, and rank them.",
    "compare": "Compare two runs, and show where they first differ.",
    "data": "List, describe and fetch corpora.",
    "compile": "Compile a model ahead of time and show what each pass does.",
    "show": "Print generated code, or what a stage of the compiler makes.",
    "passes": "Show what each pass of the compiler does to a program.",
    "stats": "Analyse what a program is made of, and how fast it could be.",
    "graph": "Draw a program as the compiler sees it.",
    "explore": "Make a page that shows a program in all its forms.",
    "playground": "Make a page that trains the model in a browser, by WebAssembly.",
    "bench": "Measure compiled programs against the eager autograd.",
    "verify": "Check that compiled programs equal the eager autograd, bit by bit.",
    "export": "Write a model, or your own function, as C, WebAssembly or JAX.",
    "cache": "List and remove compiled programs.",
    "doctor": "Show what this machine has that microgpt can use.",
    "completion": "Print a script that lets a shell complete commands, options and values.",
    "help": "Show help for microgpt, or for one of its commands.",
    "version": "Print the version.",
}

# Those that concern every command. Many options have one of their own, such as MICROGPT_STEPS.
VARIABLES = {
    "MICROGPT_CACHE_DIR": "where compiled programs are kept; else your cache folder",
    "MICROGPT_CACHE_LIMIT": "how large that may grow, such as 500M, 5G or none; else 1G",
    "MICROGPT_DATA_DIR": "where the last trained model and corpora are; else your data folder",
    "MICROGPT_MEMORY_LIMIT": "what compiling may take, such as 8G or none; else what is free",
    "CC": "the C compiler to use before all others",
    "MICROGPT_PROGRESS": "if 0, no progress is shown on a terminal or in a notebook",
    "NO_COLOR": "if set, nothing is coloured on a terminal",
}


# What `microgpt` alone prints.
BEGINNING = """\
microgpt {version}, a compiler for scalar autograd. To begin with, try

  microgpt train     train on 32,257 names, then invent 20
  microgpt sample    invent more with the model just trained

{commands}

`microgpt help COMMAND` describes a command, `microgpt help` all of them.
"""


class Commands(Group):
    """The group of all commands."""

    debug = False

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f".commands.{cmd_name}", __package__), cmd_name)
        assert isinstance(command, click.Command)
        return with_verbosity(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        with formatter.section("Environment"):
            formatter.write_dl(list(VARIABLES.items()))
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in failures.EXIT_CODES.items()])

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        try:
            return super().make_context(info_name, args, parent, **extra)
        except BrokenPipeError:  # of --help
            _forget_stdout()
            raise click.exceptions.Exit(failures.CLOSED_PIPE) from None

    def invoke(self, ctx: click.Context) -> Any:
        # Here rather than in main(), where click has its own ideas of an interrupt and of a closed pipe.
        console.set_verbosity(console.NORMAL)
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except KeyboardInterrupt as signal:
            raise StoppedError("", signal) from None
        except BrokenPipeError:
            _forget_stdout()
            raise click.exceptions.Exit(failures.CLOSED_PIPE) from None

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        self.debug = False
        try:
            try:
                code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
            except (Exception, KeyboardInterrupt) as error:
                code = self._report(error)
            try:
                sys.stdout.flush()
            except OSError:
                # It has been reported. Python would try, and complain, once more at exit, with a code of its own.
                _forget_stdout()
        except KeyboardInterrupt as signal:  # once more, while the first is being reported
            code = StoppedError("", signal).code
        sys.exit(code if isinstance(code, int) else 0)

    def _report(self, error: BaseException) -> int:
        message, code = _explain(error)
        if self.debug and not isinstance(error, click.ClickException):
            traceback.print_exception(error)
        kind = "" if code in (failures.INTERRUPTED, failures.TERMINATED) else "error: "
        console.write_message(f"{kind}{message}")
        return code


def _explain(error: BaseException) -> tuple[str, int]:
    """One line for a person, and the exit code."""
    text = " ".join(str(error).split("\n"))
    if isinstance(error, CommandError):
        return text, error.code
    if isinstance(error, click.Abort | KeyboardInterrupt):
        stopped = StoppedError("", error)
        return str(stopped), stopped.code
    # Imported only now: most runs have no errors.
    from ..compiler.errors import CompileError, InternalError
    from ..data.catalog import FetchError
    from ..data.corpus import CorpusError
    from ..data.tokenizer import UnknownCharacterError
    from ..runtime.executable.estimate import TooLargeError
    from ..runtime.machine.memory import LimitError
    from ..runtime.machine.toolchain import ToolchainError
    from ..runtime.training.checkpoint import CheckpointError
    from ..runtime.training.sampling import SamplingError
    from .drawing.picture import GraphvizError
    from .subject.function import RowsError
    from .subject.model import BusyError
    from .subject.user_file import UserFileError

    match error:
        case click.UsageError():
            command = error.ctx.command_path if error.ctx else "microgpt"
            if isinstance(error, click.NoSuchOption):
                message = explain_no_option(error)
            else:
                # click breaks some messages into lines.
                message = explain_extra_argument(" ".join(error.format_message().split()), error.ctx)
            message = message if message.endswith("...") else message.removesuffix(".")
            return f"{message} (see `{command} --help`)", failures.USAGE
        case click.ClickException():
            return error.format_message(), failures.ENVIRONMENT
        case (
            UserFileError()
            | RowsError()
            | CorpusError()
            | FetchError()
            | CheckpointError()
            | UnknownCharacterError()
            | SamplingError()
            | LimitError()
        ):
            return text, failures.BAD_INPUT
        case CompileError():
            return text, failures.COMPILE
        case InternalError():
            return f"{text}; this is a mistake in microgpt, and nothing of yours is wrong", failures.INTERNAL
        case ToolchainError() | TooLargeError() | GraphvizError() | BusyError():
            return text, failures.ENVIRONMENT
        case MemoryError():
            return "out of memory; a smaller model or a shorter --block-size needs less", failures.ENVIRONMENT
        case OSError():
            return failures.describe_os_error(error), failures.ENVIRONMENT
        case _:
            hint = "this is a mistake in microgpt; `microgpt --debug COMMAND ...` shows where"
            return f"unexpected {type(error).__name__}: {text} ({hint})", failures.INTERNAL


def _forget_stdout() -> None:
    """Points stdout to nowhere, or Python would complain once more when it flushes at exit."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())


def _want_debug(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and isinstance(ctx.command, Commands):
        ctx.command.debug = True


def _print_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from ..runtime.version import VERSION

        click.echo(f"microgpt {VERSION}")
        ctx.exit()


@click.group(
    "microgpt",
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.option(
    "-V",
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Print the version.",
)
@click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_want_debug,
    help="Show where an error comes from.",
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """A compiler for scalar autograd: trains a GPT written in plain scalars, fast, to the same bits.

    Results go to stdout, everything else to stderr: less of it with -q after the
    command, more with -v. `microgpt COMMAND --help` describes one.

    \b
    Examples:
      microgpt train                   train on 32,257 names, then invent 20
      microgpt sample --prefix mar     go on with the model just trained
      microgpt show --length 7         read the program that trained it
      microgpt graph --length 7        draw it
    """
    if ctx.invoked_subcommand is None:
        from ..runtime.version import VERSION

        names = textwrap.fill(f"Commands: {', '.join(COMMANDS)}", 79, subsequent_indent="  ")
        click.echo(BEGINNING.format(version=VERSION, commands=names), nl=False)


def _open_standard_streams() -> None:
    """Opens to nowhere what was closed by who started us; else the next file that is opened would be our output."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, open(number, mode, encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout.buffer, io.RawIOBase):
        # With PYTHONUNBUFFERED, what the system does not take at once would be lost without an error.
        buffer = io.BufferedWriter(sys.stdout.buffer)
        sys.stdout = io.TextIOWrapper(buffer, sys.stdout.encoding, sys.stdout.errors, line_buffering=True)


def main() -> None:
    """What the entry point of the console script calls."""
    _open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        # A letter that the terminal's encoding lacks is shown as an escape; it must not end the run.
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    signals.handle_termination()
    cli.main(prog_name="microgpt")
