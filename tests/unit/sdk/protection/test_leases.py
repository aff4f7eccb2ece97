"""Shares of rates in a mesh: asked for at once and every second, kept while no registry answers."""

from __future__ import annotations

import asyncio
from typing import Self

import pytest

from crossply.protection.leases import Leases
from crossply.protection.rates import UNTIL_TOLD, Rates
from crossply.tasks import Tasks
from crossply.testing import MemoryBroker
from crossply.wire.lease import Shares, Wanted
from crossply_policy.compile import compile_snapshot
from crossply_policy.snapshot import Snapshot
from tests.unit.policy.documents import parsed
from tests.unit.sdk.stage import link, now


def snapshot(rate: float = 100.0, scope: str = "mesh") -> Snapshot:
    spec = {"for": {"service": "orders"}, "rate": rate, "scope": scope}
    return compile_snapshot(parsed({"kind": "RateLimit", "name": "quota", "spec": spec}), generation=1, revision=1)


class Registry:
    """Answers with one share, and notes who asked for what, when."""

    def __init__(self) -> None:
        self.share: float | None = 0.4
        self.asked: list[tuple[float, str, dict[str, Wanted]]] = []

    def __call__(self, service: str, instance: str, wanted: dict[str, Wanted]) -> Shares | None:
        self.asked.append((now(), f"{service}/{instance}", wanted))
        return None if self.share is None else dict.fromkeys(wanted, self.share)


class Bench:
    """One instance that keeps to a limit, and a registry."""

    def __init__(self, broker: MemoryBroker) -> None:
        self.broker = broker
        self.registry = Registry()
        self.rates = Rates("orders", now)
        self.tasks = Tasks(self.failed)

    async def __aenter__(self) -> Self:
        ours = await link(self.broker, "orders", "aaaaaaaaaaaa")
        theirs = await link(self.broker, "registry", "bbbbbbbbbbbb")
        await theirs.shares.answer(self.registry)
        self.tasks.for_ever(Leases(ours.shares, self.rates, now).renewing, "leases")
        await asyncio.sleep(0.5)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.tasks.aclose()

    def failed(self, name: str, error: BaseException) -> None:
        raise AssertionError(name) from error

    def share(self, at: Snapshot) -> float:
        self.rates.adopt(at)
        [(buckets, _)] = self.rates.served(at, "create")
        return buckets.share


async def test_it_begins_with_a_tenth_and_asks_at_once(broker: MemoryBroker) -> None:
    async with Bench(broker) as bench:
        began = now()
        assert bench.share(snapshot()) == UNTIL_TOLD
        await asyncio.sleep(0.01)
        assert bench.share(snapshot()) == pytest.approx(0.4)
        assert bench.registry.asked == [(began, "orders/aaaaaaaaaaaa", {"quota": Wanted(UNTIL_TOLD, 0.0)})]


async def test_then_it_asks_every_second_and_says_how_much_is_asked_of_it(broker: MemoryBroker) -> None:
    async with Bench(broker) as bench:
        bench.share(snapshot())
        await asyncio.sleep(0.01)
        [(buckets, _)] = bench.rates.served(snapshot(), "create")
        for _ in range(50):
            buckets.take("web")
        await asyncio.sleep(1.0)
        at, _, wanted = bench.registry.asked[-1]
        assert at == pytest.approx(bench.registry.asked[0][0] + 1.0)
        assert wanted["quota"] == Wanted(pytest.approx(0.4), pytest.approx(50.0))  # type: ignore[arg-type]  # about so much


async def test_while_no_registry_answers_it_keeps_its_share(broker: MemoryBroker) -> None:
    async with Bench(broker) as bench:
        bench.share(snapshot())
        await asyncio.sleep(0.01)
        bench.registry.share = None
        await asyncio.sleep(100.0)
        assert bench.share(snapshot()) == pytest.approx(0.4)
        broker.stop()
        await asyncio.sleep(100.0)
        assert bench.share(snapshot()) == pytest.approx(0.4)


async def test_a_limit_that_changes_keeps_its_share(broker: MemoryBroker) -> None:
    async with Bench(broker) as bench:
        bench.share(snapshot())
        await asyncio.sleep(0.01)
        assert bench.share(snapshot(rate=50.0)) == pytest.approx(0.4)
        assert bench.share(snapshot(scope="instance")) == 1.0


async def test_where_no_limit_is_shared_nothing_is_asked(broker: MemoryBroker) -> None:
    async with Bench(broker) as bench:
        bench.share(snapshot(scope="instance"))
        await asyncio.sleep(10.0)
        assert not bench.registry.asked


async def test_only_a_registry_is_believed(broker: MemoryBroker) -> None:
    ours = await link(broker, "orders", "aaaaaaaaaaaa")
    other = await link(broker, "mallory", "bbbbbbbbbbbb")
    await other.shares.answer(lambda _service, _instance, _wanted: {"quota": 1.0})
    assert await ours.shares.ask({"quota": Wanted(0.1, 1.0)}, 1.0) is None
