"""How a command ends: the exit codes, and the errors that carry one."""

import errno

__all__ = [
    "BAD_INPUT",
    "CLOSED_PIPE",
    "COMPILE",
    "DIFFERENCE",
    "DIVERGED",
    "ENVIRONMENT",
    "EXIT_CODES",
    "INTERNAL",
    "INTERRUPTED",
    "TERMINATED",
    "USAGE",
    "CommandError",
    "StoppedError",
    "TerminatedError",
    "describe_os_error",
]

DIFFERENCE, USAGE, BAD_INPUT, COMPILE, ENVIRONMENT, DIVERGED = 1, 2, 3, 4, 5, 6
INTERNAL = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED, CLOSED_PIPE, TERMINATED = 130, 141, 143  # as shells report SIGINT, SIGPIPE and SIGTERM

# What --help shows. Scripts rely on the numbers: never give one another meaning.
EXIT_CODES = {
    0: "all is well",
    DIFFERENCE: "verify or compare found a difference",
    USAGE: "the command line is wrong; of compare: there is nothing to compare",
    BAD_INPUT: "bad input: a corpus, a checkpoint, a configuration, a prefix",
    COMPILE: "the model cannot be compiled",
    ENVIRONMENT: "the system lacks something: a program, space, a permission",
    DIVERGED: "training produced a NaN or an infinity",
    INTERNAL: "a bug in microgpt itself",
    INTERRUPTED: "interrupted by Ctrl-C",
    CLOSED_PIPE: "nobody reads the output any more",
    TERMINATED: "ended by SIGTERM",
}


# How a write fails.
_WRITING = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO}


def describe_os_error(error: OSError) -> str:
    """What the system refused, with the file that it is about."""
    # Whatever writes a file names it, so what has no name is where the output goes.
    place = error.filename or ("output" if error.errno in _WRITING else "")
    return f"{place}: {error.strerror or error}" if place else str(error.strerror or error)


class CommandError(Exception):
    """Ends the command with one line on stderr.

    Attributes:
        code: the exit code.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class TerminatedError(KeyboardInterrupt):
    """SIGTERM. Whatever handles Ctrl-C handles it too."""


class StoppedError(CommandError):
    """Ctrl-C or SIGTERM, with what has become of the work so far.

    Args:
        message: what to say after the word for the signal.
        signal: what stopped the command.
    """

    def __init__(self, message: str, signal: BaseException | None = None) -> None:
        word, code = ("terminated", TERMINATED) if isinstance(signal, TerminatedError) else ("interrupted", INTERRUPTED)
        super().__init__(f"{word} {message}".rstrip(), code)
