"""Adds a tenant to a mesh: a folder of its own, and an account at the brokers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from crossply_registry.authority.bootstrap.init import LOOPBACK, Bootstrap, Wanted
from crossply_registry.authority.bootstrap.places import Places
from crossply_registry.authority.certificates import CertificateFault, identity_of
from crossply_registry.authority.folder import certificate
from crossply_registry.broker_callout import ACCOUNTS_FILE

_INCLUDE: Final = f'include "{ACCOUNTS_FILE}"'


def add_tenant(
    mesh: Path,
    tenant: str,
    services: tuple[str, ...] = (),
    hosts: tuple[str, ...] = LOOPBACK,
    environ: Mapping[str, str] | None = None,
) -> list[str]:
    """Write what is missing for a tenant of the mesh at a folder, and return paths in that.

    Raise CertificateFault, KekFault or OSError; then the brokers' files are as they were.
    """
    places = Places(mesh)
    first = identity_of(certificate(places.authority.tls))
    if tenant == first.tenant:
        raise CertificateFault(f"{mesh} is {tenant}'s from its beginning")
    if _INCLUDE not in (places.broker / "nats.conf").read_text():
        raise CertificateFault(
            f"{places.broker / 'nats.conf'} does not include {ACCOUNTS_FILE}: write {_INCLUDE} in place of its accounts"
        )
    wanted = Wanted(out=mesh, trust_domain=first.trust_domain, tenant=first.tenant)
    out = places.tenants / tenant
    made = Bootstrap(replace(wanted, out=out, of=mesh, tenant=tenant, services=services, hosts=hosts), environ).run()
    accounts = Bootstrap(wanted, environ).run()
    return [*(str((out / each).relative_to(mesh)) for each in made), *accounts]
