"""What was probably meant by a command, an option or an argument that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import click

__all__ = ["Group", "explain_extra_argument", "explain_no_option", "near_command", "near_option"]

# What other programs call what we have, where neither letters nor parts of the name lead to it.
_COMMANDS = {
    "generate": "sample",
    "invent": "sample",
    "fit": "train",
    "draw": "graph",
    "ls": "list",
    "benchmark": "bench",
}
_OPTIONS = {
    **dict.fromkeys(("epochs", "iterations", "iters"), "steps"),
    **dict.fromkeys(("context", "context-length"), "block-size"),
    **dict.fromkeys(("width", "dim", "hidden-size"), "n-embd"),
    **dict.fromkeys(("corpus", "dataset", "file", "input"), "data"),
}
_EXTRA = re.compile(r"Got unexpected extra arguments? \((.*)\)", re.DOTALL)


class Group(click.Group):
    """A group of commands that suggests the nearest one for a mistyped name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-"):
            names = self.list_commands(ctx)
            if args[0] not in names:
                near = near_command(args[0], names)
                hint = f"did you mean {near!r}?" if near else f"the commands are {', '.join(names)}"
                raise click.UsageError(f"there is no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            # Of an option without its value, click does not say whose it is.
            name = ctx.invoked_subcommand
            command = self.get_command(ctx, name) if error.ctx is None and name else None
            if command is not None:
                error.ctx = click.Context(command, ctx, name)
            raise


def near_command(word: str, names: Sequence[str]) -> str | None:
    """The command that was probably meant."""
    word = word.lower()
    if _COMMANDS.get(word) in names:
        return _COMMANDS[word]
    return next(iter(get_close_matches(word, names, 1)), None)


def near_option(word: str, options: Iterable[str]) -> str | None:
    """The option that was probably meant by `word`, both with their dashes: ``--learning-rate`` by ``--lr``."""
    name = word.lstrip("-").replace("_", "-").lower()
    known = {option.lstrip("-"): option for option in options if option.startswith("--")}
    meant = _OPTIONS.get(name, name)
    if meant in known:
        return known[meant]
    parts = {option: option.split("-") for option in known}
    initials = [option for option in known if len(parts[option]) > 1 and "".join(p[0] for p in parts[option]) == name]
    # --layers for --n-layer, --temp for --temperature.
    shared = [
        option
        for option in known
        if len(name) >= 3 and any(len(p) >= 3 and (p.startswith(name) or name.startswith(p)) for p in parts[option])
    ]
    found = initials or get_close_matches(name, known, 1, 0.72) or shared
    return known[found[0]] if found else None


def explain_no_option(error: click.NoSuchOption) -> str:
    """The message for an option that is not there, and what to do."""
    word, context = error.option_name, error.ctx
    message = f"there is no option {word!r}"
    if context is None:
        return message
    root = context.find_root()
    if context is not root and word in _options_of(root.command):
        return f"{message} here; it comes before the command: `{root.info_name} {word} {context.info_name} ...`"
    near = near_option(word, _options_of(context.command))
    if near is None and isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is not None and word in _options_of(command):
                return f"{message} here; it comes after the command: `{context.command_path} {name} {word} ...`"
    return f"{message}; did you mean {near!r}?" if near else message


def explain_extra_argument(message: str, context: click.Context | None) -> str:
    """click's message about an argument too many, in our words; any other as it is."""
    found = _EXTRA.fullmatch(message)
    if found is None:
        return message
    has_data = context is not None and "--data" in _options_of(context.command)
    hint = f"; did you mean `--data {found[1]}`?" if has_data and " " not in found[1] else ""
    return f"unexpected argument {found[1]!r}{hint}"


def _options_of(command: Any) -> list[str]:
    options = (parameter for parameter in command.params if isinstance(parameter, click.Option))
    return [name for option in options for name in option.opts]
