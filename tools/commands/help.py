"""``microgpt help``: the help of microgpt, or of one of its commands."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from ..terminal.suggesting import Group

__all__ = ["help"]


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    group: click.Command | None = context.find_root().command
    for name in context.params.get("names") or ():
        group = group.get_command(context, name) if isinstance(group, click.Group) else None
    names = group.list_commands(context) if isinstance(group, click.Group) else []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.command()
@click.argument("names", metavar="[COMMAND]...", nargs=-1, shell_complete=_complete)
@click.pass_context
def help(context: click.Context, /, names: tuple[str, ...]) -> None:
    """Show help for microgpt, or for one of its commands.

    The same as `microgpt COMMAND --help`.

    \b
    Examples:
      microgpt help
      microgpt help train
      microgpt help data fetch
    """
    found = context.find_root()
    for name in names:
        command = found.command
        if not isinstance(command, Group):
            raise click.UsageError(f"`{found.command_path}` has no commands, so it has no {name!r}", context)
        _, part, _ = command.resolve_command(found, [name])
        assert part is not None
        found = click.Context(part, info_name=name, parent=found)
    click.echo(found.get_help())
