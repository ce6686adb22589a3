"""Shell completion of values that are no fixed choice."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

__all__ = ["complete_corpus", "complete_file", "complete_setting"]


def complete_file(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Any file."""
    return [CompletionItem(incomplete, type="file")]


def complete_corpus(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The corpora that have names or, if none begins like that, any file: bash shows one or the other."""
    from ...data.catalog import CATALOG

    names = [CompletionItem(name) for name in CATALOG if name.startswith(incomplete)]
    return names or complete_file(context, parameter, incomplete)


def complete_setting(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The options that a sweep can vary; what they are to be is for the user to say."""
    from .new_training import DECISIVE

    return [CompletionItem(f"{name}=") for name in DECISIVE if name.startswith(incomplete)]
