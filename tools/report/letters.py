"""Letters as pictures and pages show them: whatever a corpus holds, each is seen and none does harm."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from ...data.tokenizer import Tokenizer
from ..text.escape import escaped

__all__ = ["names_of_read", "token_names"]

# How the token that begins and ends a document is shown: when it is read, and when it comes.
START, END = "start", "end"


def token_names(tokenizer: Tokenizer) -> list[str]:
    """A short name for each token: its character, if that can be seen on its own."""
    names = []
    for character in tokenizer.characters:
        if character == " ":
            names.append("␣")
        elif unicodedata.combining(character):
            names.append("◌" + character)
        else:
            names.append(escaped(character))
    return [*names, END]


def names_of_read(tokens: Sequence[int], names: Sequence[str]) -> list[str]:
    """The names of tokens that are read: the last of all tokens then begins a document."""
    return [START if token == len(names) - 1 else names[token] for token in tokens]
