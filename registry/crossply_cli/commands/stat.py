"""`crossply stat`: rate, success and latency of every edge."""

from __future__ import annotations

from typing import Any

import click

from crossply_cli.output import Format, Rows, format_option, show
from crossply_cli.session import with_registry

_LEAST, _MOST = 5.0, 600.0


def _window(_context: click.Context, _parameter: click.Parameter, seconds: float) -> float:
    if not _LEAST <= seconds <= _MOST:
        raise click.BadParameter(f"{seconds:g} is not seconds from {_LEAST:g} to {_MOST:g}")
    return seconds


@click.command
@click.option(
    "--window",
    type=float,
    default=60.0,
    show_default=True,
    callback=_window,
    metavar="SECONDS",
    help="How many of the last seconds, 5 to 600.",
)
@format_option()
def stat(window: float, output: Format) -> None:
    """Show rate, success and latency of what calls what, as data planes reported it."""
    found = with_registry(lambda api: api.stat(window))
    show(output, found, _table(found["edges"]))
    if not found["edges"]:
        click.echo(f"nothing was reported in the last {found['window']:.0f} s", err=True)


def _table(edges: list[dict[str, Any]]) -> Rows:
    return Rows(
        ("from", "action", "operation", "by", "rate", "success", "p50", "p95", "p99"),
        [
            (
                each["caller"],
                each["action"],
                each["operation"],
                each["callee"] if each["action"] == "handle" else "",
                f"{each['rate']:.1f}/s",
                f"{100 * each['success']:.1f} %",
                *(milliseconds(each[share]) for share in ("p50", "p95", "p99")),
            )
            for each in edges
        ],
    )


def milliseconds(seconds: float | None) -> str:
    """Return a length of time as a table shows it."""
    return "" if seconds is None else f"{1000 * seconds:.1f} ms"
