"""`crossply call`: one call, its result on stdout."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import click

from crossply import CallError, Mesh
from crossply.errors import Unavailable
from crossply_cli.broker_failure import broker_failure
from crossply_cli.call_failure import Tried, call_failure
from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure
from crossply_cli.json_input import read_value
from crossply_cli.output import Format, as_text, format_option, pairs, show
from crossply_cli.seconds import at_most
from crossply_cli.target import CLIENT, target
from crossply_policy import names


@click.command
@click.argument("operation", metavar="SERVICE.ENDPOINT")
@click.option("-d", "--data", metavar="JSON|@FILE|-", help="The body: JSON, a file of JSON, or stdin.")
@click.option(
    "--timeout",
    type=float,
    callback=at_most(3600),
    metavar="SECONDS",
    help="For all attempts; the policy's timeout.total bounds it too.",
)
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
    if isinstance(result, bytes) and as_text(result) is None:
        click.echo(f"the reply is {len(result)} bytes that are no text; they are shown as base64", err=True)


async def _call(operation: str, body: Any, timeout: float | None, key: str | None) -> Any:
    config = target()
    mesh = Mesh(CLIENT, kind="client", config=config)
    try:
        await mesh.start()
    except Unavailable as error:
        raise broker_failure(config, error) from error
    began = time.monotonic()
    try:
        return await mesh.call(operation, body, timeout=timeout, key=key)
    except CallError as error:
        tried = Tried(operation=operation, timeout=timeout, took=time.monotonic() - began)
        raise call_failure(tried, error) from error
    finally:
        await mesh.stop()
