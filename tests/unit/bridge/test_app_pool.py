"""Connections are kept, bounded, and lent most recent first."""

from __future__ import annotations

import asyncio

import pytest

from crossply.clock import monotonic
from crossply.errors import Overloaded, Unavailable
from crossply_bridge.app_connection import AppConnection
from crossply_bridge.app_pool import AppPool, PoolLimits
from crossply_bridge.http_limits import HttpLimits
from tests.unit.bridge.fakes import FakeTransport, ManualClock, turn, until


class Door:
    """Opens connections over fake transports."""

    def __init__(self) -> None:
        self.opened: list[tuple[AppConnection, FakeTransport]] = []
        self.broken = False

    async def __call__(self) -> AppConnection:
        if self.broken:
            raise Unavailable("nobody there")
        connection = AppConnection(HttpLimits())
        self.opened.append((connection, FakeTransport(connection)))
        return connection


def pool(door: Door, clock: ManualClock | None = None, **limits: float) -> AppPool:
    return AppPool(door, PoolLimits(**limits), clock or ManualClock())  # type: ignore[arg-type]


async def test_a_connection_given_back_is_lent_again() -> None:
    door = Door()
    lending = pool(door)
    first, used = await lending.take()
    assert not used
    lending.give_back(first)
    assert await lending.take() == (first, True)
    assert len(door.opened) == 1


async def test_the_most_recent_one_is_lent_first() -> None:
    lending = pool(Door())
    (older, _), (newer, _) = await lending.take(), await lending.take()
    lending.give_back(older)
    lending.give_back(newer)
    assert (await lending.take())[0] is newer
    assert (await lending.take())[0] is older


async def test_a_connection_that_ended_is_not_lent() -> None:
    door = Door()
    lending = pool(door)
    first, _ = await lending.take()
    lending.give_back(first)
    door.opened[0][1].lose()
    await turn()
    second, used = await lending.take()
    assert second is not first
    assert not used


async def test_a_connection_idle_for_long_is_closed_and_not_lent() -> None:
    door, clock = Door(), ManualClock()
    lending = pool(door, clock, idle=1.5)
    first, _ = await lending.take()
    lending.give_back(first)
    clock.now += 1.6
    assert (await lending.take())[0] is not first
    assert door.opened[0][1].is_aborted()


async def test_connections_idle_for_long_are_closed_even_if_nobody_asks() -> None:
    door, clock = Door(), ManualClock()
    lending = pool(door, clock, idle=1.5)
    (older, _), (newer, _) = await lending.take(), await lending.take()
    lending.give_back(older)
    clock.now += 1.0
    lending.give_back(newer)
    clock.now += 1.0
    lending.sweep()
    assert [transport.is_aborted() for _, transport in door.opened] == [True, False]
    await lending.aclose()


async def test_the_sweep_comes_by_itself() -> None:
    door = Door()
    lending = AppPool(door, PoolLimits(idle=0.001), monotonic)
    lending.give_back((await lending.take())[0])
    await until(door.opened[0][1].is_aborted)


async def test_asking_for_a_fresh_one_closes_the_idle_ones() -> None:
    door = Door()
    lending = pool(door)
    first, _ = await lending.take()
    lending.give_back(first)
    fresh, used = await lending.take(fresh=True)
    assert fresh is not first
    assert not used
    assert door.opened[0][1].is_aborted()


async def test_who_comes_when_all_are_lent_waits_for_one() -> None:
    lending = pool(Door(), connections=1)
    first, _ = await lending.take()
    waiting = asyncio.ensure_future(lending.take())
    await turn()
    assert not waiting.done()
    lending.give_back(first)
    assert await waiting == (first, True)


async def test_who_comes_when_too_many_wait_is_refused() -> None:
    lending = pool(Door(), connections=1, waiting=1)
    first, _ = await lending.take()
    waiting = asyncio.ensure_future(lending.take())
    await turn()
    with pytest.raises(Overloaded, match="busy"):
        await lending.take()
    waiting.cancel()
    await turn()
    lending.give_back(first)
    assert (await lending.take())[0] is first


async def test_a_failed_opening_takes_no_place() -> None:
    door = Door()
    lending = pool(door, connections=1)
    door.broken = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            await lending.take()
    door.broken = False
    assert (await lending.take())[1] is False


async def test_closing_ends_idle_connections() -> None:
    door = Door()
    lending = pool(door)
    lending.give_back((await lending.take())[0])
    await lending.aclose()
    assert door.opened[0][1].is_aborted()


async def test_bytes_nobody_asked_for_end_a_connection() -> None:
    door = Door()
    lending = pool(door)
    first, _ = await lending.take()
    lending.give_back(first)
    first.data_received(b"HTTP/1.1 200 OK\r\n\r\n")
    assert not first.usable
