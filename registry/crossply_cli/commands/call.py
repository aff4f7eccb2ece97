"""`crossply call`: one call, its result on stdout."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from crossply import CallError, Mesh
from crossply.errors import Unavailable
from crossply_cli.call_failure import call_failure
from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure
from crossply_cli.json_input import read_value
from crossply_cli.output import Format, format_option, pairs, show
from crossply_cli.target import CLIENT, start_hint, target
from crossply_policy import names


@click.command
@click.argument("operation", metavar="SERVICE.ENDPOINT")
@click.option("-d", "--data", metavar="JSON|@FILE|-", help="The body: JSON, a file of JSON, or stdin.")
@click.option("--timeout", type=click.FloatRange(0, 3600, min_open=True), metavar="SECONDS", help="For all attempts.")
@click.option("--key", help="What the call is about; calls of one key may go to one instance.")
@format_option(Format.JSON)
def call(operation: str, data: str | None, timeout: float | None, key: str | None, output: Format) -> None:
    """Call an endpoint and print what it returns.

    An object names the endpoint's parameters: crossply call orders.quote -d '{"sku": "a"}'
    """
    try:
        names.operation(operation)
    except names.NameFault as fault:
        raise Failure(str(fault), code=ExitCode.USAGE) from fault
    body = None if data is None else read_value(data)
    result = asyncio.run(_call(operation, body, timeout, key))
    show(output, result, pairs(result))


async def _call(operation: str, body: Any, timeout: float | None, key: str | None) -> Any:
    config = target()
    mesh = Mesh(CLIENT, kind="client", config=config)
    try:
        await mesh.start()
    except Unavailable as error:
        hint = start_hint(config, "CROSSPLY_NATS_URL")
        raise Failure(
            "the broker cannot be reached", why=error.message, hint=hint, code=ExitCode.UNREACHABLE
        ) from error
    try:
        return await mesh.call(operation, body, timeout=timeout, key=key)
    except CallError as error:
        raise call_failure(operation, error) from error
    finally:
        await mesh.stop()
