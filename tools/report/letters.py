"""Letters as pictures and pages show them: whatever a corpus holds, each is seen and none does harm."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from ...data.tokenizer import Tokenizer

__all__ = ["names_of_read", "token_names", "visible"]

# How the token that begins and ends a document is shown: when it is read, and when it comes.
START, END = "start", "end"


def visible(text: str) -> str:
    """`text` with escapes for what controls a terminal or the direction of writing, or has no place in XML."""
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    # What remains are spaces of all kinds, controls, marks of direction, halves of surrogate pairs, unassigned ones.
    return character.encode("unicode_escape").decode()


def token_names(tokenizer: Tokenizer) -> list[str]:
    """A short name for each token: its character, if that can be seen on its own."""
    names = []
    for character in tokenizer.characters:
        if character == " ":
            names.append("␣")
        elif unicodedata.combining(character):
            names.append("◌" + character)
        else:
            names.append(visible(character))
    return [*names, END]


def names_of_read(tokens: Sequence[int], names: Sequence[str]) -> list[str]:
    """The names of tokens that are read: the last of all tokens then begins a document."""
    return [START if token == len(names) - 1 else names[token] for token in tokens]
