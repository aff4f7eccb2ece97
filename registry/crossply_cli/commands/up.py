"""`crossply up`: a whole mesh on this machine, for development."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

import click

from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure
from crossply_cli.output import Format, format_option
from crossply_cli.seconds import at_most
from crossply_cli.up.run import Options, run

_YEAR: Final = 365 * 86_400


@click.command
@click.option("--demo", is_flag=True, help="Run the example shop as well, with live traffic.")
@click.option("--closed", is_flag=True, help="Begin with no Access document: nobody may reach anything.")
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
def up(*, demo: bool, closed: bool, duration: float | None, data: Path, output: Format) -> int:
    """Run a broker, an authority, a registry and a gateway bridge on this machine, for development.

    Everybody may reach everything (Access/dev-allow-all), but in a demo the shop's own pairs alone.

    Services started in this folder or below find the mesh by themselves. Ctrl-C stops everything.
    """
    if demo and closed:
        raise Failure(
            "--closed leaves nothing that --demo could show", hint="leave one of them out", code=ExitCode.USAGE
        )
    began = time.monotonic()
    options = Options(demo=demo, closed=closed, duration=duration, data=data, output=output, began=began)
    return asyncio.run(run(options))
