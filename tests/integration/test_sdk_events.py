"""Durable events: stored before publish returns, delivered once a service, again after a failure, lost by nobody."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from structlog.typing import EventDict

from crossply import CallError, Event, IntegrityFailed, InvalidArgument, Mesh
from crossply.handler import Kind, Request
from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.plain_client import PlainClient
from tests.support.program import WORKER, Program
from tests.support.provider import Provider
from tests.support.waiting import eventually


def subscriber(meshes: Meshes, service: str, into: list[int]) -> Mesh:
    mesh = meshes.new(service)

    @mesh.on("orders.created")
    async def created(number: int) -> None:
        into.append(number)

    return mesh


async def test_publish_returns_when_the_broker_has_stored_the_event(
    provider: Provider, meshes: Meshes, plain: PlainClient
) -> None:
    await provider.ensure(families=("orders",))
    caller = await meshes.client()
    await caller.publish("orders.created", 7)
    assert len(await plain.stored("MESH_EVT_orders")) == 1


async def test_the_first_publish_of_a_family_waits_for_its_stream(
    provider: Provider, meshes: Meshes, plain: PlainClient
) -> None:
    caller = await meshes.client()
    await asyncio.gather(*(caller.publish("orders.created", number, timeout=10.0) for number in range(20)))
    assert len(await plain.stored("MESH_EVT_orders")) == 20
    assert provider.link.connected


async def test_instances_of_a_service_share_its_events_and_another_service_gets_its_own(
    provider: Provider, meshes: Meshes
) -> None:
    first: list[int] = []
    second: list[int] = []
    other: list[int] = []
    await provider.ensure(consumers=(("mailer", "orders.created"), ("audit", "orders.created")))
    await meshes.start(
        subscriber(meshes, "mailer", first), subscriber(meshes, "mailer", second), subscriber(meshes, "audit", other)
    )
    caller = await meshes.client()
    for number in range(200):
        await caller.publish("orders.created", number)
    await eventually(lambda: len(first) + len(second) == 200 and len(other) == 200, 10.0)
    assert sorted(first + second) == sorted(other) == list(range(200))
    assert first
    assert second


async def test_a_subscriber_that_starts_before_its_consumer_begins_when_it_is_created(
    broker: Broker, meshes: Meshes
) -> None:
    got: list[int] = []
    await meshes.start(subscriber(meshes, "mailer", got))
    async with Provider(broker):
        caller = await meshes.client()
        for number in range(50):
            await caller.publish("orders.created", number, timeout=10.0)
            await asyncio.sleep(0.02)
            if got:
                break
        await eventually(lambda: got, 10.0)


async def test_an_event_whose_handler_raises_is_delivered_again_after_a_delay(
    provider: Provider, meshes: Meshes
) -> None:
    deliveries: list[tuple[int, float, str]] = []
    mailer = meshes.new("mailer")

    @mailer.on("orders.created")
    async def created(_number: int, event: Event) -> None:
        deliveries.append((event.delivery, time.monotonic(), event.id))
        if event.delivery == 1:
            raise RuntimeError("the mail server is away")

    await provider.ensure(consumers=(("mailer", "orders.created"),))
    await meshes.start(mailer)
    caller = await meshes.client()
    await caller.publish("orders.created", 1)
    await eventually(lambda: len(deliveries) == 2, 10.0)
    (first, at, id_first), (second, again, id_second) = deliveries
    assert (first, second) == (1, 2)
    assert id_first == id_second
    assert again - at >= 0.9


async def test_an_event_that_does_not_validate_does_not_hold_up_the_others(provider: Provider, meshes: Meshes) -> None:
    got: list[int] = []
    await provider.ensure(consumers=(("mailer", "orders.created"),))
    await meshes.start(subscriber(meshes, "mailer", got))
    caller = await meshes.client()
    await caller.publish("orders.created", "not a number")
    await caller.publish("orders.created", 2)
    await eventually(lambda: got == [2])


async def test_a_thousand_events_arrive_each_once(provider: Provider, meshes: Meshes) -> None:
    got: list[int] = []
    await provider.ensure(consumers=(("mailer", "orders.created"),))
    await meshes.start(subscriber(meshes, "mailer", got))
    caller = await meshes.client()
    for start in range(0, 1000, 100):
        await asyncio.gather(*(caller.publish("orders.created", number) for number in range(start, start + 100)))
    await eventually(lambda: len(got) >= 1000, 15.0)
    await asyncio.sleep(0.3)
    assert Counter(got) == Counter(range(1000))


async def test_a_random_id_that_was_used_before_is_an_alarm(provider: Provider, meshes: Meshes) -> None:
    await provider.ensure(families=("orders",))
    caller = await meshes.client()
    publishing = caller.publishing("orders.created")
    await publishing(Request("orders.created", b"\x01", kind=Kind.EVENT, id=bytes(16)))
    with pytest.raises(IntegrityFailed):
        await publishing(Request("orders.created", b"\x02", kind=Kind.EVENT, id=bytes(16)))


async def test_an_event_published_again_under_its_id_is_stored_once(provider: Provider, meshes: Meshes) -> None:
    got: list[int] = []
    await provider.ensure(consumers=(("mailer", "orders.created"),))
    await meshes.start(subscriber(meshes, "mailer", got))
    caller = await meshes.client()
    for _ in range(3):
        await caller.publish("orders.created", 1, id=bytes(16))
    await caller.publish("orders.created", 2)
    await eventually(lambda: 2 in got)
    assert got == [1, 2]
    with pytest.raises(InvalidArgument, match="16 bytes, not 1"):
        await caller.publish("orders.created", 1, id=b"x")


async def test_an_event_whose_handler_is_cancelled_from_within_comes_again_after_a_delay_and_is_said(
    provider: Provider, meshes: Meshes, logs: list[EventDict]
) -> None:
    deliveries: list[float] = []
    await provider.ensure(consumers=(("mailer", "orders.created"),))
    mailer = meshes.new("mailer")

    @mailer.on("orders.created")
    async def created(number: int) -> None:
        deliveries.append(time.monotonic())
        if len(deliveries) == 1:
            raise asyncio.CancelledError

    await meshes.start(mailer)
    caller = await meshes.client()
    await caller.publish("orders.created", 1)
    await eventually(lambda: len(deliveries) == 2)
    assert deliveries[1] - deliveries[0] >= 0.9
    assert any(each["event"] == "endpoint_raised" for each in logs)


async def test_an_event_that_does_not_validate_is_said(
    provider: Provider, meshes: Meshes, logs: list[EventDict]
) -> None:
    await provider.ensure(consumers=(("mailer", "orders.created"),))
    await meshes.start(subscriber(meshes, "mailer", []))
    caller = await meshes.client()
    await caller.publish("orders.created", "not a number")
    await eventually(lambda: any("Expected `int`" in each.get("error", "") for each in logs))


async def test_an_event_from_outside_has_the_same_id_in_every_delivery(
    provider: Provider, meshes: Meshes, plain: PlainClient
) -> None:
    ids: list[str] = []
    await provider.ensure(consumers=(("mailer", "orders.created"),))
    mailer = meshes.new("mailer")

    @mailer.on("orders.created")
    async def created(event: Event) -> None:
        ids.append(event.id)
        if len(ids) == 1:
            raise RuntimeError("once more")

    await meshes.start(mailer)
    await plain.publish("mesh.evt.orders.created", b'{"n": 1}')
    await eventually(lambda: len(ids) == 2)
    assert ids[0] == ids[1]


async def test_metadata_that_is_not_text_is_refused_before_anything_is_stored(
    provider: Provider, meshes: Meshes
) -> None:
    got: list[int] = []
    await provider.ensure(consumers=(("mailer", "orders.created"),))
    await meshes.start(subscriber(meshes, "mailer", got))
    caller = await meshes.client()
    wrong: Any = {"n": 1}
    with pytest.raises(InvalidArgument, match="metadata"):
        await caller.publish("orders.created", 1, metadata=wrong)
    await caller.publish("orders.created", 2)
    await eventually(lambda: got == [2])


async def test_a_publish_ends_at_its_deadline_and_says_whether_anything_was_sent(
    broker: Broker, provider: Provider, meshes: Meshes
) -> None:
    await provider.ensure(families=("orders",))
    caller = await meshes.client()
    await caller.publish("orders.created", 1)
    broker.pause()
    began = time.monotonic()
    with pytest.raises(CallError) as caught:
        await caller.publish("orders.created", 2, timeout=1.0)
    assert time.monotonic() - began < 1.3
    assert caught.value.executed == "maybe"
    broker.resume()


async def test_no_more_events_run_at_once_than_asked_for_though_the_connection_was_lost(
    broker: Broker, provider: Provider, meshes: Meshes
) -> None:
    running, most, handled = 0, 0, set[int]()
    await provider.ensure(consumers=(("mailer", "orders.created"),))
    mailer = meshes.new("mailer")

    @mailer.on("orders.created", concurrency=1)
    async def created(number: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.2)
        running -= 1
        handled.add(number)

    await meshes.start(mailer)
    caller = await meshes.client()
    for number in range(6):
        await caller.publish("orders.created", number, timeout=10.0)
    broker.kill()
    broker.start()
    for number in range(6, 12):
        await caller.publish("orders.created", number, timeout=10.0)
    await eventually(lambda: len(handled) == 12, 15.0)
    assert most == 1


async def test_an_instance_that_drains_finishes_what_runs_and_gives_back_the_rest_at_once(
    broker: Broker, provider: Provider, meshes: Meshes, tmp_path: Path
) -> None:
    await provider.ensure(consumers=(("worker", "jobs.done"),))
    environ = {"CROSSPLY_NATS_URL": broker.url, "LEDGER": str(tmp_path / "ledger"), "PAUSE": "0.1"}
    caller = await meshes.client()
    with Program(tmp_path / "first", str(WORKER), environ=environ) as first:
        await first.ready("worker")
        for number in range(60):
            await caller.publish("jobs.done", number, timeout=10.0)
        await eventually(lambda: "end" in ledger(tmp_path))
        first.terminate()
        assert await first.ended() == 0
        lines = ledger(tmp_path).splitlines()
        assert len([line for line in lines if line.startswith("begin")]) == len(lines) / 2
        with Program(tmp_path / "second", str(WORKER), environ=environ) as second:
            await second.ready("worker")
            # Well below the 30 s after which the broker would give them to somebody else by itself.
            await eventually(lambda: len(ended(tmp_path)) >= 60, 10.0)
    assert sorted(ended(tmp_path)) == list(range(60))


def ledger(directory: Path) -> str:
    path = directory / "ledger"
    return path.read_text() if path.exists() else ""


def ended(directory: Path) -> list[int]:
    return [int(line.split()[1]) for line in ledger(directory).splitlines() if line.startswith("end")]
