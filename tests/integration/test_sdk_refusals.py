"""Whatever a broker refuses, and whatever it says of it: the connection is kept or replaced, and the mesh goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from structlog.typing import EventDict

from crossply import CallError, Mesh
from crossply.errors import PermissionDenied
from crossply.wire.link import ConnectionEvent
from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.plain_client import PlainClient
from tests.support.program import WORKER, Program
from tests.support.waiting import eventually

NO_SECRETS = """
accounts {
  MESH {
    jetstream: enabled
    users: [ {
      user: mesh, password: mesh-secret
      permissions { publish: { deny: "mesh.rpc.secret.>" }, subscribe: { deny: "mesh.rpc.secret.>" } }
    } ]
  }
}
system_account: ""
"""


async def orders(meshes: Meshes, service: str = "orders") -> Mesh:
    mesh = meshes.new(service)

    @mesh.endpoint(idempotent=True)
    async def quote() -> int:
        return 3

    await meshes.start(mesh)
    return mesh


def current(mesh: Mesh) -> Any:
    """Return the connection that a mesh has now."""
    link: Any = mesh.link
    return link._broker.current


@pytest.mark.parametrize(
    "words",
    [
        "User Authentication Expired",
        "User Authentication Revoked",
        "Account Authentication Expired",
        "Authorization Violation",
        "Authentication Timeout",
        "Stale Connection",
        "Slow Consumer",
        "maximum connections exceeded",
        "Maximum Payload Violation",
        "Parser Error",
    ],
)
async def test_whatever_a_broker_says_before_it_ends_a_connection_another_takes_its_place(
    meshes: Meshes, words: str, logs: list[EventDict]
) -> None:
    await orders(meshes)
    caller = await meshes.client()
    assert await caller.call("orders.quote") == 3
    events: list[ConnectionEvent] = []
    caller.link.on_event(events.append)
    ended = current(caller)
    ended.data_received(f"-ERR '{words}'\r\n".encode())
    ended._transport.abort()  # as the broker does after it
    await eventually(lambda: events == [ConnectionEvent.DISCONNECTED, ConnectionEvent.RECONNECTED])
    assert await caller.call("orders.quote") == 3
    said = [str(each["error"]) for each in logs if each["event"] == "wire_fault"]
    assert any(words.lower() in each for each in said)


@pytest.mark.parametrize("words", ['Permissions Violation for Publish to "a.b"', "Invalid Subject", "No such thing"])
async def test_a_refusal_that_ends_no_connection_is_said_and_costs_none(
    meshes: Meshes, words: str, logs: list[EventDict]
) -> None:
    await orders(meshes)
    caller = await meshes.client()
    kept = current(caller)
    kept.data_received(f"-ERR '{words}'\r\n".encode())
    assert await caller.call("orders.quote") == 3
    assert current(caller) is kept
    assert any(words.lower() in str(each["error"]) for each in logs if each["event"] == "wire_fault")


async def test_what_the_broker_permits_nobody_to_send_or_to_hear_costs_nothing_else(
    tmp_path: Path, logs: list[EventDict]
) -> None:
    with Broker(tmp_path, extra=NO_SECRETS) as broker:
        async with Meshes(broker) as meshes:
            await orders(meshes)
            await orders(meshes, "secret")
            caller = await meshes.client()
            assert await caller.call("orders.quote") == 3
            kept = current(caller)
            with pytest.raises(PermissionDenied) as denied:
                await caller.call("secret.quote", timeout=1.0)
            assert denied.value.rule == "broker"
            assert await caller.call("orders.quote") == 3
            assert current(caller) is kept
            said = " ".join(str(each.get("error")) for each in logs)
            assert "permissions violation for subscription" in said


async def test_a_mesh_whose_password_is_refused_for_a_while_comes_back_when_it_is_taken_again(
    broker: Broker, meshes: Meshes
) -> None:
    await orders(meshes)
    caller = await meshes.client()
    broker.restart(mesh_password="another")
    await eventually(lambda: broker.log.count("authentication error") >= 4, 10.0)
    assert not caller.link.connected
    broker.restart(mesh_password="mesh-secret")
    assert await caller.call("orders.quote", timeout=10.0) == 3


async def test_an_instance_that_the_broker_cuts_off_as_too_slow_comes_back(tmp_path: Path) -> None:
    with Broker(tmp_path, extra="\nmax_pending: 1100000\n") as broker:
        async with PlainClient(broker.url) as plain, Meshes(broker) as meshes:
            environ = {"CROSSPLY_NATS_URL": broker.url}
            with Program(tmp_path / "worker", str(WORKER), environ=environ) as worker:
                await worker.ready("worker")
                caller = await meshes.client()
                assert await caller.call("worker.read")
                worker.pause()
                while "Slow Consumer" not in broker.log:
                    for _ in range(20):
                        await plain.publish("mesh.rpc.worker.any.read", bytes(100_000))
                    await asyncio.sleep(0.01)
                worker.resume()
                assert await caller.call("worker.read", timeout=10.0)
                assert "connection lost" in worker.log


async def test_a_fault_in_whoever_hears_of_missing_streams_does_not_reach_the_publisher(
    meshes: Meshes, logs: list[EventDict]
) -> None:
    caller = await meshes.client()

    def raising(_family: str | None) -> None:
        raise RuntimeError("no")

    caller.link.on_missing_stream(raising)
    with pytest.raises(CallError) as caught:
        await caller.publish("orders.created", 1, timeout=0.5)
    assert caught.value.code == "deadline_exceeded"  # its own, not what the listener raised
    assert any("missing stream" in str(each.get("what")) for each in logs)
