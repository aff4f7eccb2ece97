"""Rate limits and admission between real processes' links: enforced, said by name, and changed while calls run."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from crossply import CallError, Mesh, RateLimited
from tests.support.meshes import Meshes
from tests.support.policies import Policies
from tests.support.waiting import eventually


def limit(name: str, /, **spec: Any) -> dict[str, Any]:
    return {"kind": "RateLimit", "name": name, "spec": spec}


def service(name: str, /, **spec: Any) -> dict[str, Any]:
    return {"kind": "Service", "name": name, "spec": spec}


async def orders(meshes: Meshes) -> Mesh:
    """Start a service with one endpoint."""
    mesh = meshes.new("orders")

    @mesh.endpoint
    async def create() -> str:
        await asyncio.sleep(0.005)
        return "made"

    await meshes.start(mesh)
    return mesh


async def adopted(revision: int, *those: Mesh) -> None:
    """Wait until all have adopted a revision."""
    await eventually(lambda: all(mesh.status()["revision"] == revision for mesh in those))


async def through(caller: Mesh, times: int, **options: Any) -> tuple[int, list[RateLimited]]:
    """Call as often at once; return how many were answered, and the refusals."""
    ended = await asyncio.gather(
        *(caller.call("orders.create", timeout=0.05, **options) for _ in range(times)), return_exceptions=True
    )
    return ended.count("made"), [each for each in ended if isinstance(each, RateLimited)]


async def test_the_callee_bounds_each_caller_and_names_the_limit(meshes: Meshes, policies: Policies) -> None:
    callee = await orders(meshes)
    web, app = await meshes.client("web"), await meshes.client("app")
    await web.call("orders.create")
    await app.call("orders.create")
    spec = {"for": {"service": "orders", "endpoint": "create"}, "rate": 0.1, "burst": 5, "per": "caller"}
    await adopted(await policies.apply(limit("five-each", **spec)), callee, web, app)
    for caller in (web, app):
        answered, refused = await through(caller, 20)
        assert (answered, len(refused)) == (5, 15)
        assert {(each.rule, each.code.value, each.executed.value) for each in refused} == {
            ("five-each", "rate_limited", "no")
        }
        assert all(each.retry_after is not None and 5 < each.retry_after <= 10 for each in refused)


async def test_a_limit_per_key_goes_by_the_key_of_the_call(meshes: Meshes, policies: Policies) -> None:
    callee, web = await orders(meshes), await meshes.client("web")
    spec = {"for": {"service": "orders"}, "rate": 0.1, "burst": 2, "per": "key"}
    await adopted(await policies.apply(limit("two-a-key", **spec)), callee, web)
    assert [(await through(web, 5, key=key))[0] for key in ("a", "b", "a")] == [2, 2, 0]


async def test_a_caller_keeps_to_its_own_limit_and_sends_nothing(meshes: Meshes, policies: Policies) -> None:
    callee, web = await orders(meshes), await meshes.client("web")
    await web.call("orders.create")
    spec = {"for": {"service": "orders"}, "rate": 0.1, "burst": 3, "at": "caller"}
    await adopted(await policies.apply(limit("mine", **spec)), callee, web)
    answered, refused = await through(web, 10)
    assert (answered, {each.rule for each in refused}) == (3, {"mine"})
    assert {each.origin.value for each in refused} == {"local"}


async def test_events_are_limited_where_they_are_published(meshes: Meshes, policies: Policies) -> None:
    web = await meshes.client("web")
    await web.publish("orders.created", {})
    publishing = web.publishing("orders.created")
    spec = {"for": {"channel": "orders.>"}, "rate": 0.1, "burst": 2}
    await adopted(await policies.apply(limit("events", **spec)), web)
    await web.publish("orders.created", {})
    await web.publish("orders.paid", {})
    with pytest.raises(RateLimited) as caught:
        await web.publish("orders.created", {})
    assert caught.value.rule == "events"
    await web.publish("billing.created", {})
    assert publishing is web.publishing("orders.created")


@pytest.mark.parametrize(
    "documents",
    [
        [limit("wide", **{"for": {"service": "orders"}, "rate": rate, "per": "caller"}) for rate in (5000, 3000, 4000)],
        [limit("own", **{"for": {"service": "orders"}, "rate": rate, "at": "caller"}) for rate in (5000, 3000, 4000)],
        [
            limit("shared", **{"for": {"service": "orders"}, "rate": rate, "scope": "mesh"})
            for rate in (50_000, 40_000, 60_000)
        ],
        [service("orders", admission=each) for each in ({"adaptive": False}, {"limit": 50}, {"queue": 10})],
    ],
    ids=["rate at the callee", "rate at the caller", "rate of the mesh", "admission"],
)
async def test_a_policy_changed_under_200_calls_a_second_fails_none(
    meshes: Meshes, policies: Policies, documents: list[dict[str, Any]]
) -> None:
    callee, web = await orders(meshes), await meshes.client("web")
    await web.call("orders.create")
    failed: list[CallError] = []
    calls: list[asyncio.Task[None]] = []

    async def one() -> None:
        try:
            await web.call("orders.create", timeout=2.0)
        except CallError as error:
            failed.append(error)

    async def calling() -> None:
        while True:
            calls.append(asyncio.ensure_future(one()))
            await asyncio.sleep(0.005)

    running = asyncio.ensure_future(calling())
    for document in documents:
        await asyncio.sleep(0.3)
        await adopted(await policies.apply(document), callee, web)
    await asyncio.sleep(0.3)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await asyncio.gather(*calls)
    assert not failed
    assert len(calls) > 100
