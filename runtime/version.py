"""The version of microgpt, where every part of it can read it."""

__all__ = ["VERSION"]

VERSION = "0.1.0"
