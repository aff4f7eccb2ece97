"""An instance is killed in the middle of a call whose reply is kept: another answers, and nothing runs twice."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from crossply import Mesh
from crossply.errors import DeadlineExceeded
from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.program import Program
from tests.support.waiting import eventually, eventually_awaited

KEEPER = Path(__file__).parents[1] / "support" / "keeper.py"
MANY = 50


class Keepers:
    """One instance that will crash and one that will not, their caller, and what both have run."""

    def __init__(self, web: Mesh, crashing: Program, crashes: str, stays: str, ledger: Path) -> None:
        self.web = web
        self.crashing = crashing
        self.crashes = crashes
        self.stays = stays
        self._ledger = ledger

    @property
    def runs(self) -> Counter[int]:
        """How often each number ran."""
        return Counter(map(int, self._ledger.read_text().split()))

    async def create(self, number: int, timeout: float = 5.0) -> str:
        """Make a call, which is that number's only one."""
        return await self.web.call(
            "keeper.create", {"number": number}, idempotency_key=f"k{number}", timeout=timeout, returns=str
        )


@pytest.fixture
def programs() -> Iterator[contextlib.ExitStack]:
    """Ends what it entered."""
    with contextlib.ExitStack() as entered:
        yield entered


@pytest.fixture
async def keepers(
    request: pytest.FixtureRequest,
    broker: Broker,
    meshes: Meshes,
    provider: object,
    programs: contextlib.ExitStack,
    tmp_path: Path,
) -> Keepers:
    """Two instances, of which one crashes at the moment that the test's parameter says."""
    ledger = tmp_path / "ledger"
    ledger.touch()
    environ = {"CROSSPLY_NATS_URL": broker.url, "LEDGER": str(ledger)}
    first = programs.enter_context(
        Program(tmp_path / "crashing", str(KEEPER), environ={**environ, "CRASH": request.param})
    )
    second = programs.enter_context(Program(tmp_path / "staying", str(KEEPER), environ=environ))
    crashes, stays = await first.ready("keeper"), await second.ready("keeper")
    web = await meshes.client("web")
    return Keepers(web, first, crashes, stays, ledger)


@pytest.mark.parametrize("keepers", ["kept"], indirect=True)
async def test_what_an_instance_had_kept_before_it_was_killed_is_the_answer_of_its_retry(keepers: Keepers) -> None:
    # The first to be asked may be either; all are answered, and the last one by the instance that is dead by then.
    answers: list[str] = []
    while keepers.crashes not in answers:
        assert len(answers) < MANY
        answers.append(await keepers.create(len(answers)))
    assert await keepers.crashing.ended() == -9
    answers += [await keepers.create(len(answers) + more) for more in range(3)]
    assert answers.count(keepers.crashes) == 1
    assert keepers.runs == Counter(range(len(answers)))


@pytest.mark.parametrize("keepers", ["running"], indirect=True)
async def test_a_call_whose_instance_was_killed_as_it_ran_does_not_run_again_before_its_deadline(
    keepers: Keepers,
) -> None:
    number = 0
    while keepers.crashing.code is None:
        assert number < MANY
        number += 1
        with contextlib.suppress(DeadlineExceeded):
            assert await keepers.create(number, timeout=1.5) == keepers.stays
    assert keepers.runs == Counter(range(1, number + 1))

    # The claim is void a second after the deadline: whoever comes then with the key is answered, by a run of its own.
    async def answered() -> bool:
        return await keepers.create(number) == keepers.stays

    await eventually_awaited(answered, 5.0)
    await eventually(lambda: keepers.runs[number] == 2)
