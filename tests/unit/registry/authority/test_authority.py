"""How an authority starts: with the issuer all replicas agree on, or not at all and with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossply.errors import ConfigError
from crossply_registry.authority.authority import Authority
from crossply_registry.authority.certificates import CertificateFault
from crossply_registry.authority.config import AuthorityConfig
from crossply_registry.authority.folder import Folder
from crossply_registry.authority.kek import Kek
from crossply_registry.authority.state import StateFault
from crossply_registry.registry import Starting
from tests.unit.registry.authority.standing import KEK, Standing, prepared


async def test_the_first_replica_brings_the_issuer_and_the_others_need_no_copy_of_it(standing: Standing) -> None:
    one = await standing.replica()
    for name in ("issuer.pem", "issuer.key"):
        (standing.out / "authority" / name).unlink()
    other = await standing.replica()
    assert other.parts.issuer.certificate == one.parts.issuer.certificate


async def test_without_any_issuer_nothing_starts(standing: Standing) -> None:
    (standing.out / "authority" / "issuer.pem").unlink()
    with pytest.raises(CertificateFault, match="no other replica has brought an issuer"):
        await standing.replica()


async def test_the_store_holds_the_issuers_key_as_ciphertext_only(standing: Standing) -> None:
    await standing.replica()
    sealed = (standing.out / "authority" / "issuer.key").read_bytes()
    seed = KEK.open(sealed, "issuer")
    assert all(seed not in entry.value for entry in standing.link.store.entries.values())


async def test_a_replica_with_another_key_encryption_key_does_not_start(standing: Standing) -> None:
    await standing.replica()
    with pytest.raises(StateFault, match="not written under this key-encryption key"):
        await standing.replica(kek=Kek(b"2" * 32))


async def test_an_authority_of_another_root_does_not_take_over(standing: Standing, tmp_path: Path) -> None:
    await standing.replica()
    stranger = Standing(prepared(tmp_path / "other"), link=standing.link)
    with pytest.raises(CertificateFault, match="was not made by this root"):
        await stranger.replica()


async def test_before_it_runs_it_says_so(standing: Standing) -> None:
    config = AuthorityConfig(folder=Folder(standing.out / "authority"), kek=KEK)
    authority = Authority(config, connect=standing.link.connect)
    with pytest.raises(Starting):
        _ = authority.parts


def test_the_configuration_comes_from_the_environment_with_every_fault_at_once(standing: Standing) -> None:
    folder = str(standing.out / "authority")
    well = AuthorityConfig.from_mapping(
        {
            "CROSSPLY_AUTHORITY_DIR": folder,
            "CROSSPLY_AUTHORITY_KEK": "00" * 32,
            "CROSSPLY_AUTHORITY_LISTEN": "[::1]:9000",
            "CROSSPLY_NATS_URL": "tls://a:4222,tls://b:4222",
            "CROSSPLY_CREDENTIAL_LIFETIME": "60",
        }
    )
    assert (well.host, well.port, well.servers, well.lifetime) == ("::1", 9000, ("tls://a:4222", "tls://b:4222"), 60.0)

    with pytest.raises(ConfigError) as refused:
        AuthorityConfig.from_mapping(
            {
                "CROSSPLY_AUTHORITY_DIR": "/nowhere",
                "CROSSPLY_AUTHORITY_KEK": "secret",
                "CROSSPLY_AUTHORITY_LISTEN": "here",
                "CROSSPLY_NATS_URL": "http://user:pw@host",
                "CROSSPLY_CREDENTIAL_LIFETIME": "90000",
                "CROSSPLY_TENANT": "A",
                "CROSSPLY_KUBERNETES": "/nowhere.json",
                "CROSSPLY_REPLICAS": "2",
            }
        )
    assert len(refused.value.faults) == 8
    assert not any("secret" in fault or "pw" in fault for fault in refused.value.faults)
    with pytest.raises(ConfigError, match="CROSSPLY_AUTHORITY_DIR"):
        AuthorityConfig.from_mapping({})
