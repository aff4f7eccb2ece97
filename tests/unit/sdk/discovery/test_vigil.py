"""The vigil asks instances whose attempts take too long, and acts on the answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest

from crossply.discovery.catalog import Catalog
from crossply.discovery.vigil import PING_EVERY, Vigil
from crossply.routing.instances import Callee
from crossply.tasks import Tasks
from crossply.wire.link import Link, Pong
from tests.unit.sdk.stage import callee, instance, now


@dataclass
class Slow:
    """A link with one attempt that has been in flight for ``age`` seconds."""

    age: float
    pong: Pong = Pong.ALIVE
    pings: list[float] = field(default_factory=list[float])
    failed: list[str] = field(default_factory=list[str])

    def outstanding(self, older_than: float) -> dict[tuple[str, str], tuple[str, float]]:
        return {("orders", "i1"): ("orders.create", self.age)} if self.age > older_than else {}

    async def ping(self, operation: str, instance: str, timeout: float) -> Pong:
        assert (operation, instance, timeout) == ("orders.create", "i1", 1.0)
        self.pings.append(now())
        return self.pong

    def fail_attempts(self, service: str, instance: str) -> int:
        self.failed.append(f"{service}/{instance}")
        return 1


@dataclass
class Known:
    """A catalog that knows one service."""

    service: Callee

    def callee(self, _service: str) -> Callee:
        return self.service

    def forget(self, _service: str, instance: str) -> None:
        self.service.remove(instance)


async def watched(link: Slow, latency: float, seconds: float) -> Callee:
    known = callee(instance("i1", "create"), instance("i2", "create"))
    known.instances["i1"].latency = latency
    tasks = Tasks(lambda name, error: pytest.fail(f"{name}: {error!r}"))
    vigil = Vigil(cast("Link", link), cast("Catalog", Known(known)), tasks, now)
    tasks.for_ever(vigil.watch, "vigil")
    await asyncio.sleep(seconds)
    await tasks.aclose()
    return known


@pytest.mark.parametrize(
    ("age", "latency", "asked"),
    [
        (0.09, 0.0, False),
        (0.11, 0.0, True),
        (0.11, 0.05, False),
        (0.16, 0.05, True),
        (0.49, 2.0, False),
        (0.51, 2.0, True),
    ],
)
async def test_an_attempt_is_slow_above_100_ms_and_three_times_the_usual_and_always_above_half_a_second(
    age: float, latency: float, asked: bool
) -> None:
    link = Slow(age)
    await watched(link, latency, 0.06)
    assert bool(link.pings) is asked


async def test_an_instance_is_asked_at_most_four_times_a_second() -> None:
    link = Slow(1.0)
    await watched(link, 0.0, 2.0)
    gaps = [after - before for before, after in zip(link.pings, link.pings[1:], strict=False)]
    assert len(link.pings) >= 6
    assert min(gaps) >= PING_EVERY


async def test_one_that_is_gone_is_forgotten_and_its_attempts_fail() -> None:
    link = Slow(1.0, Pong.GONE)
    known = await watched(link, 0.0, 0.1)
    assert set(known.instances) == {"i2"}
    assert link.failed == ["orders/i1"]


async def test_a_silent_one_is_suspect_and_its_attempts_are_left_alone() -> None:
    link = Slow(1.0, Pong.SILENT)
    known = await watched(link, 0.0, 0.1)
    assert known.instances["i1"].suspect
    assert [each.id for each in known.serving("create")] == ["i2"]
    assert link.failed == []
