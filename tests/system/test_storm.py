"""A storm: brokers and instances are killed, stopped and restarted in random order, under calls that do not wait."""

from __future__ import annotations

import asyncio
import gc
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.support.storm import FAULTS, GRACE, TIMEOUT, WORKERS, Storm, out_in_it
from tests.support.waiting import eventually

WARM_UP, QUIET = 25.0, 8.0
AN_HOUR = 60
MEGABYTE = 1024 * 1024


def order(chance: random.Random) -> list[str]:
    """Return an hour's worth of faults in random order: one a minute, every kind as often as the others."""
    rounds = -(-AN_HOUR // len(FAULTS))
    found = list(FAULTS * rounds)
    chance.shuffle(found)
    return found


def size() -> int:
    """Return this process's resident memory, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def objects() -> int:
    """Return how many objects live that hold others; what a process has of the system's memory is more than that."""
    gc.collect()
    return len(gc.get_objects())


def held() -> tuple[int, int]:
    """Return how many tasks and file descriptors this process has."""
    return len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir()))


async def through(storm: Storm) -> tuple[Counter[str], int, int]:
    """Warm up, live through the storm, and wait until it is quiet.

    Return what befell, how much memory grew, and how many objects more there are.
    """
    ended = asyncio.Event()
    calling = asyncio.ensure_future(storm.calls(ended))
    # What a full link holds at worst is part of being warm: the process keeps that memory, and must not need more.
    await storm.befall("broker_stopped_saturated")
    await asyncio.sleep(WARM_UP)
    before, living = size(), objects()
    befallen: Counter[str] = Counter()
    for fault in order(storm.chance):
        await storm.befall(fault)
        befallen[fault] += 1
        await asyncio.sleep(1.0 + storm.chance.random())
    ended.set()
    await calling
    await asyncio.sleep(QUIET)
    return befallen, size() - before, objects() - living


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_an_hours_worth_of_faults_costs_no_call_its_deadline_and_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where something broke once a minute, an hour would hold 60 faults; here they come every five seconds."""
    seed = int(os.environ.get("SEED", "0")) or random.randrange(1, 10**6)
    async with out_in_it(tmp_path, seed) as storm:
        await asyncio.to_thread(int)  # the thread that starts brokers is there from the beginning
        began_with = held()
        befallen, grown, more = await through(storm)
        await asyncio.gather(*(storm.caller.call("worker.read", timeout=TIMEOUT) for _ in range(200)))
        await eventually(lambda: len(storm.caller.running.catalog.callee("worker").instances) == WORKERS, 25.0)
        ended_with = held()
    with capsys.disabled():
        print(
            f"\nstorm {seed} (SEED={seed} has it again): {dict(befallen)}; {dict(storm.outcomes)};"
            f" latest {storm.latest * 1000:.0f} ms after a deadline, lag {storm.lag * 1000:.0f} ms;"
            f" {grown / MEGABYTE:+.1f} MB, {more:+} objects; tasks and files {began_with} -> {ended_with}"
        )
    assert befallen.total() >= AN_HOUR
    assert storm.latest <= GRACE + storm.lag
    assert storm.outcomes["ok"] > 0.8 * storm.outcomes.total()
    found = storm.written()
    assert max(found.values()) == 1
    assert not storm.refused & set(found)
    # Bursts leave the allocator with pages it keeps; what lives in them is what lived before.
    assert grown < 16 * MEGABYTE
    assert more < 2000
    assert ended_with[0] <= began_with[0] + 2
    assert ended_with[1] <= began_with[1] + 2
