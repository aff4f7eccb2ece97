"""What `crossply check` says of an authority and a broker that are not there."""

from __future__ import annotations

from pathlib import Path

from crossply.config import MeshConfig
from crossply_cli.checks import all_checks
from crossply_cli.registry_api import RegistryApi, http_client
from crossply_registry.authority.bootstrap.init import Bootstrap, Wanted
from tests.support.broker import free_port


async def found(**settings: object) -> list[tuple[str, bool, str]]:
    nowhere = f"http://127.0.0.1:{free_port()}"
    config = MeshConfig(registry=nowhere, connect_timeout=0.1, nats=(f"tls://127.0.0.1:{free_port()}",), **settings)  # type: ignore[arg-type]  # each test says what fits
    async with http_client(nowhere) as client:
        findings = await all_checks(config, RegistryApi(client, nowhere))
    return [(each.what, each.well, each.hint) for each in findings]


async def test_an_authority_that_does_not_answer_is_the_fault_and_not_the_broker(tmp_path: Path) -> None:
    Bootstrap(Wanted(out=tmp_path / "identities", grant=True), {}).run()
    told = {
        "authority": f"https://127.0.0.1:{free_port()}",
        "authority_ca": tmp_path / "identities" / "grant" / "ca.pem",
        "token_file": tmp_path / "identities" / "grant" / "token",
        "local": tmp_path / "mesh.json",
    }
    authority, registry = await found(**told)
    assert authority[:2] == ("authority", False)
    assert "start one with `crossply up`" in authority[2]
    assert registry[:2] == ("registry", False)


async def test_without_an_authority_the_broker_alone_is_asked() -> None:
    assert [each[:2] for each in await found()] == [("broker", False), ("registry", False)]
