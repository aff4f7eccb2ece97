"""`crossply token`: enrolment tokens, by which a service's processes join."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

import click

from crossply_cli.authority_api import with_authority
from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure
from crossply_cli.output import Format, Rows, format_option, show
from crossply_cli.times import moment
from crossply_policy import names

_YEAR: Final = 366 * 86_400.0
_WEEK: Final = 7 * 86_400.0


@click.group
def token() -> None:
    """Make, list, rotate and revoke enrolment tokens."""


@token.command
@click.option("--service", required=True, help="The service whose processes join with it.")
@click.option("--single-use", is_flag=True, help="Good for one process, once.")
@click.option("--lifetime", type=click.FloatRange(0, _YEAR), default=0.0, metavar="SECONDS", help="0 for ever.")
@format_option()
def create(*, service: str, single_use: bool, lifetime: float, output: Format) -> None:
    """Make a token and print it; it is kept nowhere in this form."""
    try:
        names.service(service)
    except names.NameFault as fault:
        raise Failure(str(fault), code=ExitCode.USAGE) from fault
    body = {"service": service, "single_use": single_use, "lifetime": lifetime}
    made = with_authority(lambda api: api.post("/v1/tokens", f"making a token for {service}", body))
    _show_new(made, output)


@token.command("ls")
@format_option()
def ls(output: Format) -> None:
    """List the tokens, without their secrets."""
    found = with_authority(lambda api: api.get("/v1/tokens", "listing the tokens"))["tokens"]
    heads = ("token", "service", "use", "created", "expires", "state")
    show(output, found, Rows(heads, [_row(each) for each in found]))


@token.command
@click.argument("ident", metavar="TOKEN")
@click.option(
    "--grace", type=click.FloatRange(0, _WEEK), default=0.0, metavar="SECONDS", help="How long the old one stays good."
)
@format_option()
def rotate(*, ident: str, grace: float, output: Format) -> None:
    """Give a token a new secret and print it."""
    path = f"/v1/tokens/{quote(ident, safe='')}/rotate"
    _show_new(with_authority(lambda api: api.post(path, f"rotating token {ident}", {"grace": grace})), output)


@token.command
@click.argument("ident", metavar="TOKEN")
@format_option()
def revoke(*, ident: str, output: Format) -> None:
    """Revoke a token; `crossply identity revoke` is for what it issued."""
    path = f"/v1/tokens/{quote(ident, safe='')}"
    gone = with_authority(lambda api: api.delete(path, f"revoking token {ident}"))
    show(output, gone, Rows((), [(gone["id"], gone["service"], "revoked")]))


def _show_new(made: dict[str, Any], output: Format) -> None:
    if output is Format.TABLE:
        click.echo(made["token"])
        click.echo(f"token {made['id']} for {made['service']}; it is shown this once", err=True)
    else:
        show(output, made)


def _row(each: dict[str, Any]) -> tuple[object, ...]:
    state = "revoked" if each["revoked"] else "used" if each["used"] else "good"
    use = "once" if each["single_use"] else "many times"
    return each["id"], each["service"], use, moment(each["created"]), moment(each["expires"], "never"), state
