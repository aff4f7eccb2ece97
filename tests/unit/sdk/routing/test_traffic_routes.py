"""The document `Traffic` on a whole mesh in memory: which instance a call reaches, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from crossply import CallError, Code, Executed, Handler, Mesh, Request, Response, current, layer
from crossply.errors import Unavailable
from crossply.routing.mirrors import MARK
from crossply.testing import MemoryBroker
from crossply_policy.compile import compile_snapshot
from crossply_policy.parse import parse
from tests.unit.sdk.stage import config, mesh, now, settle

SUBSETS = {"v1": {"release": "1"}, "v2": {"release": "2"}}


class Release:
    """One instance of orders: it answers with its release, and remembers what it was asked."""

    def __init__(self, broker: MemoryBroker, release: str, service: str = "orders") -> None:
        self.mesh = mesh(broker, service, config=config(labels={"release": release}))
        self.seen: list[dict[str, str]] = []

        @self.mesh.endpoint(idempotent=True)
        async def quote(text: str = "") -> str:
            self.seen.append(dict(current().metadata))
            return f"{service} {release}{text}"

        @self.mesh.endpoint
        async def slow() -> str:
            await asyncio.sleep(60)
            return release


def adopt(web: Mesh, *documents: tuple[str, dict[str, object]]) -> None:
    """Have a caller go by `Traffic` documents."""
    parsed = [parse({"kind": "Traffic", "name": name, "spec": spec}) for name, spec in documents]
    web.running.routes.adopt(compile_snapshot(parsed, generation=1, revision=1))


def routed(*routes: dict[str, object], **spec: object) -> tuple[str, dict[str, object]]:
    """Return what `Traffic/orders` says."""
    return "orders", {"subsets": SUBSETS, **({"routes": list(routes)} if routes else {}), **spec}


async def answers(web: Mesh, count: int = 40, operation: str = "orders.quote", **options: object) -> Counter[str]:
    """Call and count the answers."""
    return Counter([await web.call(operation, {}, **options) for _ in range(count)])  # type: ignore[call-overload]  # options of call


async def test_a_call_goes_to_its_subset_from_the_first_one_on(broker: MemoryBroker) -> None:
    one, two = Release(broker, "1"), Release(broker, "2")
    async with one.mesh, two.mesh, mesh(broker, "web") as web:
        adopt(web, routed({"split": {"v2": 1}}))
        assert await answers(web) == {"orders 2": 40}
        adopt(web, routed({"split": {"v1": 1, "v2": 1}}))
        assert set(await answers(web)) == {"orders 1", "orders 2"}


async def test_a_subset_holds_where_the_queue_group_would_choose(broker: MemoryBroker) -> None:
    one, two = Release(broker, "1"), Release(broker, "2")
    async with one.mesh, two.mesh, mesh(broker, "web") as web:
        service = parse({"kind": "Service", "name": "orders", "spec": {"balance": {"method": "queue"}}})
        name, spec = routed({"split": {"v2": 1}})
        traffic = parse({"kind": "Traffic", "name": name, "spec": spec})
        web.running.routes.adopt(compile_snapshot([service, traffic], generation=1, revision=1))
        assert await answers(web) == {"orders 2": 40}


async def test_a_key_stays_in_its_subset(broker: MemoryBroker) -> None:
    one, two = Release(broker, "1"), Release(broker, "2")
    async with one.mesh, two.mesh, mesh(broker, "web") as web:
        adopt(web, routed({"split": {"v1": 1, "v2": 1}}))
        for key in ("a", "b", "c"):
            assert len(await answers(web, key=key)) == 1


async def test_a_route_is_for_its_endpoints_callers_and_metadata(broker: MemoryBroker) -> None:
    one, two = Release(broker, "1"), Release(broker, "2")
    async with one.mesh, two.mesh, mesh(broker, "web") as web, mesh(broker, "mailer") as mailer:
        document = routed(
            {"match": {"metadata": {"tester": "yes"}}, "split": {"v2": 1}},
            {"match": {"callers": ["mailer"], "endpoints": ["quote"]}, "split": {"v2": 1}},
            {"split": {"v1": 1}},
        )
        adopt(web, document)
        adopt(mailer, document)
        assert await answers(web) == {"orders 1": 40}
        assert await answers(web, metadata={"tester": "no"}) == {"orders 1": 40}
        assert await answers(web, metadata={"tester": "yes"}) == {"orders 2": 40}
        assert await answers(mailer) == {"orders 2": 40}


async def test_attempts_stay_in_the_subset_of_their_call(broker: MemoryBroker) -> None:
    one, two, other = Release(broker, "1"), Release(broker, "2"), Release(broker, "2")
    async with one.mesh, two.mesh, other.mesh, mesh(broker, "web") as web:
        adopt(web, routed({"split": {"v2": 1}}))
        await answers(web, 5)
        broker.crash(two.mesh.instance)
        assert await answers(web) == {"orders 2": 40}
        assert one.seen == []


async def test_a_subset_that_is_gone_fails_its_calls_rather_than_leave_it(broker: MemoryBroker) -> None:
    one, two = Release(broker, "1"), Release(broker, "2")
    async with one.mesh, mesh(broker, "web") as web:
        async with two.mesh:
            adopt(web, routed({"split": {"v1": 0, "v2": 1}}))
            await answers(web, 5)
        began = now()
        with pytest.raises(Unavailable) as gone:
            await web.call("orders.quote", {})
        assert str(gone.value) == "orders.quote: no instance of subset v2 is known"
        assert gone.value.executed is Executed.NO
        assert 1.5 < now() - began < 2.5
        assert one.seen == []


async def test_an_instance_that_restarts_within_two_seconds_costs_its_subset_no_call(broker: MemoryBroker) -> None:
    one, two = Release(broker, "1"), Release(broker, "2")
    async with one.mesh, mesh(broker, "web") as web:
        async with two.mesh:
            adopt(web, routed({"split": {"v2": 1}}))
            await answers(web, 5)
        waiting = asyncio.ensure_future(web.call("orders.quote", {}))
        await asyncio.sleep(1)
        assert not waiting.done()
        async with Release(broker, "2").mesh:
            assert await waiting == "orders 2"


async def test_the_next_subset_stands_in_for_one_that_has_nobody(broker: MemoryBroker) -> None:
    one, two = Release(broker, "1"), Release(broker, "2")
    async with one.mesh, mesh(broker, "web") as web:
        async with two.mesh:
            adopt(web, routed(failover=["v2", "v1"]))
            assert await answers(web) == {"orders 2": 40}
        assert await answers(web) == {"orders 1": 40}


async def test_a_redirected_call_is_one_of_its_target(broker: MemoryBroker) -> None:
    orders, other = Release(broker, "1"), Release(broker, "9", "other")
    async with orders.mesh, other.mesh, mesh(broker, "web") as web:
        adopt(
            web,
            routed({"match": {"endpoints": ["quote"]}, "redirect": "other"}),
            ("other", {"routes": [{"fault": {"abort": {"percentage": 100, "code": "aborted"}}}]}),
        )
        with pytest.raises(CallError) as aborted:
            await web.call("orders.quote", {})
        assert str(aborted.value).startswith("other.quote: Traffic/other makes it fail")
        adopt(web, routed({"redirect": "other.quote"}))
        assert await answers(web) == {"other 9": 40}
        assert "quote" in web.running.catalog.callee("other").facts


async def test_redirects_in_a_circle_end_where_they_began(broker: MemoryBroker) -> None:
    orders, other = Release(broker, "1"), Release(broker, "9", "other")
    async with orders.mesh, other.mesh, mesh(broker, "web") as web:
        adopt(web, routed({"redirect": "other"}), ("other", {"routes": [{"redirect": "orders"}]}))
        assert await answers(web, 3) == {"other 9": 3}
        assert await answers(web, 3, "other.quote") == {"orders 1": 3}


async def test_a_route_bounds_its_calls_by_its_own_timeout(broker: MemoryBroker) -> None:
    orders = Release(broker, "1")
    async with orders.mesh, mesh(broker, "web") as web:
        adopt(web, routed({"match": {"metadata": {"hurry": "yes"}}, "timeout": {"total": 0.25}}))
        for metadata, total in (({"hurry": "yes"}, 0.25), ({"hurry": "no"}, 5.0)):
            began = now()
            with pytest.raises(CallError) as late:
                await web.call("orders.slow", metadata=metadata)
            assert late.value.code is Code.DEADLINE_EXCEEDED
            assert now() - began == pytest.approx(total, abs=0.1)


async def test_copies_reach_their_subset_marked_and_the_call_its_own(broker: MemoryBroker) -> None:
    one, two = Release(broker, "1"), Release(broker, "2")
    async with one.mesh, two.mesh, mesh(broker, "web") as web:
        adopt(web, routed({"split": {"v1": 1}, "mirror": {"subset": "v2"}}))
        assert await answers(web, 10) == {"orders 1": 10}
        await settle()
        assert one.seen == [{}] * 10
        assert two.seen == [{MARK: "orders.quote"}] * 10


async def test_copies_go_to_another_service_and_their_failures_nowhere(broker: MemoryBroker) -> None:
    orders, other = Release(broker, "1"), Release(broker, "9", "other")
    async with orders.mesh, other.mesh, mesh(broker, "web") as web:
        adopt(web, routed({"match": {"endpoints": ["quote"]}, "mirror": {"to": "other", "percentage": 100}}))
        assert await answers(web, 10) == {"orders 1": 10}
        await settle()
        assert other.seen == [{MARK: "orders.quote"}] * 10
        adopt(web, routed({"mirror": {"to": "nobody"}}))
        assert await answers(web, 10) == {"orders 1": 10}
        await asyncio.sleep(10)


async def test_a_copy_to_a_subset_that_nobody_is_in_goes_to_nobody_else(broker: MemoryBroker) -> None:
    one = Release(broker, "1")
    async with one.mesh, mesh(broker, "web") as web:
        adopt(web, routed({"mirror": {"subset": "v2"}}))
        assert await answers(web, 10) == {"orders 1": 10}
        await asyncio.sleep(10)
        assert one.seen == [{}] * 10


async def test_an_injected_failure_is_tried_again_like_a_real_one(broker: MemoryBroker) -> None:
    orders = Release(broker, "1")
    async with orders.mesh, mesh(broker, "web") as web:
        adopt(web, routed({"fault": {"abort": {"percentage": 100, "code": "unavailable"}}}))
        with pytest.raises(CallError) as failed:
            await web.call("orders.quote", {})
        assert failed.value.__notes__ == ["attempt 3 of at most 3, sent to " + orders.mesh.instance]
        adopt(web)
        assert await answers(web, 5) == {"orders 1": 5}


async def test_layers_of_the_user_stand_around_a_call_and_around_each_attempt(broker: MemoryBroker) -> None:
    passed: list[str] = []

    @layer
    def noting(inner: Handler, name: str) -> Handler:
        async def noted(request: Request) -> Response:
            passed.append(f"{name} {request.attempt}")
            return await inner(request)

        return noted

    orders, web = Release(broker, "1"), mesh(broker, "web")
    web.add_layer(noting("call"), around="call")
    web.add_layer(noting("outer"), around="attempt")
    web.add_layer(noting("inner"), around="attempt")
    async with orders.mesh, web:
        adopt(web, routed({"fault": {"abort": {"percentage": 100, "code": "unavailable"}}}))
        with pytest.raises(CallError):
            await web.call("orders.quote", {})
    assert passed == ["call 1", "outer 1", "inner 1", "outer 2", "inner 2", "outer 3", "inner 3"]
