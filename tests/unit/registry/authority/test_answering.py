"""When a broker is answered: at once, once policy is known, with revocations that are fresh, or not at all."""

from __future__ import annotations

import asyncio

from crossply.wire.link import StoreUnavailable
from crossply_policy.access.rules import Access
from crossply_registry.authority.callout.admitting import Admitting
from crossply_registry.authority.callout.answering import FRESH, Answering
from crossply_registry.authority.revocations import CLEAR, Revocations, Verdict
from tests.unit.registry.authority.callout_asking import Asking, said
from tests.unit.registry.authority.standing import NOW


class Clock:
    """Monotonic seconds, as the test says."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class FakeRevocations(Revocations):
    """Counts how often it was read; `later` is what the next read finds."""

    def __init__(self) -> None:
        self.reads = 0
        self.known = CLEAR
        self.later = CLEAR
        self.down = False

    async def refresh(self) -> dict[str, Verdict]:
        self.reads += 1
        await asyncio.sleep(0)
        if self.down:
            raise StoreUnavailable("no leader")
        self.known = self.later
        return {}

    def verdict(self, identity: str) -> Verdict:
        return self.known


def answering(asking: Asking, clock: Clock, within: float = 8.0) -> Answering:
    admitting = Admitting(
        root=asking.root,
        trust_domain="mesh.local",
        tenant="default",
        account="MESH",
        signer=asking.signer,
        now=lambda: NOW,
    )
    return Answering(admitting, clock, within=within)


def let_in(answer: bytes | None) -> bool:
    return answer is not None and "jwt" in said(answer)["nats"]


async def test_a_service_waits_until_policy_is_known_and_the_meshs_own_processes_do_not() -> None:
    asking = Asking()
    made = answering(asking, Clock())
    made.begin(FakeRevocations())
    assert let_in(await made.answer(asking.question(asking.certificate("authority", ""))))
    waiting = asyncio.get_running_loop().create_task(made.answer(asking.question()))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done()
    made.adopt(Access())
    assert let_in(await waiting)
    await made.aclose()


async def test_who_waits_longer_than_the_broker_gets_no_answer() -> None:
    asking = Asking()
    made = answering(asking, Clock(), within=0.0)
    made.begin(FakeRevocations())
    assert await made.answer(asking.question()) is None


async def test_what_is_no_question_gets_no_answer_and_a_stranger_gets_a_refusal() -> None:
    asking, other = Asking(), Asking()
    made = answering(asking, Clock())
    assert await made.answer(b"hello") is None
    answer = await made.answer(asking.question(client_tls={"verified_chains": [other.chain(other.certificate())]}))
    assert answer is not None
    assert "not made by an authority" in said(answer)["nats"]["error"]


async def test_revocations_are_read_once_for_all_who_connect_at_a_moment_and_again_when_they_are_old() -> None:
    asking, clock, revocations = Asking(), Clock(), FakeRevocations()
    made = answering(asking, clock)
    made.begin(revocations)
    made.adopt(Access())
    answers = await asyncio.gather(*(made.answer(asking.question()) for _ in range(50)))
    assert all(map(let_in, answers))
    assert revocations.reads == 1
    revocations.later = Verdict(barred=True)
    assert let_in(await made.answer(asking.question()))
    clock.now += FRESH + 0.1
    assert not let_in(await made.answer(asking.question()))
    assert revocations.reads == 2


async def test_while_the_store_does_not_answer_what_was_known_of_revocations_holds() -> None:
    asking, clock, revocations = Asking(), Clock(), FakeRevocations()
    made = answering(asking, clock)
    made.begin(revocations)
    made.adopt(Access())
    revocations.known, revocations.down = Verdict(barred=True), True
    assert not let_in(await made.answer(asking.question()))
    revocations.known = CLEAR
    assert let_in(await made.answer(asking.question()))
