"""`crossply policy explain`: what holds for the calls of one caller to one operation, and who said it."""

from __future__ import annotations

import json
from typing import Any

import click

from crossply_cli.output import Format, Rows, format_option, show
from crossply_cli.session import with_registry


@click.command
@click.option("--from", "caller", required=True, metavar="SERVICE", help="The calling service, or foreign.")
@click.option("--to", "operation", required=True, metavar="SERVICE.ENDPOINT", help="The operation that is called.")
@click.option("--path", metavar="PATH", help="The HTTP path, of a call through a bridge.")
@format_option()
def explain(caller: str, operation: str, path: str | None, output: Format) -> None:
    """Say whether a service may call an operation, and each value that holds, with the document that says it."""
    asked = {"from": caller, "to": operation} | ({} if path is None else {"path": path})
    found = with_registry(lambda api: api.explain(**asked))
    access = found["access"]
    verdict = _verdict(access)
    if access["would"] is not access["allowed"]:
        verdict += f"; {'allowed' if access['would'] else 'denied'} once Access/{access['would_rule']} is enforced"
    rows = [(one["path"], _shown(one["value"]), one["source"], one["revision"] or "") for one in found["values"]]
    show(output, found, Rows((), [("access", verdict)]), Rows(("value", "in force", "said by", "revision"), rows))


def _verdict(access: dict[str, Any]) -> str:
    outcome = "allowed" if access["allowed"] else "denied"
    if access["revision"] is None:
        return f"{outcome} by default: no Access document allows it"
    return f"{outcome} by Access/{access['rule']} (revision {access['revision']})"


def _shown(value: Any) -> str:
    return "not said" if value is None else value if isinstance(value, str) else json.dumps(value)
