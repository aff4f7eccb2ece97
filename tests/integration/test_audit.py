"""Decisions on their way through a real stream: to the registry's API, past an outage, and out of a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from crossply import Mesh, PermissionDenied
from crossply.audit.entry import Outcome
from crossply.wire.auditing import AuditPlan
from crossply_registry.audit import AuditLog, Page
from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.registry_process import RegistryProcess
from tests.support.waiting import eventually, eventually_awaited

WEB = {"effect": "allow", "from": ["web"], "to": [{"service": "orders"}]}


@pytest.fixture
async def registry(broker: Broker, tmp_path: Path) -> AsyncIterator[RegistryProcess]:
    async with RegistryProcess(tmp_path / "registry", broker.url) as running:
        yield await running.ready()


async def refused(meshes: Meshes, times: int, **config: Any) -> Mesh:
    """Have a caller refused, as its own copy of the policy says."""
    app = await meshes.client("app", **config)
    await eventually(lambda: app.status()["revision"] == 1)
    for _ in range(times):
        with pytest.raises(PermissionDenied):
            await app.call("orders.create")
    return app


async def denied(registry: RegistryProcess) -> list[dict[str, Any]]:
    answer = await registry.api.get("/v1/audit", params={"outcome": "denied", "last": 1000})
    assert answer.is_success, answer.text
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


async def test_every_refusal_is_in_the_registrys_answer(meshes: Meshes, registry: RegistryProcess) -> None:
    await registry.allow({"name": "web", "spec": WEB})
    await refused(meshes, 30)

    async def told() -> bool:
        return len(await denied(registry)) == 30

    await eventually_awaited(told)
    one = (await denied(registry))[0]
    assert (one["service"], one["caller"], one["operation"], one["rule"], one["revision"]) == (
        "app",
        "app",
        "orders.create",
        "default",
        1,
    )


async def test_what_was_decided_while_the_broker_was_away_is_told_once_when_it_is_back(
    broker: Broker, meshes: Meshes, registry: RegistryProcess
) -> None:
    await registry.allow({"name": "web", "spec": WEB})
    app = await refused(meshes, 1)
    broker.kill()
    for _ in range(10):
        with pytest.raises(PermissionDenied):
            await app.call("orders.create")
    await asyncio.sleep(1.5)
    broker.start()

    async def told() -> bool:
        return await registry.is_ready() and len(await denied(registry)) == 11

    await eventually_awaited(told, 20.0)


async def test_a_process_that_ends_without_a_stream_leaves_it_to_the_next(
    meshes: Meshes, registry: RegistryProcess, tmp_path: Path, broker: Broker
) -> None:
    await registry.allow({"name": "web", "spec": WEB})
    state = tmp_path / "state"
    async with Meshes(broker) as first:
        app = await refused(first, 1, state=state)
        broker.kill()
        for _ in range(5):
            with pytest.raises(PermissionDenied):
                await app.call("orders.create")
    broker.start()
    await registry.ready()
    await meshes.client("app", state=state)

    async def told() -> bool:
        return len(await denied(registry)) == 6

    await eventually_awaited(told)


async def test_a_batch_that_is_sent_twice_is_stored_once_and_a_full_stream_takes_the_next(meshes: Meshes) -> None:
    web = await meshes.client("web")
    stream = web.link.audit
    assert await stream.bounds() == (1, 0)
    assert await stream.ensure(AuditPlan(max_bytes=4096))
    assert not await stream.ensure(AuditPlan())
    for _ in range(3):
        await stream.store(b"one", b"1" * 16)
    assert await stream.bounds() == (1, 1)
    kept = await stream.read(1)
    assert kept is not None
    assert (kept.body, kept.teller.service, kept.teller.instance) == (b"one", "web", web.instance)
    for number in range(50):
        await stream.store(b"x" * 200, number.to_bytes(16, "big"))
    first, last = await stream.bounds()
    assert first > 10
    assert last == 51
    assert await stream.read(1) is None


async def test_a_batch_under_somebody_elses_subject_is_not_believed(meshes: Meshes, broker: Broker) -> None:
    web = await meshes.client("web")
    await web.link.audit.ensure(AuditPlan())
    await web.link.audit.store(b"x", b"1" * 16)
    other = await meshes.client("other")
    forged = other.link.audit
    forged._subject = f"mesh.audit.web.{web.instance}"  # type: ignore[attr-defined]  # as one who is not let by a broker
    await forged.store(b"\x80", b"2" * 16)
    log = AuditLog(web.link.audit, 1, web.running._tasks)  # pyright: ignore[reportPrivateUsage]  # it starts none
    page: Page = await log.last(10, lambda entry: entry.outcome is not Outcome.ALLOWED)
    assert (page.unread, page.entries) == (2, ())
