"""How a command ends: the exit codes, and the errors that carry one."""

__all__ = [
    "BAD_INPUT",
    "CLOSED_PIPE",
    "COMPILE",
    "DIFFERENCE",
    "ENVIRONMENT",
    "EXIT_CODES",
    "INTERNAL",
    "INTERRUPTED",
    "USAGE",
    "CommandError",
    "StoppedError",
]

DIFFERENCE, USAGE, BAD_INPUT, COMPILE, ENVIRONMENT = 1, 2, 3, 4, 5
INTERNAL = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED, CLOSED_PIPE = 130, 141  # as shells report SIGINT and SIGPIPE

# What --help shows. Scripts rely on the numbers: never give one another meaning.
EXIT_CODES = {
    0: "all is well",
    DIFFERENCE: "verify found a difference",
    USAGE: "the command line is wrong",
    BAD_INPUT: "bad input: a corpus, a checkpoint, a prefix",
    COMPILE: "the model cannot be compiled",
    ENVIRONMENT: "the system lacks something: a program, space, a permission",
    INTERNAL: "a mistake in microgpt itself",
    INTERRUPTED: "interrupted by Ctrl-C",
    CLOSED_PIPE: "nobody reads the output any more",
}


class CommandError(Exception):
    """Ends the command with one line on stderr.

    Attributes:
        code: the exit code.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class StoppedError(CommandError):
    """Ctrl-C, with what has become of the work so far."""

    def __init__(self, message: str) -> None:
        super().__init__(message, INTERRUPTED)
