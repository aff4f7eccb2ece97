"""The registry and a mesh's services: policy reaches them, they are known, what they declare is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from crossply import EndpointFailed, current
from crossply.names import new_instance
from crossply.wire import connect
from crossply.wire.link import LinkConfig
from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.registry_process import RegistryProcess
from tests.support.waiting import eventually, eventually_awaited


@pytest.fixture
async def registry(tmp_path: Path, broker: Broker) -> AsyncIterator[RegistryProcess]:
    async with RegistryProcess(tmp_path / "registry", broker.url) as running:
        yield await running.ready()


async def planes(registry: RegistryProcess) -> dict[str, dict[str, Any]]:
    """Return the data planes by service."""
    return {one["service"]: one for one in (await registry.status())["data_planes"]}


async def test_a_change_reaches_every_data_plane_within_a_second(registry: RegistryProcess, meshes: Meshes) -> None:
    billing, orders = meshes.new("billing"), meshes.new("orders", kind="bridge")
    await meshes.start(billing, orders)

    async def known() -> bool:
        return set(await planes(registry)) == {"billing", "orders"}

    await eventually_awaited(known)
    answer = await registry.put("billing", {"retry": {"attempts": 2}})
    revision = answer.json()["revision"]

    async def applied() -> bool:
        status = await registry.status()
        return bool(status["revision"] == revision and status["behind"] == 0)

    await eventually_awaited(applied, 1.0)
    assert {one["revision"] for one in (await planes(registry)).values()} == {revision}
    assert billing.status()["revision"] == revision


async def test_a_service_that_comes_later_has_what_is_in_force(registry: RegistryProcess, meshes: Meshes) -> None:
    for number in range(3):
        await registry.put(f"s{number}", {"retry": {"attempts": number}})
    late = meshes.new("s1")
    await meshes.start(late)
    await eventually(lambda: late.status()["revision"] == 3)


async def test_an_instance_is_listed_while_it_lives_and_gone_when_it_says_bye(
    registry: RegistryProcess, meshes: Meshes
) -> None:
    stock = meshes.new("stock", version="4.5.6", zone="a", labels={"tier": "gold"})

    @stock.endpoint(idempotent=True)
    async def count(sku: str) -> int:
        return len(sku)

    await meshes.start(stock)
    await eventually_awaited(lambda: registry.answers("/v1/services/stock"))
    (instance,) = (await registry.api.get("/v1/services/stock")).json()["instances"]
    assert (instance["instance"], instance["version"], instance["zone"]) == (stock.instance, "4.5.6", "a")
    assert instance["labels"] == {"tier": "gold"}
    assert [(one["name"], one["idempotent"]) for one in instance["endpoints"]] == [("count", True)]
    assert instance["last_seen"] < 15
    await stock.stop()

    async def gone() -> bool:
        return (await registry.api.get("/v1/services/stock")).status_code == 404

    await eventually_awaited(gone, 2.0)


async def test_a_registry_that_starts_last_learns_who_is_there_from_their_heartbeats(
    broker: Broker, meshes: Meshes, tmp_path: Path
) -> None:
    early = meshes.new("early")

    @early.endpoint
    async def here() -> bool:
        return True

    await meshes.start(early)
    async with RegistryProcess(tmp_path / "registry", broker.url) as late:
        await late.ready()

        async def known() -> bool:
            return "early" in await planes(late)

        await eventually_awaited(known, 10.0)


async def test_streams_and_consumers_are_there_for_who_declares_them(registry: RegistryProcess, meshes: Meshes) -> None:
    handled: list[str] = []
    mailer, orders = meshes.new("mailer"), meshes.new("orders")

    @mailer.on("orders.created")
    async def mail(number: str) -> None:
        handled.append(number)

    await meshes.start(mailer)

    async def provided() -> bool:
        return [one["ready"] for one in (await registry.status())["consumers"]] == [True]

    await eventually_awaited(provided)
    await meshes.start(orders)
    await orders.publish("orders.created", "17")
    await eventually(lambda: handled == ["17"])

    async def drained() -> bool:
        (one,) = (await registry.api.get("/v1/services/mailer")).json()["subscriptions"]
        nothing = {"pending": 0, "unacknowledged": 0, "redelivered": 0}
        return bool(one == {"pattern": "orders.created", "consumer": "ready"} | nothing)

    await eventually_awaited(drained)
    status = await registry.status()
    assert status["streams"] == [{"family": "orders", "ready": True, "error": ""}]


async def test_a_publisher_to_a_new_family_waits_for_its_stream_and_no_longer(
    registry: RegistryProcess, meshes: Meshes
) -> None:
    orders = meshes.new("orders")
    await meshes.start(orders)
    await orders.publish("orders.created", "1", timeout=5.0)


async def test_a_mesh_goes_on_by_itself_after_the_broker_restarts(
    registry: RegistryProcess, broker: Broker, meshes: Meshes
) -> None:
    billing = meshes.new("billing")
    await meshes.start(billing)
    etag = (await registry.put("billing", {"retry": {"attempts": 0}})).headers["etag"]
    broker.kill()
    broker.start()
    await registry.ready()

    async def changed() -> bool:
        answer = await registry.put("billing", {"retry": {"attempts": 2}}, etag)
        return answer.is_success

    await eventually_awaited(changed, 10.0)
    await eventually(lambda: billing.status()["revision"] == 2, 10.0)

    async def listed() -> bool:
        return not (await registry.status())["behind"] and "billing" in await planes(registry)

    await eventually_awaited(listed, 10.0)


async def test_the_head_is_repeated_for_whoever_missed_the_announcement(
    registry: RegistryProcess, broker: Broker
) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    link = await connect(LinkConfig(servers=(broker.url,), service="listener", instance=new_instance()))
    watch = await link.watch_head(heard.put_nowait)
    first, second = await heard.get(), await heard.get()
    assert first == second
    assert len(first) <= 200
    await watch.aclose()
    await link.aclose()


async def test_calls_are_told_of_by_edge_as_traces_and_to_prometheus(registry: RegistryProcess, meshes: Meshes) -> None:
    answer = await registry.api.put(
        "/v1/documents/Telemetry/mesh", json={"spec": {"sampling": 1}}, headers={"If-None-Match": "*"}
    )
    assert answer.status_code == 201
    orders, web = meshes.new("orders"), meshes.new("web")

    @orders.endpoint
    async def create(good: bool) -> None:
        if not good:
            raise EndpointFailed("no credit left")

    await meshes.start(orders, web)
    for _ in range(3):
        await web.call("orders.create", {"good": True})
    with pytest.raises(EndpointFailed) as caught:
        await web.call("orders.create", {"good": False})
    failed = caught.value.trace_id

    async def counted() -> dict[str, Any] | None:
        edges = (await registry.api.get("/v1/stat")).json()["edges"]
        return next((each for each in edges if each["count"] == 4), None)

    edge = await eventually_awaited(counted, 10.0)
    assert (edge["caller"], edge["callee"], edge["operation"]) == ("web", "orders", "orders.create")
    assert (edge["success"], edge["outcomes"]) == (0.75, {"internal": 1, "ok": 3})

    async def both_ends() -> list[dict[str, Any]] | None:
        spans: list[dict[str, Any]] = (await registry.api.get(f"/v1/traces/{failed}")).json().get("spans", [])
        return spans if len(spans) == 3 else None

    call, attempt, served = await eventually_awaited(both_ends, 10.0)
    assert (call["service"], attempt["service"], served["service"]) == ("web", "web", "orders")
    assert (attempt["parent_id"], served["parent_id"]) == (call["span_id"], attempt["span_id"])
    assert (attempt["cause"], attempt["addressed"]) == ("first", served["instance"])
    assert (call["code"], call["parent_id"], call["kept"]) == ("internal", "", "")
    scrape = (await registry.api.get("/metrics")).text
    assert "mesh_calls_total{" in scrape
    assert "mesh_policy_revision 1.0" in scrape


async def test_a_sampling_policy_is_followed_while_calls_go_on(registry: RegistryProcess, meshes: Meshes) -> None:
    orders, web = meshes.new("orders"), meshes.new("web")

    @orders.endpoint
    async def create() -> str:
        return str(current().traceparent)[-2:]

    await meshes.start(orders, web)
    await registry.api.put(
        "/v1/documents/Telemetry/web", json={"spec": {"sampling": 0}}, headers={"If-None-Match": "*"}
    )
    flags: list[str] = []

    async def seen(flag: str) -> bool:
        flags.append(await web.call("orders.create"))
        return flags[-5:] == [flag] * 5

    await eventually_awaited(lambda: seen("02"))
    await registry.api.put("/v1/documents/Telemetry/web", json={"spec": {"sampling": 1}}, headers={"If-Match": "*"})
    await eventually_awaited(lambda: seen("03"))
