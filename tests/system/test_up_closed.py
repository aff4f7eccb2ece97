"""`crossply up` is closed: whoever is not of this mesh does not connect; who runs beside it needs no setting."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import nats.errors
import pytest
from nats.aio.client import Client

from crossply import Mesh
from crossply.config import MeshConfig
from crossply_cli.exit_codes import ExitCode
from crossply_registry.authority.bootstrap.init import Bootstrap, Wanted
from tests.support.running_up import COMMAND, RunningUp, crossply, environ


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUp]:
    """A mesh that runs while this module's tests do."""
    with RunningUp(tmp_path_factory.mktemp("up")) as running:
        running.ready()
        yield running


def identities(up: RunningUp) -> Path:
    return up.data / "identities"


def trusting(up: RunningUp) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=identities(up) / "grant" / "ca.pem")


async def connected(up: RunningUp, context: ssl.SSLContext, **settings: Any) -> Client:
    url: str = up.ready()["nats"][0]
    return await nats.connect(  # pyright: ignore[reportUnknownMemberType]  # its options are untyped
        url, tls=context, allow_reconnect=False, connect_timeout=2, **settings
    )


async def test_the_broker_takes_nobody_without_a_certificate(up: RunningUp) -> None:
    with pytest.raises((OSError, nats.errors.Error, asyncio.TimeoutError)):
        await connected(up, trusting(up))


async def test_the_broker_takes_nobody_of_another_mesh(up: RunningUp, tmp_path: Path) -> None:
    domain = up.ready()["trust_domain"]
    Bootstrap(Wanted(out=tmp_path, trust_domain=domain), {}).run()
    context = trusting(up)
    context.load_cert_chain(tmp_path / "registry" / "tls.pem", tmp_path / "registry" / "tls.key")
    with pytest.raises((OSError, nats.errors.Error, asyncio.TimeoutError)):
        await connected(up, context)


async def test_a_client_of_another_language_gets_what_it_connects_with(up: RunningUp) -> None:
    issued = await asyncio.to_thread(crossply, up.folder, "identity", "issue", "--foreign", "reports", "--out", "keys")
    assert issued.returncode == ExitCode.OK, issued.stderr
    said = json.loads((up.folder / "keys" / "reports.context.json").read_text())
    assert said["url"] == up.ready()["nats"][0]
    context = ssl.create_default_context(cafile=said["ca"])
    context.load_cert_chain(said["cert"], said["key"])
    client = await connected(up, context, inbox_prefix=said["inbox_prefix"].encode())
    assert client.is_connected
    await client.close()


async def test_any_service_beside_it_joins_with_the_grant_and_commands_see_it(up: RunningUp) -> None:
    async with Mesh("newcomer", config=MeshConfig.from_mapping(environ(), start=up.folder)) as mesh:
        holders = await asyncio.to_thread(crossply, up.folder, "identity", "ls", "-o", "json")
        assert holders.returncode == ExitCode.OK, holders.stderr
        [held] = [each for each in json.loads(holders.stdout) if each["service"] == "newcomer"]
        assert held["identity"] == f"spiffe://{up.ready()['trust_domain']}/t/default/svc/newcomer"
        assert mesh.running.member.registry_key is not None


def test_secrets_of_the_data_directory_are_for_their_owner(up: RunningUp) -> None:
    grant = identities(up) / "grant" / "token"
    assert oct(grant.stat().st_mode & 0o777) == "0o600"
    assert oct(up.data.stat().st_mode & 0o777) == "0o700"
    assert oct(identities(up).stat().st_mode & 0o777) == "0o700"


def test_from_elsewhere_the_mesh_is_named(up: RunningUp, tmp_path: Path) -> None:
    settings = {**environ(), "CROSSPLY_MESH": str(up.data / "mesh.json")}
    checked = subprocess.run(
        [str(COMMAND), "check"], cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=20, check=False
    )
    assert checked.returncode == ExitCode.OK, checked.stdout + checked.stderr
    assert "authority" in checked.stdout


def test_a_second_start_is_the_same_mesh(tmp_path: Path) -> None:
    with RunningUp(tmp_path) as first:
        before = first.ready()
        kept = {path: path.read_bytes() for path in identities(first).rglob("*") if path.is_file()}
        assert first.stop() == ExitCode.OK
    with RunningUp(tmp_path) as second:
        assert second.ready()["trust_domain"] == before["trust_domain"]
        assert {path: path.read_bytes() for path in identities(second).rglob("*") if path.is_file()} == kept
        assert "development" in second.err


def test_a_plain_start_lets_everybody_reach_everything_and_says_so(up: RunningUp) -> None:
    assert "everybody may reach everything, by Access/dev-allow-all" in up.err
    found = crossply(up.folder, "policy", "get", "Access", "-o", "json")
    assert [each["name"] for each in json.loads(found.stdout)] == ["dev-allow-all"]


async def test_a_closed_start_lets_nobody_reach_anything_until_a_document_says_so(tmp_path: Path) -> None:
    with RunningUp(tmp_path, "--closed") as closed:
        closed.ready()
        async with greeter(closed):
            denied = await asyncio.to_thread(crossply, tmp_path, "call", "greeter.greet")
            assert denied.returncode == ExitCode.DENIED, denied.stderr
            (tmp_path / "access.yaml").write_text(
                "kind: Access\nname: mine\nspec:\n"
                "  effect: allow\n  from: [crossply-cli]\n  to: [{service: greeter, endpoints: [greet]}]\n"
            )
            applied = await asyncio.to_thread(crossply, tmp_path, "policy", "apply", "-f", "access.yaml")
            assert applied.returncode == ExitCode.OK, applied.stderr
            called = await asyncio.to_thread(crossply, tmp_path, "call", "greeter.greet")
            assert (called.returncode, called.stdout.strip()) == (ExitCode.OK, '"Hello!"'), called.stderr


@asynccontextmanager
async def greeter(up: RunningUp) -> AsyncGenerator[None]:
    """A user's own service, which is told nothing."""
    mesh = Mesh("greeter", config=MeshConfig.from_mapping(environ(), start=up.folder))

    @mesh.endpoint(idempotent=True)
    async def greet() -> str:
        return "Hello!"

    async with mesh:
        yield
