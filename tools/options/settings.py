"""Where the options of a command get their values: from the command line, else from the environment, else from a file
`microgpt.toml`, else from the defaults.

    steps = 5000            # for every command that has this option
    [sample]
    temperature = 0.8       # for `microgpt sample`

Whatever a value comes from, it is checked in the same way, and an error says where it stands.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from ..terminal import console
from ..terminal.failures import BAD_INPUT, CommandError

__all__ = ["ConfiguredCommand"]

FILE = "microgpt.toml"
LARGEST_FILE = 1 << 20
# The commands that can be configured, and options that make sense only on the command line.
COMMANDS = ("train", "sample", "eval", "report", "sweep")
COMMAND_LINE_ONLY = {
    *("help", "config", "print_config", "quiet", "verbose"),
    *("resume", "overwrite", "texts", "as_json", "trace", "grid"),
}

_SOURCE = f"{__name__}.file"
_PRINT = f"{__name__}.print"


class ConfiguredCommand(click.Command):
    """A command whose options can also be set by variables ``MICROGPT_<OPTION>`` and by a file."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        for option in _options(self):
            option.envvar = _variable(option)
        self.params += [
            click.Option(
                ["--config"],
                metavar="FILE",
                envvar="MICROGPT_CONFIG",
                is_eager=True,
                expose_value=False,
                callback=_read,
                help=f"Take options from this file in TOML.  [default: {FILE}, if there is one]",
            ),
            click.Option(
                ["--print-config"],
                is_flag=True,
                expose_value=False,
                callback=_want_print,
                help="Print every option, its value and where that comes from, and stop.",
            ),
        ]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.BadParameter as error:
            origin = _origin(ctx, error.param) if error.param else ""
            if not origin or origin.startswith("-") or origin == "default":
                raise
            message = f"{error.message.removesuffix('.')} (from {origin})"
            raise click.BadParameter(message, error.ctx, error.param, error.param_hint) from None

    def invoke(self, ctx: click.Context) -> Any:
        if ctx.meta.get(_PRINT):
            for line in _lines(ctx):
                click.echo(line)
            return None
        return super().invoke(ctx)


def _options(command: click.Command) -> Iterator[click.Option]:
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name not in COMMAND_LINE_ONLY:
            yield parameter


def _long_name(option: click.Parameter) -> str:
    """``n-embd`` for ``--n-embd``."""
    return max(option.opts, key=len).lstrip("-")


def _variable(option: click.Parameter) -> str:
    return "MICROGPT_" + _long_name(option).replace("-", "_").upper()


def _origin(ctx: click.Context, parameter: click.Parameter) -> str:
    """Where the value of an option comes from, in words."""
    match ctx.get_parameter_source(parameter.name or ""):
        case ParameterSource.COMMANDLINE:
            return max(parameter.opts, key=len)
        case ParameterSource.ENVIRONMENT:
            return "MICROGPT_CONFIG" if parameter.name == "config" else _variable(parameter)
        case ParameterSource.DEFAULT_MAP:
            return str(ctx.meta.get(_SOURCE, FILE))
        case _:
            return "default"


def _want_print(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    ctx.meta[_PRINT] = value


def _lines(ctx: click.Context) -> Iterator[str]:
    """The options as a file that could be given as ``--config``, with where each comes from."""
    yield f"[{ctx.command.name}]"
    for option in _options(ctx.command):
        value, origin = ctx.params[option.name or ""], _origin(ctx, option)
        name = _long_name(option)
        text = f"# {name} is not set" if value is None else f"{name} = {_toml(value)}"
        yield f"{text:<32}  # {origin}"


def _toml(value: object) -> str:
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(str(value)).replace("\x7f", "\\u007f")


def _read(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Makes the values of the file the defaults of the options."""
    path = Path(value or FILE)
    if "\0" in str(path):
        raise click.BadParameter("a path has no zero bytes", ctx, parameter)
    if value is None and not path.is_file():
        return
    ctx.meta[_SOURCE] = str(path)
    console.detail(f"options from {path}")
    ctx.default_map = _checked(ctx.command, path, _parse(path))


def _parse(path: Path) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise CommandError(f"{path} has more than {LARGEST_FILE:,} bytes, so it is no configuration", BAD_INPUT)
        return tomllib.loads(content.decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:  # ValueError: not UTF-8, or not TOML
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise CommandError(f"{path} cannot be used as a configuration: {reason}", BAD_INPUT) from None


def _checked(command: click.Command, path: Path, tree: dict[str, Any]) -> dict[str, Any]:
    """The values for a command, by the names of its parameters."""
    ours = {_long_name(option): option for option in _options(command)}
    chosen: dict[str, Any] = {}
    tables = {name: table for name, table in tree.items() if isinstance(table, dict)}
    for name in tables:
        if name not in COMMANDS:
            raise CommandError(f"{path}: there is no table [{name}]; the tables are {', '.join(COMMANDS)}", BAD_INPUT)
    everywhere = {name: value for name, value in tree.items() if name not in tables}
    for values, known in ((everywhere, None), (tables.get(command.name or "", {}), set(ours))):
        for key, value in values.items():
            name = key.replace("_", "-")
            if name not in ours:
                _refuse_unknown(path, key, name, known if known is not None else _all_names())
                continue
            option = ours[name]
            if not isinstance(value, bool if option.is_flag else int | float | str) or (
                isinstance(value, bool) and not option.is_flag
            ):
                kind = "true or false" if option.is_flag else "a number or a text"
                raise CommandError(f"{path}: {key} must be {kind}, not {value!r:.60}", BAD_INPUT)
            chosen[option.name or ""] = value if option.is_flag else str(value)
    return chosen


def _all_names() -> set[str]:
    """The options of all commands."""
    names: set[str] = set()
    for command in COMMANDS:
        found = getattr(import_module(f"..commands.{command}", __package__), command)
        names.update(_long_name(option) for option in _options(found))
    return names


def _refuse_unknown(path: Path, key: str, name: str, known: set[str]) -> None:
    if name not in known:
        near = get_close_matches(name, sorted(known), 1)
        hint = f"did you mean {near[0]!r}?" if near else f"the options are {', '.join(sorted(known))}"
        raise CommandError(f"{path}: there is no option {key!r}; {hint}", BAD_INPUT)
