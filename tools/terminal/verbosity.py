"""``-q`` and ``-v``, which every command has: how much is said on stderr. What goes to stdout is the same with both."""

from __future__ import annotations

import click

from . import console

__all__ = ["with_verbosity"]


def _set(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if not value:
        return
    if "verbosity" in ctx.meta and ctx.meta["verbosity"] != parameter.name:
        raise click.UsageError("--quiet and --verbose exclude each other", ctx)
    ctx.meta["verbosity"] = parameter.name
    console.set_verbosity(console.QUIET if parameter.name == "quiet" else console.VERBOSE)


def with_verbosity(command: click.Command) -> click.Command:
    """The command, with both options; of a group, all of its commands."""
    if isinstance(command, click.Group):
        for part in command.commands.values():
            with_verbosity(part)
    elif not any(parameter.name == "quiet" for parameter in command.params):
        for short, long, words in (("-q", "--quiet", "nothing but warnings and errors"), ("-v", "--verbose", "more")):
            command.params.append(
                click.Option(
                    [short, long],
                    is_flag=True,
                    is_eager=True,
                    expose_value=False,
                    callback=_set,
                    help=f"Say {words} on stderr.",
                )
            )
    return command
