"""The errors of the compiler. Each message says what is wrong, where in the user's source, and what to do."""

__all__ = ["CompileError", "InternalError", "ProofError", "TraceError", "VerifyError"]


class CompileError(Exception):
    """A program that cannot be compiled."""


class TraceError(CompileError):
    """The function did something that cannot be recorded as a static graph."""


class InternalError(Exception):
    """A mistake of the compiler, not of its user. Nobody catches it to go on in another way."""


class VerifyError(InternalError):
    """A graph, or a program of loops, that breaks a rule of its form."""


class ProofError(InternalError):
    """A program that does not compute what it was made from."""
