"""A mesh over mutual TLS: everything goes through it, whoever should not connect is told why, and at once."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crossply import Event, Mesh
from crossply.config import MeshConfig
from crossply.errors import Unavailable
from crossply.tls import TlsFiles
from tests.support.authority import Authority
from tests.support.broker import Broker
from tests.support.cluster import Cluster
from tests.support.meshes import Meshes
from tests.support.program import WORKER, Program
from tests.support.provider import Provider
from tests.support.registry_process import RegistryProcess
from tests.support.waiting import eventually

PAST = timedelta(hours=-1)
AT_ONCE = 5.0
"""Less than a start would wait; a hang would take its whole time."""
ENDED = "it may want a certificate of this process, or refuse the one it got"
"""What is said when the broker's own words were lost, as TCP may drop them when it resets a connection."""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Who signed what the broker shows, and whose certificates it takes."""
    return Authority(tmp_path / "authority")


@pytest.fixture
def broker(tmp_path: Path, authority: Authority) -> Iterator[Broker]:
    """A nats-server that demands certificates."""
    with Broker(tmp_path, extra=authority.broker("127.0.0.1")) as running:
        yield running


async def orders(meshes: Meshes, files: TlsFiles | None, handled: list[int]) -> Mesh:
    mesh = meshes.new("orders", tls=files)

    @mesh.endpoint(idempotent=True)
    async def quote(body: bytes) -> int:
        return len(body)

    @mesh.on("orders.created")
    async def created(number: int, _event: Event) -> None:
        handled.append(number)

    await meshes.start(mesh)
    return mesh


async def refused(broker: Broker, files: TlsFiles | None, url: str = "") -> str:
    """Return why a mesh that has only a second to start did not."""
    mesh = Mesh("orders", config=MeshConfig(nats=(url or broker.url,), tls=files, connect_timeout=1.0))
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        await mesh.start()
    assert time.monotonic() - began < AT_ONCE
    return str(caught.value)


async def test_calls_and_events_go_over_mutual_tls(broker: Broker, meshes: Meshes, authority: Authority) -> None:
    handled: list[int] = []
    serving = await orders(meshes, authority.issue("orders"), handled)
    files = authority.issue("caller")
    async with Provider(broker, tls=files) as provider:
        await provider.ensure(consumers=(("orders", "orders.created"),))
        caller = await meshes.client(tls=files)
        assert await caller.call("orders.quote", bytes(700_000)) == 700_000
        await caller.publish("orders.created", 7)
        await eventually(lambda: handled == [7])
        link: Any = serving.link
        transport = link._broker.current._transport
        assert transport.get_extra_info("ssl_object").version() == "TLSv1.3"


async def test_a_broker_that_is_killed_and_comes_back_is_reached_again(
    broker: Broker, meshes: Meshes, authority: Authority
) -> None:
    serving = await orders(meshes, authority.issue("orders"), [])
    caller = await meshes.client(tls=authority.issue("caller"))
    assert await caller.call("orders.quote", b"abc") == 3
    broker.kill()
    await eventually(lambda: not caller.link.connected and not serving.link.connected)
    broker.start()
    assert await caller.call("orders.quote", b"abc", timeout=10.0) == 3


async def test_a_paused_broker_is_left_although_bytes_are_unsent(
    broker: Broker, meshes: Meshes, authority: Authority
) -> None:
    await orders(meshes, authority.issue("orders"), [])
    caller = await meshes.client(tls=authority.issue("caller"))
    assert await caller.call("orders.quote", b"abc") == 3
    broker.pause()
    calls = [asyncio.ensure_future(caller.call("orders.quote", bytes(700_000), timeout=2.0)) for _ in range(20)]
    await eventually(lambda: not caller.link.connected, 6.0)
    await asyncio.gather(*calls, return_exceptions=True)
    broker.resume()
    assert await caller.call("orders.quote", b"abc", timeout=10.0) == 3


async def test_each_connection_shows_the_certificate_that_is_there_by_then(
    broker: Broker, meshes: Meshes, authority: Authority
) -> None:
    files = authority.issue("caller")
    await orders(meshes, authority.issue("orders"), [])
    caller = await meshes.client(tls=files)
    authority.issue("expired", valid=PAST, to=files)
    assert await caller.call("orders.quote", b"abc") == 3  # on the connection of before
    broker.kill()
    await eventually(lambda: not caller.link.connected)
    broker.start()
    await eventually(lambda: "TLS handshake error" in broker.log)
    assert not caller.link.connected
    authority.issue("renewed", to=files)
    assert await caller.call("orders.quote", b"abc", timeout=10.0) == 3


async def test_a_broker_of_another_authority_is_refused(broker: Broker, tmp_path: Path, authority: Authority) -> None:
    other = Authority(tmp_path / "other")
    files = authority.issue("orders")
    said = await refused(broker, TlsFiles(ca=other.ca, certificate=files.certificate, key=files.key))
    assert "the broker's certificate is refused" in said
    assert str(other.ca) in said


