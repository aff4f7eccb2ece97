"""`crossply services`: who is in the mesh."""

from __future__ import annotations

from typing import Any

import click

from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure
from crossply_cli.output import Format, Rows, format_option, show
from crossply_cli.session import with_registry
from crossply_policy import names


@click.command
@click.argument("name", required=False)
@format_option()
def services(name: str | None, output: Format) -> None:
    """List the services, or show one with its instances, endpoints and subscriptions."""
    if name is None:
        listed = with_registry(lambda api: api.services())
        show(output, listed, _list(listed))
        return
    try:
        names.service(name)
    except names.NameFault as fault:
        raise Failure(str(fault), code=ExitCode.USAGE) from fault
    service = with_registry(lambda api: api.service(name))
    show(output, service, *_one(service))


def _list(services: list[dict[str, Any]]) -> Rows:
    heads = ("service", "kind", "instances", "version", "endpoints", "handles", "publishes")
    return Rows(
        heads,
        [
            (
                each["service"],
                each["kind"],
                each["instances"],
                " ".join(each["versions"]),
                " ".join(each["endpoints"]),
                " ".join(each["subscriptions"]),
                " ".join(each["publishes"]),
            )
            for each in services
        ],
    )


def _one(service: dict[str, Any]) -> list[Rows]:
    instances = Rows(
        ("instance", "version", "zone", "revision", "last seen"),
        [
            (
                each["instance"],
                each["version"],
                each["zone"],
                each["revision"],
                f"{each['last_seen']:.1f} s ago",
            )
            for each in service["instances"]
        ],
    )
    endpoints = {each["name"]: each for instance in service["instances"] for each in instance["endpoints"]}
    served = Rows(
        ("endpoint", "idempotent"),
        [(f"{service['service']}.{name}", _yes(each["idempotent"])) for name, each in sorted(endpoints.items())],
    )
    handled = Rows(
        ("handles", "consumer", "pending", "unacknowledged", "redelivered"),
        [
            (
                each["pattern"],
                each["consumer"],
                _said(each["pending"]),
                _said(each["unacknowledged"]),
                _said(each["redelivered"]),
            )
            for each in service["subscriptions"]
        ],
    )
    return [instances, *(table for table in (served, handled) if table.rows)]


def _yes(value: bool) -> str:  # noqa: FBT001 - what a column shows
    return "yes" if value else "no"


def _said(value: int | None) -> str:
    return "" if value is None else str(value)
