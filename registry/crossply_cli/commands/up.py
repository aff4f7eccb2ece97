"""`crossply up`: a whole mesh on this machine, for development."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

import click

from crossply_cli.output import Format, format_option
from crossply_cli.seconds import at_most
from crossply_cli.up.run import Options, run

_YEAR: Final = 365 * 86_400


@click.command
@click.option("--demo", is_flag=True, help="Run the example shop as well, with live traffic.")
@click.option(
    "--for",
    "duration",
    type=float,
    callback=at_most(_YEAR),
    metavar="SECONDS",
    help="End by itself: this long after the first call that succeeds (without --demo: after the start).",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".crossply"),
    show_default=True,
    metavar="DIR",
    help="Where broker data, logs and addresses are kept.",
)
@format_option()
def up(demo: bool, duration: float | None, data: Path, output: Format) -> int:  # noqa: FBT001 - click passes by name
    """Run a broker, a registry and a gateway bridge on this machine, for development.

    Services started in this folder or below find the mesh by themselves. Ctrl-C stops everything.
    """
    return asyncio.run(run(Options(demo=demo, duration=duration, data=data, output=output, began=time.monotonic())))
