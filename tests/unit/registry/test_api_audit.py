"""What the API tells of decisions that data planes made."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from crossply.audit.entry import Batch, Entry, Outcome, encode
from crossply.handler import Peer
from crossply.tasks import Tasks
from crossply_registry.audit import MOST_READ, AuditLog
from tests.unit.registry.fake_audit import FakeAudit
from tests.unit.registry.fakes import FakeLink, Pauses

ORDERS = Peer("orders", "b" * 12)


def batch(*numbers: int, dropped: int = 0, **said: Any) -> tuple[Peer, bytes]:
    usual: dict[str, Any] = {"outcome": Outcome.DENIED, "caller": "web", "operation": "orders.create"}
    entries = [Entry(at=float(number), **(usual | said)) for number in numbers]
    return ORDERS, encode(Batch(entries=entries, dropped=dropped))


async def told(api: httpx.AsyncClient, **asked: Any) -> tuple[list[int], dict[str, Any]]:
    answer = (await api.get("/v1/audit", params=asked)).raise_for_status().json()
    return [int(each["at"]) for each in answer["entries"]], answer


async def test_a_decision_is_told_with_who_made_it(api: httpx.AsyncClient, link: FakeLink) -> None:
    link.audit.batches.append(
        batch(1, rule="no-web", generation=1, revision=7, instance="c" * 12, identity="spiffe://x")
    )
    _, answer = await told(api)
    assert answer["entries"] == [
        {
            "sequence": 1,
            "at": 1.0,
            "outcome": "denied",
            "action": "call",
            "service": "orders",
            "instance": ORDERS.instance,
            "caller": "web",
            "caller_identity": "spiffe://x",
            "caller_instance": "c" * 12,
            "operation": "orders.create",
            "rule": "no-web",
            "reason": "",
            "trace_id": "",
            "generation": 1,
            "revision": 7,
        }
    ]


async def test_the_last_are_read_and_then_only_what_is_newer(api: httpx.AsyncClient, link: FakeLink) -> None:
    link.audit.batches += [batch(*range(number, number + 10)) for number in range(0, 500, 10)]
    numbers, answer = await told(api, last=25)
    assert numbers == list(range(475, 500))
    assert (answer["after"], answer["more"]) == (50, True)
    assert await told(api, after=50) == ([], {"entries": [], "after": 50, "dropped": 0, "unread": 0, "more": False})
    link.audit.batches.append(batch(500, dropped=3))
    numbers, answer = await told(api, after=50)
    assert (numbers, answer["after"], answer["dropped"]) == ([500], 51, 3)


async def test_decisions_are_chosen_by_outcome_caller_and_operation(api: httpx.AsyncClient, link: FakeLink) -> None:
    link.audit.batches += [
        batch(1),
        batch(2, outcome=Outcome.ALLOWED),
        batch(3, caller="app"),
        batch(4, operation="orders.quote"),
    ]
    for asked, numbers in (
        ({}, [1, 2, 3, 4]),
        ({"outcome": "allowed"}, [2]),
        ({"caller": "app"}, [3]),
        ({"operation": "orders.quote", "caller": "web"}, [4]),
    ):
        assert (await told(api, **asked))[0] == numbers
        assert (await told(api, after=0, **asked))[0] == numbers


async def test_what_cannot_be_read_is_counted(api: httpx.AsyncClient, link: FakeLink) -> None:
    link.audit.batches += [batch(1), (Peer(""), None), (ORDERS, b"\xc1"), batch(2)]
    numbers, answer = await told(api)
    assert (numbers, answer["unread"]) == ([1, 2], 2)


async def test_what_is_gone_from_the_stream_is_passed_over(api: httpx.AsyncClient, link: FakeLink) -> None:
    link.audit.batches += [batch(number) for number in range(10)]
    link.audit.first = 8
    assert (await told(api))[0] == [7, 8, 9]
    assert (await told(api, after=2))[0] == [7, 8, 9]


async def test_one_question_reads_a_bounded_part_of_the_stream(api: httpx.AsyncClient, link: FakeLink) -> None:
    link.audit.batches += [batch(number) for number in range(MOST_READ + 50)]
    numbers, answer = await told(api, last=1000)
    assert (len(numbers), numbers[-1], answer["more"]) == (MOST_READ, MOST_READ + 49, True)
    numbers, answer = await told(api, after=0, last=1000)
    assert (len(numbers), answer["after"], answer["more"]) == (MOST_READ, MOST_READ, True)
    assert len((await told(api, after=answer["after"]))[0]) == 50


async def test_an_empty_stream_has_told_nothing(api: httpx.AsyncClient) -> None:
    assert (await told(api))[0] == []


async def test_a_stream_that_does_not_answer_is_a_503(api: httpx.AsyncClient, link: FakeLink) -> None:
    link.audit.available = False
    assert (await api.get("/v1/audit")).status_code == 503


@pytest.mark.parametrize("asked", [{"last": 0}, {"last": 1001}, {"after": -1}, {"last": "x"}])
async def test_a_malformed_question_is_refused(api: httpx.AsyncClient, asked: dict[str, Any]) -> None:
    assert (await api.get("/v1/audit", params=asked)).status_code == 400


async def test_the_stream_is_made_as_soon_as_it_can_be() -> None:
    stream, pauses = FakeAudit(available=False), Pauses()

    def failed(name: str, error: BaseException) -> None:
        raise AssertionError(name) from error

    async def pause(length: float) -> None:
        await pauses(length)
        stream.available = len(pauses.lengths) == 3

    await AuditLog(stream, 1, Tasks(failed), pause).provide()
    assert (stream.ensured, len(pauses.lengths)) == (1, 3)
