"""A call's metadata chooses among routes; without such routes nothing is chosen at all."""

from __future__ import annotations

import pytest

from crossply.routing.steering import steered
from crossply.testing import Script
from tests.unit.sdk.stage import request


@pytest.mark.parametrize(
    ("metadata", "taken"),
    [
        ({"tester": "yes", "lang": "fr", "other": "x"}, 0),
        ({"tester": "yes", "lang": "de"}, 1),
        ({"tester": "no"}, 2),
        ({}, 2),
        (None, 2),
    ],
)
async def test_the_first_route_whose_condition_holds_is_taken(metadata: dict[str, str] | None, taken: int) -> None:
    scripts = [Script(), Script(), Script()]
    conditions = [(("tester", "yes"), ("lang", "fr")), (("tester", "yes"),), ()]
    await steered(list(zip(conditions, scripts, strict=True)))(request(metadata=metadata))
    assert [len(each.seen) for each in scripts] == [int(number == taken) for number in range(3)]


def test_an_operation_with_one_route_is_that_route() -> None:
    script = Script()
    assert steered([((), script)]) is script


async def test_metadata_that_is_no_text_matches_nothing_and_is_refused_further_down() -> None:
    script, other = Script(), Script()
    odd: dict[str, str] = {"tester": ["yes"]}  # type: ignore[dict-item]  # users err
    await steered([((("tester", "yes"),), other), ((), script)])(request(metadata=odd))
    assert len(script.seen) == 1
