"""`crossply audit`: what data planes decided about messages."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from crossply.audit.entry import Outcome
from crossply_cli.output import Format, Rows, as_line, format_option, show
from crossply_cli.session import with_registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply_cli.registry_api import RegistryApi

_EVERY: Final = 1.0
_HEADS: Final = ("at", "decided by", "outcome", "caller", "action", "on", "rule")

_outcome = click.option(
    "--outcome", type=click.Choice([each.value for each in Outcome]), help="Only those that ended so."
)
_caller = click.option("--from", "caller", metavar="SERVICE", help="Only those about this caller.")
_operation = click.option("--to", "operation", metavar="OPERATION", help="Only those of this operation or channel.")


@click.group
def audit() -> None:
    """Show who was refused what, by which rule; and a share of what was allowed."""


@audit.command
@click.option("--last", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at most.")
@_outcome
@_caller
@_operation
@format_option()
def ls(last: int, outcome: str | None, caller: str | None, operation: str | None, output: Format) -> None:
    """Show the last decisions, the newest last."""
    asked = _asked(outcome, caller, operation)
    found = with_registry(lambda api: api.audit(last=last, **asked))
    show(output, found, Rows(_HEADS, [_row(each) for each in found["entries"]]))
    _warn(found)
    if not found["entries"]:
        click.echo("nothing was told of; a share of 1 % of what is allowed is", err=True)


@audit.command
@_outcome
@_caller
@_operation
@click.option("--for", "seconds", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="End after these.")
@format_option()
def tail(outcome: str | None, caller: str | None, operation: str | None, seconds: float | None, output: Format) -> None:
    """Show decisions as they come, a line each, until Ctrl-C."""
    asked = _asked(outcome, caller, operation)
    until = None if seconds is None else time.monotonic() + seconds
    with_registry(lambda api: _following(api, asked, until, _printer(output)))


async def _following(
    api: RegistryApi, asked: dict[str, str], until: float | None, tell: Callable[[dict[str, Any]], None]
) -> None:
    after = (await api.audit(last=1))["after"]
    while until is None or time.monotonic() < until:
        found = await api.audit(after=after, last=1000, **asked)
        after = found["after"]
        for each in found["entries"]:
            tell(each)
        _warn(found)
        if not found["more"]:
            await asyncio.sleep(_EVERY if until is None else max(0.0, min(_EVERY, until - time.monotonic())))


def _printer(output: Format) -> Callable[[dict[str, Any]], None]:
    if output is Format.TABLE:
        return lambda entry: click.echo(as_line(_row(entry)))
    return lambda entry: show(output, entry)


def _asked(outcome: str | None, caller: str | None, operation: str | None) -> dict[str, str]:
    said = {"outcome": outcome, "caller": caller, "operation": operation}
    return {name: value for name, value in said.items() if value is not None}


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    return (
        datetime.fromtimestamp(entry["at"], UTC).isoformat(timespec="milliseconds"),
        f"{entry['service']}/{entry['instance']}",
        entry["outcome"],
        entry["caller"],
        entry["action"],
        entry["operation"],
        entry["rule"] or entry["reason"],
    )


def _warn(found: dict[str, Any]) -> None:
    if found["dropped"]:
        click.echo(f"data planes had no room for {found['dropped']} more", err=True)
    if found["unread"]:
        click.echo(f"{found['unread']} batches of decisions could not be read", err=True)
