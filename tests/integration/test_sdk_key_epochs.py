"""Documents that shorten how long keys seal and credentials last, while calls run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from crossply import Mesh
from crossply.identity.asking import asking
from crossply.identity.member import Member
from crossply.seal.sealer import unix_ms
from tests.support.authority_process import AuthorityProcess, initialised
from tests.support.closed_broker import ClosedBroker
from tests.support.closed_mesh import WEB_TO_ORDERS, Closed
from tests.support.waiting import eventually

PACE = 10.0
"""How many times as fast epochs go here."""
SHORTER = 60.0 / PACE


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[Closed]:
    out = initialised(tmp_path / "mesh", "orders", "web")
    with ClosedBroker(out) as broker:
        async with AuthorityProcess(
            out,
            tmp_path / "authority",
            broker.url,
            pace=PACE,
            CROSSPLY_KEY_EPOCH="3600",
            CROSSPLY_CREDENTIAL_LIFETIME="3600",
        ) as authority:
            await authority.ready()
            yield Closed(broker, authority, out, tmp_path / "state")


def member(mesh: Mesh) -> Member:
    found = mesh.running.member
    assert isinstance(found, Member)
    return found


def begins(mesh: Mesh) -> list[int]:
    """Return when the keys of a service begin, as one of its instances has them."""
    held = member(mesh).keyring.private
    assert held is not None
    return [each.begins for each in held.service.epochs]


async def test_a_shortened_epoch_turns_the_keys_while_calls_run_and_none_fails(closed: Closed) -> None:
    async with closed.policies() as policies:
        # The queue group alone, so that each call is sealed to the service's key.
        await policies.apply({"kind": "Service", "name": "orders", "spec": {"balance": {"method": "queue"}}})
        await policies.apply(WEB_TO_ORDERS)
        async with closed.orders() as orders, closed.orders() as other, closed.web() as web:
            assert await web.call("orders.quote", {"number": 1}, timeout=5.0) == 2
            first = member(web).keyring.recipient("orders")
            assert first is not None
            assert begins(orders)[-1] - unix_ms() > 3_500_000 / PACE
            stopped, made = asyncio.Event(), list[int]()

            async def calling() -> None:
                while not stopped.is_set():
                    # One attempt: nothing else may make up for one that could not be opened.
                    assert await web.call("orders.quote", {"number": len(made)}, timeout=5.0, idempotent=False)
                    made.append(1)
                    await asyncio.sleep(0.001)

            callers = [asyncio.ensure_future(calling()) for _ in range(4)]
            await policies.apply({"kind": "Security", "name": "orders", "spec": {"key_epoch": "60s"}})
            await eventually(lambda: max(begins(orders)[-1], begins(other)[-1]) - unix_ms() <= SHORTER * 1000)
            assert member(web).keyring.recipient("orders") == first

            def turned() -> bool:
                return member(web).keyring.recipient("orders") != first

            await eventually(turned, SHORTER + SHORTER / 16 + 2.0)
            before = len(made)
            await eventually(lambda: len(made) > before + 200)
            stopped.set()
            await asyncio.gather(*callers)
            print(f"{len(made)} calls, none of them failed")
            # The one after is made for an epoch of the new length.
            await eventually(lambda: begins(other)[-1] - begins(other)[-2] == SHORTER * 1000)


async def test_what_is_renewed_under_a_shorter_lifetime_lasts_that_long(closed: Closed) -> None:
    async with closed.policies() as policies:
        await policies.apply(WEB_TO_ORDERS)
        async with closed.orders() as orders, closed.web() as web:
            assert member(web).issued.not_after - time.time() > 3_500
            await policies.apply({"kind": "Security", "name": "web", "spec": {"credential_lifetime": "120s"}})

            async def lasts(mesh: Mesh) -> float:
                ask = asking(mesh.running.routes.outbound, mesh.running.now)
                assert await member(mesh).renew(ask)
                return member(mesh).issued.not_after - time.time()

            left = await lasts(web)
            while left > 120:
                left = await lasts(web)
            assert left > 110
            assert await lasts(orders) > 3_500
            assert await web.call("orders.quote", {"number": 1}, timeout=5.0) == 2
