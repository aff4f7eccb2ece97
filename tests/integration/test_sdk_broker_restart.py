"""The broker dies and comes back: everything recovers by itself, and nothing is reported done that is not."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from crossply import CallError, Code, Event, Mesh
from crossply.wire.link import ConnectionEvent
from tests.support.broker import Broker, free_port
from tests.support.meshes import Meshes
from tests.support.program import WORKER, Program
from tests.support.provider import Provider
from tests.support.waiting import eventually


async def answers(caller: Mesh, operation: str) -> None:
    """Wait until a call succeeds."""
    until = time.monotonic() + 10.0
    while True:
        try:
            await caller.call(operation, timeout=1.0)
        except CallError:
            assert time.monotonic() < until
        else:
            return


async def shop(meshes: Meshes, handled: list[int]) -> tuple[Mesh, Mesh]:
    orders = meshes.new("orders")

    @orders.endpoint(idempotent=True)
    async def quote() -> int:
        return 3

    @orders.endpoint
    async def wait(seconds: float) -> None:
        await asyncio.sleep(seconds)

    @orders.on("orders.created")
    async def created(number: int, _event: Event) -> None:
        handled.append(number)

    await meshes.start(orders)
    return orders, await meshes.client()


async def test_everything_recovers_when_the_broker_is_killed_and_comes_back(
    broker: Broker, provider: Provider, meshes: Meshes
) -> None:
    handled: list[int] = []
    orders, caller = await shop(meshes, handled)
    await caller.call("orders.quote")
    await provider.ensure(consumers=(("orders", "orders.created"),))
    await caller.publish("orders.created", 0)
    await eventually(lambda: handled == [0])
    tasks = len(asyncio.all_tasks())

    for number in (1, 2):
        broker.kill()
        await eventually(lambda: not caller.link.connected and not orders.link.connected)
        broker.start()
        await answers(caller, "orders.quote")
        await caller.publish("orders.created", number, timeout=10.0)
    # At least once: what was handled just before the broker died comes again, if its ack was not on disk yet.
    await eventually(lambda: set(handled) == {0, 1, 2}, 12.0)
    callee = caller.running.catalog.callee("orders")
    await eventually(lambda: set(callee.instances) == {orders.instance})
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks + 2, 10.0)


async def test_calls_in_flight_fail_at_once_when_the_broker_dies(broker: Broker, meshes: Meshes) -> None:
    _, caller = await shop(meshes, [])
    waiting = [asyncio.ensure_future(caller.call("orders.wait", {"seconds": 30.0}, timeout=5.0)) for _ in range(10)]
    await asyncio.sleep(0.2)
    began = time.monotonic()
    broker.kill()
    errors = await asyncio.gather(*waiting, return_exceptions=True)
    assert time.monotonic() - began < 2.5
    assert {error.code for error in errors if isinstance(error, CallError)} == {Code.DISCONNECTED}
    assert len(errors) == 10


async def test_a_call_made_while_disconnected_waits_for_the_connection(broker: Broker, meshes: Meshes) -> None:
    _, caller = await shop(meshes, [])
    await caller.call("orders.quote")
    broker.kill()
    await eventually(lambda: not caller.link.connected)
    calling = asyncio.ensure_future(caller.call("orders.quote", timeout=5.0))
    await asyncio.sleep(0.3)
    assert not calling.done()
    broker.start()
    assert await calling == 3


async def test_a_call_that_never_left_says_so(broker: Broker, meshes: Meshes) -> None:
    _, caller = await shop(meshes, [])
    broker.kill()
    await eventually(lambda: not caller.link.connected)
    with pytest.raises(CallError) as caught:
        await caller.call("orders.quote", timeout=0.2)
    assert (caught.value.code, caught.value.executed) == (Code.UNAVAILABLE, "no")


async def test_what_is_published_during_an_outage_is_stored_and_handled_once(
    broker: Broker, provider: Provider, meshes: Meshes
) -> None:
    handled: list[int] = []
    _, caller = await shop(meshes, handled)
    await provider.ensure(consumers=(("orders", "orders.created"),))
    await caller.publish("orders.created", -1)
    publishing: list[asyncio.Future[None]] = []
    for number in range(200):
        publishing.append(asyncio.ensure_future(caller.publish("orders.created", number, timeout=20.0)))
        if number == 60:
            broker.kill()
        if number == 120:
            await asyncio.sleep(0.3)
            broker.start()
        await asyncio.sleep(0.002)
    await asyncio.gather(*publishing)
    await eventually(lambda: len(set(handled)) == 201, 15.0)
    assert sorted(set(handled)) == list(range(-1, 200))


async def test_a_broker_that_is_gone_at_the_start_is_said_retried_and_then_left(tmp_path: Path) -> None:
    environ = {"CROSSPLY_NATS_URL": f"nats://127.0.0.1:{free_port()}", "CROSSPLY_CONNECT_TIMEOUT": "4"}
    with Program(tmp_path, str(WORKER), environ=environ) as program:
        assert await program.ended() == 69
    assert "broker_unreachable" in program.log
    assert "CROSSPLY_NATS_URL" in program.log.splitlines()[-1]


async def test_a_service_that_starts_before_its_broker_joins_when_it_comes(broker: Broker, tmp_path: Path) -> None:
    broker.kill()
    with Program(tmp_path, str(WORKER), environ={"CROSSPLY_NATS_URL": broker.url}) as program:
        await eventually(lambda: "broker_unreachable" in program.log, 10.0)
        broker.start()
        await program.ready("worker")


async def test_every_fault_of_a_configuration_is_said_at_once(tmp_path: Path) -> None:
    environ = {"CROSSPLY_NATS_URL": "http://x", "CROSSPLY_TENANT": "No Good", "CROSSPLY_MAX_IN_FLIGHT": "0"}
    with Program(tmp_path, str(WORKER), environ=environ) as program:
        assert await program.ended() == 64
    assert all(name in program.log for name in environ)


async def test_a_service_finds_the_mesh_that_runs_in_a_folder_above(broker: Broker, tmp_path: Path) -> None:
    (tmp_path / ".crossply").mkdir()
    (tmp_path / ".crossply" / "mesh.json").write_text(f'{{"nats": ["{broker.url}"], "trust_domain": "dev.local"}}')
    with Program(tmp_path / "deep" / "below", str(WORKER), environ={}) as program:
        await program.ready("worker")


@pytest.mark.parametrize(
    "said",
    [b"GARBAGE\r\n", b"PUB x 9999999\r\n", b"PUB " + b"x" * 6000 + b" 1\r\n", b"SUB a b c d e\r\n"],
    ids=["no protocol", "maximum payload", "maximum control line", "wrong arguments"],
)
async def test_a_connection_that_the_broker_ends_with_an_error_is_replaced(meshes: Meshes, said: bytes) -> None:
    orders, caller = await shop(meshes, [])
    assert await caller.call("orders.quote") == 3
    events: list[ConnectionEvent] = []
    for mesh in (orders, caller):
        mesh.link.on_event(events.append)
        link: Any = mesh.link
        link._broker.current._transport.write(said)
    await eventually(lambda: events.count(ConnectionEvent.RECONNECTED) == 2)
    await answers(caller, "orders.quote")
    assert orders.link.connected


async def test_a_listener_that_raises_does_not_keep_the_mesh_from_recovering(broker: Broker, meshes: Meshes) -> None:
    orders, caller = await shop(meshes, [])

    def raising(_event: ConnectionEvent) -> None:
        raise RuntimeError("no")

    caller.link.on_event(raising)
    broker.kill()
    await eventually(lambda: not caller.link.connected)
    broker.start()
    await answers(caller, "orders.quote")
    assert orders.link.connected
