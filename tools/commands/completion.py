"""``microgpt completion``: what a shell needs to complete command lines of microgpt."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

__all__ = ["completion"]

SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
# Set by the script when it asks for completions; `main` derives the same name from that of the program.
VARIABLE = "_MICROGPT_COMPLETE"


@click.command()
@click.argument("shell", metavar="SHELL", type=click.Choice(list(SHELLS)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script that lets a shell complete commands, options and values.

    SHELL is bash, zsh or fish. Let it read the script when it starts. Bash must be of version 4.4 or newer.

    \b
    Examples:
      echo 'eval "$(microgpt completion bash)"' >> ~/.bashrc
      echo 'eval "$(microgpt completion zsh)"' >> ~/.zshrc
      microgpt completion fish > ~/.config/fish/completions/microgpt.fish
    """
    script = SHELLS[shell](context.find_root().command, {}, "microgpt", VARIABLE)
    # Not source(), which starts a bash to look at its version, and complains if there is none.
    click.echo(script.source_template % script.source_vars())
