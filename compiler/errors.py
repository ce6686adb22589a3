"""The errors of the compiler. Each message says what is wrong, where in the user's source, and what to do."""

__all__ = ["CompileError", "TraceAttributeError", "TraceError", "VerifyError"]


class CompileError(Exception):
    """A program that cannot be compiled."""


class TraceError(CompileError):
    """The function did something that cannot be recorded as a static graph."""


class TraceAttributeError(TraceError, AttributeError):
    """A traced value has no operation of that name. ``hasattr`` and ``getattr`` with a default take it as such."""


class VerifyError(CompileError):
    """A graph that breaks a rule of its stage: a mistake of the compiler, not of its user."""
