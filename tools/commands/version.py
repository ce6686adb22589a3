"""``microgpt version``: the version."""

from __future__ import annotations

import click

from ...runtime.version import VERSION

__all__ = ["version"]


@click.command()
def version() -> None:
    """Print the version.

    \b
    Examples:
      microgpt version
    """
    click.echo(f"microgpt {VERSION}")
