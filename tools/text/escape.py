"""Escape: text of unknown origin in one line."""

__all__ = ["escaped"]


def escaped(text: str) -> str:
    """`text` in one line, with escapes for what cannot be seen, controls a terminal or the direction of writing, or has
    no place in XML: files and their names may hold anything.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
