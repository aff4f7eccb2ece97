"""Access documents between real processes' links: who is refused, by which rule, and how soon a change holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from crossply import CallError, Mesh, PermissionDenied
from crossply.audit.entry import Entry, Outcome
from crossply.errors import Origin
from crossply.handler import HttpHead, Kind, Request
from crossply.names import new_id
from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.plain_client import PlainClient
from tests.support.policies import Policies
from tests.support.provider import Provider
from tests.support.waiting import eventually, eventually_awaited
from tests.unit.bridge.plain_application import application
from tests.unit.bridge.running_bridge import RunningBridge, gateway_on, running_bridge, sidecar_on

WITHIN = 5.0


def access(name: str, effect: str, callers: list[str], *targets: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"kind": "Access", "name": name, "spec": {"effect": effect, "from": callers, "to": list(targets), **more}}


def orders(meshes: Meshes) -> Mesh:
    mesh = meshes.new("orders")

    @mesh.endpoint
    async def create() -> str:
        await asyncio.sleep(0.001)
        return "made"

    @mesh.endpoint
    async def quote() -> int:
        return 7

    return mesh


def decisions(mesh: Mesh) -> list[Entry]:
    """Return what a mesh tells the audit stream from now on, as it is told."""
    told: list[Entry] = []
    mesh.running.audit.tell = told.append  # type: ignore[method-assign, assignment]  # before it is taken to the stream
    return told


async def adopted(revision: int, *those: Mesh) -> None:
    await eventually(lambda: all(mesh.status()["revision"] == revision for mesh in those))


async def past_its_own_check(caller: Mesh, operation: str, instance: str | None = None) -> bytes:
    """Call as one would who does not keep to the policy: nothing but the callee decides."""
    made = Request(operation, b"\x80", id=new_id(), deadline=caller.running.now() + WITHIN, instance=instance)
    return (await caller.link.call(made)).body


async def test_a_callee_refuses_who_has_no_rule_and_names_the_default(meshes: Meshes, policies: Policies) -> None:
    callee, web, app = orders(meshes), await meshes.client("web"), await meshes.client("app")
    await meshes.start(callee)
    assert await app.call("orders.create", timeout=WITHIN) == "made"
    await adopted(await policies.apply(access("web", "allow", ["web"], {"service": "orders"})), callee, web, app)
    assert await web.call("orders.create", timeout=WITHIN) == "made"
    with pytest.raises(PermissionDenied) as caught:
        await past_its_own_check(app, "orders.create")
    assert (caught.value.rule, caught.value.origin, str(caught.value.executed)) == ("default", Origin.REMOTE, "no")
    with pytest.raises(PermissionDenied) as early:
        await app.call("orders.create")
    assert (early.value.rule, early.value.origin) == ("default", Origin.LOCAL)


async def test_a_deny_is_named_and_beats_the_allow(meshes: Meshes, policies: Policies) -> None:
    callee, web = orders(meshes), await meshes.client("web")
    await meshes.start(callee)
    rules = [
        access("everybody", "allow", ["*"], {"service": "*"}),
        access("no-create", "deny", ["web"], {"service": "orders", "endpoints": ["create"]}),
    ]
    await adopted(await policies.apply(*rules), callee, web)
    assert await web.call("orders.quote") == 7
    with pytest.raises(PermissionDenied) as caught:
        await past_its_own_check(web, "orders.create")
    assert caught.value.rule == "no-create"


async def test_who_speaks_plain_nats_is_foreign(meshes: Meshes, policies: Policies, plain: PlainClient) -> None:
    callee = orders(meshes)
    await meshes.start(callee)
    await adopted(await policies.apply(access("web", "allow", ["web"], {"service": "orders"})), callee)
    answer = await plain.request("mesh.rpc.orders.any.quote", b"{}")
    assert (answer.json["code"], answer.json["rule"]) == ("permission_denied", "default")
    foreign = {"service": "orders", "endpoints": ["quote"]}
    await adopted(await policies.apply(access("plain", "allow", ["foreign"], foreign)), callee)
    assert (await plain.request("mesh.rpc.orders.any.quote", b"{}")).json == 7


async def test_audit_mode_refuses_nobody_and_is_told(meshes: Meshes, policies: Policies) -> None:
    callee, web = orders(meshes), await meshes.client("web")
    await meshes.start(callee)
    rules = [
        access("everybody", "allow", ["*"], {"service": "*"}),
        access("tighter", "deny", ["web"], {"service": "orders"}, mode="audit"),
    ]
    await adopted(await policies.apply(*rules), callee, web)
    told = decisions(callee)
    for _ in range(5):
        assert await web.call("orders.create") == "made"
    would = [each for each in told if each.outcome is Outcome.WOULD_DENY]
    assert [(each.caller, each.operation, each.rule) for each in would] == [("web", "orders.create", "tighter")] * 5


@dataclass
class Load:
    """Calls at every instance, without an end; when each let one in last, and the longest that one took."""

    web: Mesh
    last: dict[str, float] = field(default_factory=dict[str, float])
    rules: set[str | None] = field(default_factory=set[str | None])
    lag: float = 0.0
    stop: bool = False

    async def calls(self, instance: str) -> None:
        now = self.web.running.now
        while not self.stop:
            began = now()
            try:
                await past_its_own_check(self.web, "orders.create", instance)
                # Let in after that moment: the decision is made later than the call is.
                self.last[instance] = began
            except PermissionDenied as error:
                self.rules.add(error.rule)
            self.lag = max(self.lag, now() - began)
            await asyncio.sleep(0.01)


async def test_a_change_is_enforced_by_every_callee_within_a_second_under_load(
    meshes: Meshes, policies: Policies
) -> None:
    callees = [orders(meshes) for _ in range(4)]
    web = await meshes.client("web")
    await meshes.start(*callees)
    await adopted(await policies.apply(access("web", "allow", ["web"], {"service": "orders"})), web, *callees)
    load = Load(web)
    async with asyncio.TaskGroup() as tasks:
        for each in callees * 4:
            tasks.create_task(load.calls(each.instance))
        await asyncio.sleep(0.5)
        changed = web.running.now()
        revision = await policies.apply(access("no-web", "deny", ["web"], {"service": "orders"}))
        await adopted(revision, web, *callees)
        await asyncio.sleep(0.3)
        load.stop = True
    late = max(load.last.values()) - changed
    print(f"let in for the last time {1000 * late:.0f} ms after the change, longest call {1000 * load.lag:.0f} ms")
    assert load.last.keys() == {each.instance for each in callees}, "somebody was not called before the change"
    assert load.rules == {"no-web"}
    assert late <= 1.0 + load.lag


async def test_a_publisher_that_may_not_is_refused_before_it_publishes(meshes: Meshes, policies: Policies) -> None:
    web = await meshes.client("web")
    rules = access("one", "allow", ["web"], {"channel": "orders.*", "actions": ["publish"]})
    await adopted(await policies.apply(rules), web)
    await web.publish("orders.created", 1, timeout=WITHIN)
    with pytest.raises(PermissionDenied) as caught:
        await web.publish("billing.paid", 1)
    assert (caught.value.rule, caught.value.origin) == ("default", Origin.LOCAL)


async def test_an_event_reaches_no_handler_until_its_publisher_may(
    meshes: Meshes, policies: Policies, provider: Provider
) -> None:
    await provider.ensure(consumers=(("mailer", "orders.created"),))
    got: list[int] = []
    mailer, web = meshes.new("mailer"), await meshes.client("web")

    @mailer.on("orders.created")
    async def created(number: int) -> None:
        got.append(number)

    await meshes.start(mailer)
    await web.publish("orders.created", 1, timeout=WITHIN)
    await eventually(lambda: got == [1])
    mine = access("mailer", "allow", ["mailer"], {"channel": "orders.>", "actions": ["subscribe"]})
    await adopted(await policies.apply(mine), mailer, web)
    told = decisions(mailer)
    made = Request("orders.created", b"\x02", kind=Kind.EVENT, id=new_id(), deadline=web.running.now() + WITHIN)
    await web.link.publish(made)
    await eventually(lambda: any((each.outcome, each.caller) == (Outcome.DENIED, "web") for each in told))
    assert got == [1]
    theirs = access("web", "allow", ["web"], {"channel": "orders.created", "actions": ["publish"]})
    await adopted(await policies.apply(theirs), mailer)
    await eventually(lambda: got == [1, 2], 10.0)


@pytest.fixture
async def sidecar(broker: Broker) -> AsyncIterator[RunningBridge]:
    async with (
        application() as plain,
        running_bridge(sidecar_on(broker.url, plain.url, CROSSPLY_BRIDGE_LISTEN="127.0.0.1:0")) as running,
    ):
        yield running


async def test_an_http_application_is_reached_at_the_paths_that_are_allowed(
    broker: Broker, meshes: Meshes, policies: Policies, sidecar: RunningBridge
) -> None:
    web = await meshes.client("web")
    reads = {"service": "stock", "methods": ["GET"], "paths": ["/items", "/items/*"]}
    rules = [
        access("reads", "allow", ["gateway", "web"], reads),
        access("secret", "deny", ["*"], {"service": "stock", "paths": ["/items/secret/*"]}),
    ]
    revision = await policies.apply(*rules)
    async with running_bridge(gateway_on(broker.url)) as gateway:
        await adopted(revision, web)

        async def asked(method: str, path: str) -> tuple[int, str]:
            answer = await gateway.http.request(method, f"/svc/stock{path}")
            return answer.status_code, answer.json().get("rule", "")

        async def enforced() -> bool:
            return (await asked("GET", "/other"))[0] == 403

        await eventually_awaited(enforced, WITHIN)
        assert (await asked("GET", "/items/7?all=1"))[0] == 200
        assert await asked("PUT", "/items/7") == (403, "default")
        assert await asked("GET", "/items/secret/7") == (403, "secret")
        assert await asked("GET", "/items/secret;x/7") == (403, "secret")
        assert (await asked("GET", "/items/%73ecret/7"))[0] == 403
        for path in ("/items/../other", "/items//secret/7", "/items/%2e%2e/other"):
            made = Request(
                "stock.http-get",
                id=new_id(),
                http=HttpHead(path, []),
                deadline=web.running.now() + WITHIN,
            )
            with pytest.raises(CallError) as caught:
                await web.link.call(made)
            assert caught.value.code == "permission_denied"
