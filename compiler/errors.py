"""The errors of the compiler. Each message says what is wrong, where in the user's source, and what to do."""

__all__ = ["CompileError", "InternalError", "ProofError", "TraceAttributeError", "TraceError", "VerifyError"]


class CompileError(Exception):
    """A program that cannot be compiled."""


class TraceError(CompileError):
    """The function did something that cannot be recorded as a static graph."""


class TraceAttributeError(TraceError, AttributeError):
    """A traced value has no operation of that name. ``hasattr`` and ``getattr`` with a default take it as such."""


class InternalError(Exception):
    """A mistake of the compiler, not of its user. Nobody catches it to go on in another way."""


class VerifyError(InternalError):
    """A graph, or a program of loops, that breaks a rule of its form."""


class ProofError(InternalError):
    """A program that does not compute what it was made from."""
