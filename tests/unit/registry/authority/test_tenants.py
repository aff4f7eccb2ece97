"""A tenant beside the first one: what it gets of its own, what it shares, and what brokers are told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crossply_registry.authority.bootstrap.init import Bootstrap, Wanted
from crossply_registry.authority.bootstrap.tenants import add_tenant
from crossply_registry.authority.certificates import CertificateFault, identity_of
from crossply_registry.authority.folder import Folder, certificate
from crossply_registry.authority.kek import Kek
from tests.unit.registry.authority.standing import ENVIRONMENT


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    Bootstrap(Wanted(out=tmp_path, services=("orders",)), ENVIRONMENT).run()
    return tmp_path


def accounts(mesh: Path) -> dict[str, int]:
    """Return the accounts with a store, and the bytes that each may keep in files."""
    found = re.findall(r'"(MESH\w*)" \{.*?max_file: (\d+)', (mesh / "broker" / "accounts.conf").read_text(), re.DOTALL)
    return {name: int(size) for name, size in found}


def test_a_tenant_has_its_own_identities_tokens_and_operator_and_the_same_root_and_issuer(mesh: Path) -> None:
    made = add_tenant(mesh, "acme", ("orders",), environ=ENVIRONMENT)
    first, second = Folder(mesh / "authority"), Folder(mesh / "tenants" / "acme" / "authority")
    assert identity_of(certificate(second.tls)).tenant == "acme"
    assert identity_of(certificate(mesh / "tenants" / "acme" / "registry" / "tls.pem")).tenant == "acme"
    assert certificate(second.issuer) == certificate(first.issuer)
    kek = Kek(b"k" * 32)
    assert second.read_issuer(kek).kid == first.read_issuer(kek).kid
    assert second.callout.read_bytes() == first.callout.read_bytes()
    assert second.read_operators() != first.read_operators()
    assert {each.hash for each in second.read_tokens()}.isdisjoint({each.hash for each in first.read_tokens()})
    assert "tenants/acme/services/orders/token" in made
    assert not (mesh / "tenants" / "acme" / "broker").exists()


def test_brokers_get_an_account_for_each_which_share_the_store(mesh: Path) -> None:
    alone = accounts(mesh)
    assert list(alone) == ["MESH"]
    add_tenant(mesh, "acme", environ=ENVIRONMENT)
    add_tenant(mesh, "beta", environ=ENVIRONMENT)
    shared = accounts(mesh)
    assert list(shared) == ["MESH", "MESH_acme", "MESH_beta"]
    assert set(shared.values()) == {alone["MESH"] // 3}
    assert "allowed_accounts:" not in (mesh / "broker" / "nats.conf").read_text()


def test_adding_it_again_changes_nothing_and_init_keeps_its_account(mesh: Path) -> None:
    add_tenant(mesh, "acme", environ=ENVIRONMENT)
    before = accounts(mesh)
    assert add_tenant(mesh, "acme", environ=ENVIRONMENT) == []
    assert Bootstrap(Wanted(out=mesh), ENVIRONMENT).run() == []
    assert accounts(mesh) == before


def test_the_first_tenant_and_a_configuration_that_includes_no_accounts_are_refused(mesh: Path) -> None:
    with pytest.raises(CertificateFault, match="is default's from its beginning"):
        add_tenant(mesh, "default", environ=ENVIRONMENT)
    conf = mesh / "broker" / "nats.conf"
    conf.write_text(conf.read_text().replace('include "accounts.conf"', ""))
    with pytest.raises(CertificateFault, match=r"does not include accounts\.conf"):
        add_tenant(mesh, "acme", environ=ENVIRONMENT)
    assert not (mesh / "tenants").exists()


def test_where_no_mesh_is_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"tls\.pem"):
        add_tenant(tmp_path, "acme", environ=ENVIRONMENT)
    assert not list(tmp_path.iterdir())