async def test_who_shows_no_certificate_is_told_that_it_needs_one(broker: Broker, authority: Authority) -> None:
    said = await refused(broker, TlsFiles(ca=authority.ca))
    assert "wants a certificate of this process: set CROSSPLY_TLS_CERT" in said or ENDED in said


async def test_who_shows_an_expired_certificate_is_told_so(broker: Broker, authority: Authority) -> None:
    said = await refused(broker, authority.issue("orders", valid=PAST))
    assert "CROSSPLY_TLS_CERT has expired" in said or ENDED in said


async def test_who_shows_a_certificate_of_another_authority_is_told_so(
    broker: Broker, tmp_path: Path, authority: Authority
) -> None:
    files = Authority(tmp_path / "other").issue("orders")
    said = await refused(broker, TlsFiles(ca=authority.ca, certificate=files.certificate, key=files.key))
    assert "does not know the authority that signed CROSSPLY_TLS_CERT" in said or ENDED in said


async def test_a_broker_whose_certificate_has_expired_is_refused(tmp_path: Path, authority: Authority) -> None:
    with Broker(tmp_path, extra=authority.broker("127.0.0.1", valid=PAST)) as broker:
        assert "certificate has expired" in await refused(broker, authority.issue("orders"))


async def test_a_broker_whose_certificate_is_for_another_host_is_refused(tmp_path: Path, authority: Authority) -> None:
    with Broker(tmp_path, extra=authority.broker("elsewhere.example")) as broker:
        assert "not valid for '127.0.0.1'" in await refused(broker, authority.issue("orders"))


@pytest.mark.parametrize("asked", ["files", "address"])
async def test_nothing_is_said_without_tls_to_whoever_was_to_speak_it(
    tmp_path: Path, authority: Authority, asked: str
) -> None:
    with Broker(tmp_path, extra="\ndebug: true\ntrace: true\n") as broker:
        if asked == "files":
            said = await refused(broker, authority.issue("orders"))
        else:
            said = await refused(broker, None, broker.url.replace("nats://", "tls://"))
        assert "offers no TLS" in said
        assert "[CONNECT" not in broker.log
        async with Mesh("orders", config=MeshConfig(nats=(broker.url,))):
            assert "[CONNECT" in broker.log  # so it would have been seen


async def test_a_broker_that_is_about_to_leave_is_left_for_another_whose_name_it_cannot_know(
    tmp_path: Path, authority: Authority
) -> None:
    # Brokers tell of each other by address; the certificate holds a name only.
    with Cluster(tmp_path, extra=authority.broker("localhost")) as cluster:
        files = authority.issue("caller")
        url = cluster.url(0).replace("127.0.0.1", "localhost")
        async with Mesh("caller", config=MeshConfig(nats=(url,), tls=files)) as caller:
            cluster.signal(0, signal.SIGUSR2)
            await eventually(lambda: caller.link.server == cluster.place(1), 10.0)


def variables(files: TlsFiles) -> dict[str, str]:
    """Return what names the files to a program."""
    return {
        "CROSSPLY_TLS_CA": str(files.ca),
        "CROSSPLY_TLS_CERT": str(files.certificate),
        "CROSSPLY_TLS_KEY": str(files.key),
    }


async def test_a_service_takes_its_files_from_the_environment(
    broker: Broker, tmp_path: Path, authority: Authority
) -> None:
    environ = {"CROSSPLY_NATS_URL": broker.url, **variables(authority.issue("worker"))}
    with Program(tmp_path / "worker", str(WORKER), environ=environ) as program:
        await program.ready("worker")


async def test_the_registry_and_the_command_take_the_same_files(
    broker: Broker, tmp_path: Path, authority: Authority
) -> None:
    environ = variables(authority.issue("registry"))
    async with RegistryProcess(tmp_path / "registry", broker.url, **environ) as registry:
        await registry.ready()
        files = {**environ, "CROSSPLY_NATS_URL": broker.url, "CROSSPLY_REGISTRY_URL": str(registry.api.base_url)}
        with Program(tmp_path / "check", "-m", "crossply_cli", "check", environ=files) as check:
            assert await check.ended(20.0) == 0, check.log
        without = {**files, "CROSSPLY_TLS_CERT": "", "CROSSPLY_TLS_KEY": ""}
        with Program(tmp_path / "without", "-m", "crossply_cli", "check", environ=without) as check:
            assert await check.ended(20.0) != 0
            assert "docs/configuration.md" in check.log


async def test_a_service_whose_files_are_wrong_ends_and_says_all_that_is(tmp_path: Path) -> None:
    environ = {"CROSSPLY_TLS_CA": str(tmp_path / "none"), "CROSSPLY_TLS_CERT": "x", "CROSSPLY_TENANT": "No Good"}
    with Program(tmp_path, str(WORKER), environ=environ) as program:
        assert await program.ended() == os.EX_USAGE
    assert all(name in program.log for name in (*environ, "CROSSPLY_TLS_KEY"))
