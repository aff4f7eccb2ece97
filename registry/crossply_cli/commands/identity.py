"""`crossply identity`: who holds what; certificates for clients without the SDK; revocation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crossply.wire import subjects
from crossply_cli.authority_api import with_authority
from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure
from crossply_cli.output import Format, Rows, format_option, show
from crossply_cli.target import broker_url, target
from crossply_cli.times import moment
from crossply_policy import names
from crossply_registry.authority.certificates import key_pem, pem_request
from crossply_registry.authority.files import PUBLIC, put

_LONGEST: Final = 90 * 86_400.0
_DAY: Final = 86_400.0
_reason = click.option("--reason", default="", help="Why; kept in the log.")


@click.group
def identity() -> None:
    """Who holds certificates; issue, revoke, restore, rotate."""


@identity.command("ls")
@format_option()
def ls(output: Format) -> None:
    """List the identities that hold a certificate which has not ended, and those that are revoked."""
    found = with_authority(lambda api: api.get("/v1/identities", "listing the identities"))["identities"]
    rows = [
        (
            each["service"],
            each["certificates"],
            each["instances"],
            moment(each["until"]),
            "revoked" if each["revoked"] else "",
            each["reason"],
        )
        for each in found
    ]
    show(output, found, Rows(("service", "certificates", "instances", "until", "", "reason"), rows))


@identity.command
@click.option("--foreign", "name", required=True, metavar="NAME", help="Who it will be, in the mesh's names.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), metavar="DIR", help="Where to."
)
@click.option("--lifetime", type=click.FloatRange(60, _LONGEST), default=_DAY, show_default=True, metavar="SECONDS")
@click.option("--broker", metavar="URL", help="For the `nats` context; else CROSSPLY_NATS_URL, or this folder's mesh.")
@format_option()
def issue(*, name: str, out: Path, lifetime: float, broker: str | None, output: Format) -> None:
    """Make a key, a certificate and a `nats` context for a client without the SDK."""
    _check(name)
    key = Ed25519PrivateKey.generate()
    body = {"service": name, "request": pem_request(key).decode(), "lifetime": lifetime}
    made = with_authority(lambda api: api.post("/v1/identities/foreign", f"issuing {name}", body))
    files = {
        out / f"{name}.key": (key_pem(key), 0o600),
        out / f"{name}.pem": (made["certificate"].encode(), PUBLIC),
        out / f"{name}-ca.pem": (made["trust"].encode(), PUBLIC),
        out / f"{name}.context.json": (_context(name, out, broker or broker_url(target())), PUBLIC),
    }
    for path, (content, mode) in files.items():
        put(path, content, mode)
    said = {"identity": made["identity"], "not_after": made["not_after"], "files": [str(each) for each in files]}
    show(output, said, Rows((), [(each,) for each in said["files"]]))
    click.echo(f"{made['identity']} until {moment(made['not_after'])}", err=True)


@identity.command
@click.argument("service")
@_reason
@format_option()
def revoke(*, service: str, reason: str, output: Format) -> None:
    """Revoke an identity: nothing more is issued to it."""
    _decide("revoke", service, reason, output)


@identity.command
@click.argument("service")
@_reason
@format_option()
def restore(*, service: str, reason: str, output: Format) -> None:
    """Let a revoked identity join again."""
    _decide("restore", service, reason, output)


@identity.command
@click.argument("service")
@_reason
@format_option()
def rotate(*, service: str, reason: str, output: Format) -> None:
    """Void what an identity was issued so far; its processes join anew."""
    _decide("rotate", service, reason, output)


def _decide(verb: str, service: str, reason: str, output: Format) -> None:
    _check(service)
    path = f"/v1/identities/{quote(service, safe='')}/{verb}"
    verdict: dict[str, Any] = with_authority(
        lambda api: api.post(path, f"{verb} of {service}", {"reason": reason[:500]})
    )
    state = "revoked" if verdict["revoked"] else "not revoked"
    show(output, verdict, Rows((), [(verdict["identity"], state)]))


def _check(service: str) -> None:
    try:
        names.service(service)
    except names.NameFault as fault:
        raise Failure(str(fault), code=ExitCode.USAGE) from fault


def _context(name: str, out: Path, broker: str) -> bytes:
    """Return a context of the `nats` command: its replies come to an inbox of its own."""
    where = out.absolute()
    said = {
        "description": f"{name}, a client of the mesh without its SDK",
        "url": broker,
        "cert": str(where / f"{name}.pem"),
        "key": str(where / f"{name}.key"),
        "ca": str(where / f"{name}-ca.pem"),
        "inbox_prefix": subjects.inboxes(name),
    }
    return json.dumps(said, indent=2).encode() + b"\n"
