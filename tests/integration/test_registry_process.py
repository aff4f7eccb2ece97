"""The registry as a process: it waits for its broker, lives through its absence, and ends when told to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tests.support.broker import Broker, free_port
from tests.support.registry_process import RegistryProcess
from tests.support.waiting import eventually_awaited

NOBODY = f"nats://127.0.0.1:{free_port()}"


@pytest.fixture
async def registry(tmp_path: Path, broker: Broker) -> AsyncIterator[RegistryProcess]:
    async with RegistryProcess(tmp_path / "registry", broker.url) as running:
        yield await running.ready()


async def test_documents_outlive_the_process(registry: RegistryProcess, broker: Broker, tmp_path: Path) -> None:
    created = await registry.put("billing", {"retry": {"attempts": 0}})
    assert (created.status_code, created.headers["etag"]) == (201, '"1.1"')
    registry.program.kill()
    async with RegistryProcess(tmp_path / "next", broker.url) as following:
        await following.ready()
        read = await following.api.get("/v1/documents/Service/billing")
        assert (read.headers["etag"], read.json()["spec"]) == ('"1.1"', {"retry": {"attempts": 0}})
        changed = await following.put("billing", {"retry": {"attempts": 2}}, '"1.1"')
        assert changed.headers["etag"] == '"1.2"'


async def test_it_stops_within_two_seconds_of_a_signal_and_exits_with_0(registry: RegistryProcess) -> None:
    registry.program.terminate()
    assert await registry.program.ended(2.0) == 0
    assert "Traceback" not in registry.program.log


async def test_it_stops_as_quickly_while_its_broker_is_paused(registry: RegistryProcess, broker: Broker) -> None:
    broker.pause()
    try:
        registry.program.terminate()
        assert await registry.program.ended(3.0) == 0
    finally:
        broker.resume()


async def test_its_log_is_one_json_object_a_line(registry: RegistryProcess) -> None:
    await registry.put("billing", {})
    registry.program.terminate()
    await registry.program.ended()
    events = [msgspec.json.decode(line) for line in registry.program.log.splitlines()]
    assert {"listening", "ready", "document_created", "stopping"} <= {event["event"] for event in events}


async def test_it_lives_while_it_waits_for_a_broker_and_then_says_what_is_missing(tmp_path: Path) -> None:
    async with RegistryProcess(tmp_path, NOBODY, CROSSPLY_CONNECT_TIMEOUT="2") as registry:
        await eventually_awaited(lambda: registry.answers("/healthz"))
        answer = await registry.api.get("/readyz")
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert await registry.program.ended() == 69
        assert "waiting_for_broker" in registry.program.log
        assert "waited 2 s in vain: broker nats://127.0.0.1" in registry.program.log
        assert "Traceback" not in registry.program.log


async def test_it_stops_while_it_waits_for_a_broker(tmp_path: Path) -> None:
    async with RegistryProcess(tmp_path, NOBODY) as registry:
        await eventually_awaited(lambda: registry.answers("/healthz"))
        registry.program.terminate()
        assert await registry.program.ended(2.0) == 0


async def test_a_broker_that_comes_late_is_found(tmp_path: Path) -> None:
    with Broker(tmp_path) as late:
        late.terminate()
        async with RegistryProcess(tmp_path / "registry", late.url) as registry:
            await eventually_awaited(lambda: registry.answers("/healthz"))
            late.start()
            await registry.ready()
            assert (await registry.put("billing", {})).status_code == 201


async def test_it_recovers_by_itself_when_the_broker_restarts(registry: RegistryProcess, broker: Broker) -> None:
    created = await registry.put("billing", {"retry": {"attempts": 0}})
    broker.kill()
    await eventually_awaited(lambda: _refused(registry))
    refused = await registry.put("billing", {}, created.headers["etag"])
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert (await registry.api.get("/v1/documents/Service/billing")).status_code == 200
    broker.start()
    await registry.ready()
    changed = await registry.put("billing", {}, created.headers["etag"])
    assert changed.headers["etag"] == '"1.2"'


async def test_a_taken_port_is_said(tmp_path: Path, broker: Broker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        async with RegistryProcess(tmp_path / "r", broker.url, CROSSPLY_REGISTRY_LISTEN=address) as registry:
            assert await registry.program.ended() == 69
            assert f"cannot listen on {address}" in registry.program.log


async def test_a_wrong_configuration_is_said_in_full(tmp_path: Path) -> None:
    async with RegistryProcess(tmp_path, "http://nowhere", CROSSPLY_REPLICAS="2") as registry:
        assert await registry.program.ended() == 64
        assert "CROSSPLY_NATS_URL" in registry.program.log
        assert "CROSSPLY_REPLICAS" in registry.program.log
        assert "Traceback" not in registry.program.log


async def test_a_history_of_another_signing_key_is_refused(
    registry: RegistryProcess, broker: Broker, tmp_path: Path
) -> None:
    seed = tmp_path / "seed"
    seed.write_text("ab" * 32)
    async with RegistryProcess(tmp_path / "other", broker.url, CROSSPLY_SIGNING_KEY=str(seed)) as other:
        assert await other.program.ended() == 65
        assert "not signed by the registry's key" in other.program.log


async def test_replicas_write_side_by_side_and_follow_each_other(
    registry: RegistryProcess, broker: Broker, tmp_path: Path
) -> None:
    async with RegistryProcess(tmp_path / "second", broker.url) as second:
        await second.ready()
        answers = await asyncio.gather(
            *(registry.put(f"a{number}", {}) for number in range(10)),
            *(second.put(f"b{number}", {}) for number in range(10)),
        )
        assert [answer.status_code for answer in answers] == [201] * 20
        assert {answer.json()["revision"] for answer in answers} == set(range(1, 21))

        async def same() -> bool:
            one, two = await asyncio.gather(registry.status(), second.status())
            return bool(one["revision"] == two["revision"] == 20 and one["head"] == two["head"])

        await eventually_awaited(same, 2.0)
        history = (await second.api.get("/v1/revisions", params={"limit": 100})).json()["revisions"]
        assert [one["revision"] for one in history] == list(range(20, -1, -1))


async def test_of_two_replicas_that_change_one_document_at_once_one_is_told_that_it_is_stale(
    registry: RegistryProcess, broker: Broker, tmp_path: Path
) -> None:
    etag = (await registry.put("billing", {})).headers["etag"]
    async with RegistryProcess(tmp_path / "second", broker.url) as second:
        await second.ready()
        answers = await asyncio.gather(
            registry.put("billing", {"retry": {"attempts": 1}}, etag),
            second.put("billing", {"retry": {"attempts": 3}}, etag),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 412]


async def _refused(registry: RegistryProcess) -> bool:
    return not await registry.answers("/readyz")
