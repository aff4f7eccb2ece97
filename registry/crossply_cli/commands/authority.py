"""`crossply authority`: prepare a mesh's identities, run the authority, read its log."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from crossply_cli.authority_api import AuthorityApi, with_authority
from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure
from crossply_cli.output import Format, Rows, format_option, show
from crossply_cli.times import moment
from crossply_policy import names
from crossply_registry.authority.bootstrap.init import LOOPBACK, Bootstrap, Wanted
from crossply_registry.authority.bootstrap.tenants import add_tenant
from crossply_registry.authority.certificates import CertificateFault
from crossply_registry.authority.identity import OWN, IdentityFault, trust_domain
from crossply_registry.authority.kek import KekFault


@click.group
def authority() -> None:
    """Identities: who is who, by certificates that one root vouches for."""


@authority.command
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR", help="Where to.")
@click.option("--trust-domain", default="mesh.local", show_default=True, help="The mesh's name in every identity.")
@click.option("--tenant", default="default", show_default=True, help="Whose mesh it is.")
@click.option("--service", "services", multiple=True, metavar="NAME", help="Make a token for it; may come again.")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="Under which broker and authority are reached, besides localhost; may come again.",
)
@click.option(
    "--broker-port",
    type=click.IntRange(1, 65_535),
    default=4222,
    show_default=True,
    help="For the broker's configuration.",
)
@click.option(
    "--broker-store", default="jetstream", show_default=True, metavar="DIR", help="Where the broker keeps its data."
)
@click.option(
    "--broker-monitor", type=click.IntRange(1, 65_535), metavar="PORT", help="Have the broker serve its health there."
)
@click.option("--new-signing-key", is_flag=True, help="Make another key that signs revisions; see docs/authority.md.")
@format_option()
def init(  # noqa: PLR0913 - one for each option
    *,
    out: Path,
    trust_domain: str,
    tenant: str,
    services: tuple[str, ...],
    hosts: tuple[str, ...],
    broker_port: int,
    broker_store: str,
    broker_monitor: int | None,
    new_signing_key: bool,
    output: Format,
) -> None:
    """Write what a mesh needs for its first start: root, issuer, certificates, tokens. What is there is kept.

    Run it again to add services or hosts, and every six months: it renews the certificates of brokers, authority
    and registry in the last third of their year.
    """
    wanted = replace(
        _wanted(out, trust_domain, tenant, services, hosts),
        broker_port=broker_port,
        broker_store=broker_store,
        broker_monitor=broker_monitor,
        new_signing_key=new_signing_key,
    )
    try:
        made = Bootstrap(wanted).run()
    except (CertificateFault, KekFault, OSError, ValueError) as error:
        raise Failure(f"cannot prepare {out}", why=str(error), code=ExitCode.CONFIG) from error
    show(output, {"out": str(out), "written": made}, Rows((), [(each,) for each in made]))
    click.echo(f"{len(made)} files written" if made else "nothing was missing", err=True)
    if "root/ca.key" in made:
        click.echo(f"keep {out / 'root' / 'ca.key'} offline: whoever has it is the mesh", err=True)


@authority.group
def tenant() -> None:
    """Tenants: meshes side by side at the same brokers, none of which sees another."""


@tenant.command
@click.argument("name")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR", help="As init's."
)
@click.option("--service", "services", multiple=True, metavar="NAME", help="Make a token for it; may come again.")
@click.option("--host", "hosts", multiple=True, metavar="NAME", help="Under which its authority is reached.")
@format_option()
def add(*, name: str, out: Path, services: tuple[str, ...], hosts: tuple[str, ...], output: Format) -> None:
    """Write what a tenant needs to DIR/tenants/NAME, and its account into the brokers' accounts.conf.

    Brokers take it when they read their configuration again (SIGHUP), which ends no connection.
    """
    wanted = _wanted(out, "mesh.local", name, services, hosts)
    try:
        made = add_tenant(out, name, wanted.services, wanted.hosts)
    except (CertificateFault, KekFault, OSError, ValueError) as error:
        raise Failure(f"cannot add tenant {name} to {out}", why=str(error), code=ExitCode.CONFIG) from error
    show(output, {"out": str(out / "tenants" / name), "written": made}, Rows((), [(each,) for each in made]))
    click.echo("have each broker read its configuration again: `nats-server --signal reload`", err=True)


@authority.command
def serve() -> int:
    """Serve joins until SIGTERM; CROSSPLY_AUTHORITY_DIR and other CROSSPLY_* say where and how."""
    code: int = import_module("crossply_registry.authority.__main__").main()
    return code


@authority.command
def callout() -> int:
    """Answer brokers that ask who connects, and nothing else, until SIGTERM; configured as serve.

    `serve` does so too. Replicas of this keep answering while what issues is away.
    """
    code: int = import_module("crossply_registry.authority.__main__").main(callout=True)
    return code


@authority.command
@format_option()
def log(output: Format) -> None:
    """Print the issuance log: everything issued, refused and revoked. Its chain is verified on the way."""

    async def reading(api: AuthorityApi) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = await api.get("/v1/log", "reading the log", after=after)
            entries += page["entries"]
            after = page["next"]
        return entries

    entries = with_authority(reading)
    heads = ("number", "at", "what", "identity", "instance", "by", "reason")
    rows = [tuple(moment(each[head]) if head == "at" else each[head] for head in heads) for each in entries]
    show(output, entries, Rows(heads, rows))


def _wanted(out: Path, domain: str, tenant: str, services: tuple[str, ...], hosts: tuple[str, ...]) -> Wanted:
    try:
        trust_domain(domain)
        names.service(tenant)
        for each in services:
            names.service(each)
            if each in OWN:
                raise Failure(f"{each} is a process of the mesh itself and needs no token", code=ExitCode.USAGE)
    except (IdentityFault, names.NameFault) as fault:
        raise Failure(str(fault), code=ExitCode.USAGE) from fault
    for each in hosts:
        if not each.isascii() or not each.isprintable() or not each or set(each) & set(" /@"):
            raise Failure(f"{each!r} is not the name or the address of a host", code=ExitCode.USAGE)
    return Wanted(out=out, trust_domain=domain, tenant=tenant, services=services, hosts=(*LOOPBACK, *hosts))
