"""Instances: calls are shared among them, and one that drains, dies or hangs costs no call that may go elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from crossply import CallError, Mesh, MeshError
from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.policies import Policies
from tests.support.program import WORKER, Program
from tests.support.waiting import eventually

AT_ONCE = 50


@asynccontextmanager
async def workers(broker: Broker, directory: Path, count: int) -> AsyncGenerator[list[tuple[str, Program]]]:
    """Run instances of ``worker`` in processes of their own; yield each with its instance id."""
    async with AsyncExitStack() as stack:
        environ = {"CROSSPLY_NATS_URL": broker.url, "LEDGER": str(directory / "ledger")}
        programs = [
            stack.enter_context(Program(directory / f"worker-{number}", str(WORKER), environ=environ))
            for number in range(count)
        ]
        yield [(await program.ready("worker"), program) for program in programs]


async def knows(caller: Mesh, instances: set[str]) -> None:
    """Wait until a caller knows exactly these instances of ``worker``."""
    await caller.call("worker.read", returns=str)
    callee = caller.running.catalog.callee("worker")
    await eventually(lambda: {each.id for each in callee.instances.values()} == instances)


@asynccontextmanager
async def load(
    caller: Mesh, operation: str, payload: Callable[[int], dict[str, object]]
) -> AsyncGenerator[Counter[str]]:
    """Call all the time, fifty at once, while the block runs; count instances, and failures as ``failed``."""
    outcomes: Counter[str] = Counter()
    going = True

    async def loop(first: int) -> None:
        number = first
        while going:
            number += AT_ONCE
            try:
                outcomes[await caller.call(operation, payload(number), returns=str)] += 1
            except CallError as error:
                outcomes["failed"] += 1
                outcomes[f"{error.code} {error}"] += 1

    loops = [asyncio.ensure_future(loop(first)) for first in range(AT_ONCE)]
    try:
        yield outcomes
    finally:
        going = False
        await asyncio.gather(*loops)


async def test_calls_are_shared_among_the_instances(broker: Broker, meshes: Meshes, tmp_path: Path) -> None:
    async with workers(broker, tmp_path, 3) as running:
        caller = await meshes.client()
        await knows(caller, {instance for instance, _ in running})
        async with load(caller, "worker.read", lambda _: {"seconds": 0.005}) as outcomes:
            await eventually(lambda: outcomes.total() > 600)
        assert min(outcomes[instance] for instance, _ in running) > outcomes.total() / 10
        assert outcomes["failed"] == 0


async def test_no_idempotent_call_fails_when_an_instance_is_killed_under_fifty_calls(
    broker: Broker, meshes: Meshes, tmp_path: Path
) -> None:
    async with workers(broker, tmp_path, 2) as running:
        (killed, program), (left, _) = running
        caller = await meshes.client()
        await knows(caller, {killed, left})
        callee = caller.running.catalog.callee("worker")
        async with load(caller, "worker.read", lambda _: {"seconds": 0.05}) as outcomes:
            await eventually(lambda: outcomes[killed] > 20 and outcomes[left] > 20)
            await eventually(lambda: callee.instances[killed].in_flight >= 10)
            program.kill()
            in_flight = callee.instances[killed].in_flight
            before = outcomes[left]
            await eventually(lambda: outcomes[left] > before + 200)
        assert in_flight >= 10
        assert outcomes["failed"] == 0, outcomes
        assert killed not in callee.instances


async def test_no_call_fails_while_an_instance_drains_even_one_that_may_run_only_once(
    broker: Broker, meshes: Meshes, tmp_path: Path
) -> None:
    async with workers(broker, tmp_path, 2) as running:
        (drained, program), (left, _) = running
        caller = await meshes.client()
        await knows(caller, {drained, left})
        async with load(caller, "worker.write", lambda number: {"number": number, "seconds": 0.02}) as outcomes:
            await eventually(lambda: outcomes[drained] > 20)
            program.terminate()
            assert await program.ended() == 0
            before = outcomes[left]
            await eventually(lambda: outcomes[left] > before + 100)
        assert outcomes["failed"] == 0, outcomes
        written = (tmp_path / "ledger").read_text().split("\n")[:-1]
        assert len(written) == len(set(written)) == outcomes.total()


async def test_a_long_call_that_runs_only_once_is_finished_by_an_instance_that_drains(
    broker: Broker, meshes: Meshes, tmp_path: Path
) -> None:
    async with workers(broker, tmp_path, 1) as running:
        ((drained, program),) = running
        caller = await meshes.client()
        await knows(caller, {drained})
        writing = asyncio.ensure_future(caller.call("worker.write", {"number": 1, "seconds": 2.0}, returns=str))
        await eventually(lambda: caller.running.catalog.callee("worker").instances[drained].in_flight == 1)
        program.terminate()
        # Longer than it takes to ask after a slow attempt, so that the instance must answer while it drains.
        assert await writing == drained
        assert await program.ended() == 0


async def test_a_paused_instance_gets_nothing_new_until_it_runs_again(
    broker: Broker, meshes: Meshes, tmp_path: Path
) -> None:
    async with workers(broker, tmp_path, 2) as running:
        (paused, program), (left, _) = running
        caller = await meshes.client()
        await knows(caller, {paused, left})
        callee = caller.running.catalog.callee("worker")
        program.pause()
        asking = [asyncio.ensure_future(caller.call("worker.read", timeout=4.0)) for _ in range(20)]
        await eventually(lambda: callee.instances[paused].suspect, 3.0)
        answered = {await caller.call("worker.read", returns=str, timeout=1.0) for _ in range(50)}
        assert answered == {left}
        program.resume()
        # What was sent to the paused one is still answered: nobody failed those attempts.
        assert set(await asyncio.gather(*asking)) <= {paused, left}
        await eventually(lambda: not callee.instances[paused].suspect, 8.0)
        await eventually(lambda: {each.id for each in callee.serving("read")} == {paused, left})


async def test_idempotent_calls_that_the_queue_group_gives_to_a_paused_instance_are_sent_again_in_time(
    broker: Broker, meshes: Meshes, policies: Policies, tmp_path: Path
) -> None:
    # Whoever leaves the choice to the broker can ping nobody: only the bound of an attempt finds out.
    await policies.apply({"kind": "Service", "name": "worker", "spec": {"balance": {"method": "queue"}}})
    async with workers(broker, tmp_path, 2) as running:
        (paused, program), (left, _) = running
        caller = await meshes.client()
        await knows(caller, {paused, left})
        program.pause()

        async def took() -> float:
            began = time.monotonic()
            await caller.call("worker.read", returns=str, timeout=3.0)
            return time.monotonic() - began

        found = await asyncio.gather(*(took() for _ in range(30)), return_exceptions=True)
        # Whose first attempt went to the paused one has waited a third of its time, and was answered by the other.
        assert any(isinstance(each, float) and each >= 0.9 for each in found), found
        program.resume()


async def test_a_single_instance_that_restarts_is_waited_for(broker: Broker, meshes: Meshes, tmp_path: Path) -> None:
    caller = await meshes.client()
    async with workers(broker, tmp_path / "first", 1) as running:
        ((first, program),) = running
        await knows(caller, {first})
        program.terminate()
        await program.ended()
        environ = {"CROSSPLY_NATS_URL": broker.url}
        with Program(tmp_path / "second", str(WORKER), environ=environ) as following:
            second = await caller.call("worker.write", {"number": 1}, returns=str)
            assert second == await following.ready("worker") != first


async def test_an_instance_may_leave_the_mesh_and_come_back(meshes: Meshes) -> None:
    orders = meshes.new("orders")

    @orders.endpoint
    async def create() -> str:
        return "created"

    await meshes.start(orders)
    caller = await meshes.client()
    assert await caller.call("orders.create") == "created"
    await orders.withdraw()
    with pytest.raises(CallError) as caught:
        await caller.call("orders.create", timeout=0.3)
    assert caught.value.code == "unavailable"
    await orders.rejoin()
    assert await caller.call("orders.create") == "created"


async def test_a_handler_that_waits_for_its_own_end_is_told_at_once_and_its_mesh_goes_on(meshes: Meshes) -> None:
    orders = meshes.new("orders")

    @orders.endpoint
    async def end() -> str:
        with pytest.raises(MeshError, match="in a handler of orders"):
            await orders.stop()
        return "still here"

    await meshes.start(orders)
    caller = await meshes.client()
    assert [await caller.call("orders.end") for _ in range(2)] == ["still here"] * 2


async def test_a_plain_function_that_never_ends_does_not_keep_its_process(
    broker: Broker, meshes: Meshes, tmp_path: Path
) -> None:
    service = tmp_path / "stuck.py"
    service.write_text(
        "import time\n"
        "from crossply import Mesh\n"
        "mesh = Mesh('stuck')\n"
        "@mesh.endpoint\n"
        "def hang() -> None:\n"
        "    time.sleep(60)\n"
        "mesh.run()\n"
    )
    with Program(tmp_path, str(service), environ={"CROSSPLY_NATS_URL": broker.url}) as program:
        await program.ready("stuck")
        caller = await meshes.client()
        with pytest.raises(CallError):
            await caller.call("stuck.hang", timeout=0.3)
        program.terminate()
        began = time.monotonic()
        assert await program.ended() == 0
        assert time.monotonic() - began < 5.0
