"""`crossply check`: what is well and what is not, a line each, with what to do."""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict

import click

from crossply_cli.checks import Finding, all_checks
from crossply_cli.exit_codes import ExitCode
from crossply_cli.instance import own_findings
from crossply_cli.output import Format, Rows, format_option, show
from crossply_cli.registry_api import RegistryApi, http_client
from crossply_cli.target import registry_url, target


@click.command
@click.option("--instance", is_flag=True, help="This container's own process only; for health checks.")
@format_option()
def check(instance: bool, output: Format) -> int:  # noqa: FBT001 - click passes by name
    """Check broker, registry and every data plane; exit 7 when one of them is not well."""
    findings = own_findings(os.environ) if instance else asyncio.run(_everything())
    failed = [each for each in findings if not each.well]
    rows = [("ok" if each.well else "FAILED", each.what, each.seen) for each in findings]
    show(output, [asdict(each) for each in findings], Rows((), rows))
    for each in failed:
        click.echo(f"{each.what}: next: {each.hint}", err=True)
    return ExitCode.CHECK_FAILED if failed else ExitCode.OK


async def _everything() -> list[Finding]:
    config = target()
    base = registry_url(config)
    async with http_client(base) as client:
        return await all_checks(config, RegistryApi(client, base))
