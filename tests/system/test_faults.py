"""Each fault on its own, between two brokers and three instances, under calls that do not wait for each other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import pytest

from crossply.errors import MeshError
from tests.support.storm import FAULTS, GRACE, TIMEOUT, Storm, Worker, out_in_it
from tests.support.waiting import eventually, eventually_awaited

SEED = 7
BEFORE, AFTER = 1.0, TIMEOUT + 0.5
NO_CALL_FAILS = {"broker_leaves", "worker_restarted", "workers_rolled"}
NO_IDEMPOTENT_CALL_FAILS = {"broker_killed", "worker_killed"}
MANY, LONG = 10, 0.25


async def under_calls(storm: Storm, befalling: Awaitable[None]) -> None:
    """Call before, during and after what befalls."""
    ended = asyncio.Event()
    calling = asyncio.ensure_future(storm.calls(ended))
    await asyncio.sleep(BEFORE)
    await befalling
    await asyncio.sleep(AFTER)
    ended.set()
    await calling


def check(storm: Storm) -> None:
    """What holds whatever befell: no call outlives its deadline, and none runs twice, or after it was refused."""
    assert storm.latest <= GRACE + storm.lag
    assert storm.outcomes["ok"] > 0.5 * storm.outcomes.total(), storm.outcomes
    found = storm.written()
    assert max(found.values()) == 1
    assert not storm.refused & set(found)


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_call_outlives_its_deadline_and_calls_succeed_again(tmp_path: Path, fault: str) -> None:
    async with out_in_it(tmp_path, SEED, aimed=True) as storm:
        await under_calls(storm, storm.befall(fault))
        check(storm)
        if fault in NO_CALL_FAILS:
            assert set(storm.outcomes) == {"ok"}, storm.outcomes
        if fault in NO_IDEMPOTENT_CALL_FAILS:
            assert storm.idempotent_failures == {}, storm.outcomes
        again = (storm.caller.call("worker.read", timeout=TIMEOUT) for _ in range(50))
        assert len(set(await asyncio.gather(*again))) <= len(storm.workers)


async def test_an_idle_link_leaves_a_stopped_broker_too(tmp_path: Path) -> None:
    async with out_in_it(tmp_path, SEED, aimed=True) as storm:
        server = storm.caller.link.server
        stopping = asyncio.ensure_future(storm.broker_stopped())
        await eventually(lambda: storm.caller.link.connected and storm.caller.link.server != server, 5.0)
        # A worker leaves that broker at a moment of its own: until then what is sent to it is lost on the way.
        await eventually_awaited(lambda: answered(storm), 5.0)
        await stopping


async def answered(storm: Storm) -> bool:
    """Say whether a call made now is answered."""
    try:
        return bool(await storm.caller.call("worker.read", timeout=TIMEOUT))
    except MeshError:
        return False


def busiest(storm: Storm) -> Worker:
    """Return the instance that most calls are in flight at."""
    instances = storm.caller.running.catalog.callee("worker").instances
    return max(storm.workers, key=lambda each: instances[each.instance].in_flight)


async def test_no_idempotent_call_fails_when_an_instance_is_killed_with_ten_in_flight_and_it_is_out_at_once(
    tmp_path: Path,
) -> None:
    async with out_in_it(tmp_path, SEED, seconds=LONG) as storm:
        instances = storm.caller.running.catalog.callee("worker").instances

        async def killed() -> None:
            await eventually(lambda: instances[busiest(storm).instance].in_flight >= MANY)
            victim = busiest(storm)
            storm.workers.remove(victim)
            victim.program.kill()
            # A slow attempt is found within 100 ms, or thrice the usual; asked after at most 250 ms later.
            await eventually(lambda: victim.instance not in instances, 0.5 + 0.25 + LONG + storm.lag * 4)
            storm.workers.append(await storm.worker())

        await under_calls(storm, killed())
        check(storm)
        assert storm.idempotent_failures == {}, storm.outcomes


async def test_a_stopped_instance_gets_no_new_call_two_seconds_later(tmp_path: Path) -> None:
    async with out_in_it(tmp_path, SEED, seconds=LONG) as storm:
        instances = storm.caller.running.catalog.callee("worker").instances

        async def paused() -> None:
            victim = busiest(storm)
            known = instances[victim.instance]
            victim.program.pause()
            await asyncio.sleep(2.0 + storm.lag)
            assert known.suspect
            in_flight = known.in_flight
            for _ in range(100):
                await asyncio.sleep(0.01)
                assert known.in_flight <= in_flight  # what was sent before may still end, nothing is added
                in_flight = known.in_flight
            victim.program.resume()
            await eventually(lambda: not known.suspect, 10.0)

        await under_calls(storm, paused())
        check(storm)
