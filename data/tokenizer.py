"""The tokenizer: one token a character, and one more that begins and ends every document.

From documents to the alphabet, and between a document and its token ids, both ways. Characters are Unicode code points:
a letter and a combining accent are two tokens.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

__all__ = ["Tokenizer", "UnknownCharacterError"]

# How many characters of the alphabet an error message lists. Some alphabets have thousands.
_SHOWN = 64


class UnknownCharacterError(ValueError):
    """A text has characters for which there is no token."""


@dataclass(frozen=True)
class Tokenizer:
    """The alphabet of a corpus. The id of a character is its place in it.

    Attributes:
        characters: single code points, each greater than the one before.

    Raises:
        ValueError: if `characters` are not such.
    """

    characters: tuple[str, ...]

    def __post_init__(self) -> None:
        for character in self.characters:
            # Half of a surrogate pair is a str of length 1, but no text in UTF-8 can hold it.
            if not isinstance(character, str) or len(character) != 1 or "\ud800" <= character <= "\udfff":
                raise ValueError(f"an alphabet is made of single characters, not {character!r}")
        if list(self.characters) != sorted(set(self.characters)):
            raise ValueError("the characters of an alphabet must be sorted and different from each other")

    @classmethod
    def of(cls, documents: Iterable[str]) -> Tokenizer:
        """The tokenizer whose alphabet is every character that occurs in `documents`."""
        return cls(tuple(sorted(set().union(*documents))))

    @property
    def bos(self) -> int:
        """The id of the token that begins and ends a document."""
        return len(self.characters)

    @property
    def vocab_size(self) -> int:
        """The number of tokens, the begin-and-end token included."""
        return len(self.characters) + 1

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {character: index for index, character in enumerate(self.characters)}

    @cached_property
    def _texts(self) -> tuple[str, ...]:
        """What stands for each token in a text."""
        return (*self.characters, "")

    def encode(self, document: str) -> list[int]:
        """The tokens of `document`, with `bos` at both ends.

        Raises:
            UnknownCharacterError: if a character of `document` is not in the alphabet.
        """
        ids = self._ids
        try:
            return [self.bos, *[ids[character] for character in document], self.bos]
        except KeyError:
            raise UnknownCharacterError(self._unknown(document)) from None

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of `tokens`; `bos` is left out, wherever it stands.

        Raises:
            ValueError: if a token is not below `vocab_size`, or is negative.
        """
        try:
            if not tokens or min(tokens) >= 0:
                return "".join(map(self._texts.__getitem__, tokens))
        except IndexError:
            pass
        token = next(token for token in tokens if not 0 <= token <= self.bos)
        raise ValueError(f"there is no token {token}; tokens are 0 to {self.bos}")

    def to_json(self) -> str:
        """The alphabet as a JSON list of strings, in ASCII."""
        return json.dumps(self.characters)

    @classmethod
    def from_json(cls, text: str) -> Tokenizer:
        """The tokenizer that `to_json` wrote.

        Raises:
            ValueError: if `text` is not an alphabet in JSON.
        """
        characters = json.loads(text)
        if not isinstance(characters, list):
            raise ValueError("an alphabet in JSON is a list of characters")
        return cls(tuple(characters))

    def _unknown(self, document: str) -> str:
        unknown = list(dict.fromkeys(character for character in document if character not in self._ids))
        names = ", ".join(map(repr, unknown[:8])) + (", ..." if len(unknown) > 8 else "")
        message = f"no token for {names} in {document[:40]!r}"
        for variant in (
            document.lower(),
            document.upper(),
            *(unicodedata.normalize(form, text) for form in ("NFC", "NFD") for text in (document, document.lower())),
        ):
            if all(character in self._ids for character in variant):
                return f"{message}; did you mean {variant[:40]!r}?"
        alphabet = "".join(self.characters[:_SHOWN]) + ("..." if len(self.characters) > _SHOWN else "")
        return f"{message}; the alphabet is {alphabet!r}"
