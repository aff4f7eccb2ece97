"""The demo keeps what the README promises: live traffic, the edge, a policy changed live, a killed instance."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from crossply import CallError, Code, Mesh
from crossply.config import MeshConfig
from tests.support.running_up import RunningUp, environ
from tests.support.waiting import eventually

CHARGES = 500
AT_ONCE = 50


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUp]:
    """A demo that runs while this module's tests do."""
    with RunningUp(tmp_path_factory.mktemp("demo"), "--demo") as up:
        up.ready("first call")
        yield up


@asynccontextmanager
async def beside(demo: RunningUp) -> AsyncGenerator[Mesh]:
    """A mesh beside the demo, which finds it as a user's service would."""
    config = MeshConfig.from_mapping(environ(), start=demo.folder)
    async with Mesh("hello", kind="client", config=config) as mesh:
        yield mesh


async def failed_charges(mesh: Mesh) -> int:
    """Make 500 charges, ten at a time; return how many failed."""
    gate, failures = asyncio.Semaphore(10), 0

    async def charge(number: int) -> None:
        nonlocal failures
        async with gate:
            try:
                await mesh.call("billing.charge", {"order": f"o-{number}", "cents": 100})
            except CallError:
                failures += 1

    await asyncio.gather(*(charge(number) for number in range(CHARGES)))
    return failures


def test_the_gateway_takes_a_call_as_the_readme_shows(demo: RunningUp) -> None:
    gateway = demo.ready()["gateway"]
    # Every twelfth charge fails, by the demo's own policy: one of two orders goes through.
    answers = [httpx.post(f"{gateway}/orders/create", json={"sku": "a", "quantity": 1}) for _ in range(2)]
    assert 200 in [answer.status_code for answer in answers]
    answer = next(each for each in answers if each.status_code == 200)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["sku"] == "a"


def test_the_plain_application_answers_through_its_bridge(demo: RunningUp) -> None:
    answer = httpx.get(f"{demo.ready()['gateway']}/svc/stock/items/a")
    assert answer.status_code == 200
    assert answer.json()["sku"] == "a"
    assert "Python" in answer.headers["server"]


async def test_a_policy_changed_live_is_in_force_everywhere_within_a_second(demo: RunningUp) -> None:
    registry = demo.ready()["registry"]
    async with beside(demo) as mesh, httpx.AsyncClient(base_url=registry) as api:
        declined = await failed_charges(mesh)
        assert 0.05 <= declined / CHARGES <= 0.11

        document = await api.get("/v1/documents/Service/billing")
        assert document.json()["spec"]["retry"]["attempts"] == 0
        changed = await api.put(
            "/v1/documents/Service/billing",
            json={"spec": {"retry": {"attempts": 2}}},
            headers={"if-match": document.headers["etag"]},
        )
        assert changed.status_code == 200, changed.text
        began = time.monotonic()
        while True:
            status: dict[str, Any] = (await api.get("/v1/status")).json()
            if status["data_planes"] and not any(each["behind"] for each in status["data_planes"]):
                break
            assert time.monotonic() - began < 1.0, status
        assert {each["service"] for each in status["data_planes"]} >= {
            "web", "orders", "billing", "stock", "mailer", "gateway"
        }  # fmt: skip

        assert await failed_charges(mesh) <= 2


async def test_no_quote_fails_when_an_instance_of_orders_is_killed(demo: RunningUp) -> None:
    outcomes: Counter[str] = Counter()
    async with beside(demo) as mesh:
        await mesh.call("orders.quote", {"sku": "a"})
        callee = mesh.running.catalog.callee("orders")
        await eventually(lambda: len(callee.instances) == 2)
        going = True

        async def quotes() -> None:
            while going:
                try:
                    await mesh.call("orders.quote", {"sku": "a"})
                    outcomes["ok"] += 1
                except CallError as error:
                    outcomes[str(error)] += 1

        loops = [asyncio.ensure_future(quotes()) for _ in range(AT_ONCE)]
        await eventually(lambda: outcomes["ok"] > 200)
        victim = orders_processes(demo)[0]
        in_flight = sum(each.in_flight for each in callee.instances.values())
        os.kill(victim, signal.SIGKILL)
        assert in_flight >= 10
        await eventually(lambda: len(callee.instances) == 1, 10.0)
        before = outcomes["ok"]
        await eventually(lambda: outcomes["ok"] > before + 300, 10.0)
        going = False
        await asyncio.gather(*loops)
    assert set(outcomes) == {"ok"}


def orders_processes(demo: RunningUp) -> list[int]:
    found = [pid for pid in demo.children() if b"orders" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(found) >= 2
    return found


def test_a_demo_with_an_end_prints_its_totals_and_says_whether_it_worked(tmp_path: Path) -> None:
    with RunningUp(tmp_path, "--demo", "--for", "5", "-o", "json") as up:
        assert up.process.wait(60) == 0, up.err
        totals = json.loads(up.out)
        children = up.children()
    assert set(totals) == {
        "calls", "ok", "failed", "events_published", "events_handled", "instances", "seconds_to_first_call", "ports"
    }  # fmt: skip
    assert totals["calls"] == totals["ok"] + totals["failed"] >= 75
    assert totals["events_handled"] == totals["events_published"] > 0
    assert set(totals["ports"]) == {"broker", "authority", "registry", "gateway"}
    assert children == []


async def test_a_service_that_no_document_names_reaches_nothing_in_the_demo(demo: RunningUp) -> None:
    config = MeshConfig.from_mapping(environ(), start=demo.folder)
    async with Mesh("newcomer", kind="client", config=config) as mesh:
        for operation in ("orders.quote", "billing.charge"):
            with pytest.raises(CallError) as denied:
                await mesh.call(operation, {"sku": "a"})
            assert denied.value.code is Code.PERMISSION_DENIED
