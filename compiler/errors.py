"""The errors of the compiler. Each message says what is wrong, where in the user's source, and what to do."""

__all__ = ["CompileError", "TraceError", "VerifyError"]


class CompileError(Exception):
    """A program that cannot be compiled."""


class TraceError(CompileError):
    """The function did something that cannot be recorded as a static graph."""


class VerifyError(CompileError):
    """A graph that breaks a rule of its stage: a mistake of the compiler, not of its user."""
