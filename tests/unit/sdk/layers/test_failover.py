"""Failing over: another subset only when there is nobody well in the one chosen."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from crossply.handler import Response, compose
from crossply.layers.balance import balance
from crossply.layers.failover import failover
from crossply.layers.outlier import outlier
from crossply.routing.chooser import chooser
from crossply.routing.instances import Callee
from crossply.routing.outliers import Outliers
from crossply.routing.subsets import Subsets
from crossply.testing import Script
from crossply_policy.protection import OutlierPolicy
from crossply_policy.snapshot import Route
from tests.unit.sdk.layers.test_split import LABELS, there
from tests.unit.sdk.stage import Always, now, request

POLICY = OutlierPolicy(enabled=True)


async def subset(known: Callee, chosen: str | None, *order: str) -> str | None:
    """Return the subset that a call goes to."""
    script = Script()
    await failover(order, Subsets(known, "create", LABELS)).wrap(script)(request(subset=chosen))
    return script.seen[0].subset


@pytest.mark.parametrize("chosen", ["v1", "v2", "v3"])
async def test_a_call_stays_where_somebody_is(chosen: str) -> None:
    assert await subset(there("v1", "v2", "v3"), chosen, "v1", "v2", "v3") == chosen


async def test_without_a_split_the_first_subset_has_the_calls() -> None:
    assert await subset(there("v1", "v2"), None, "v2", "v1") == "v2"


@pytest.mark.parametrize(("chosen", "taken"), [("v1", "v2"), ("v3", "v2"), (None, "v2")])
async def test_the_next_in_the_list_stands_in_and_after_the_last_the_first(chosen: str | None, taken: str) -> None:
    assert await subset(there("v2"), chosen, "v1", "v2", "v3") == taken


async def test_those_that_have_nobody_are_passed_over() -> None:
    assert await subset(there("v3"), "v1", "v1", "v2", "v3") == "v3"


async def test_a_subset_of_suspects_only_has_nobody() -> None:
    known = there("v1", "v2")
    known.suspect(known.instances["i-v1"], suspect=True)
    assert await subset(known, "v1", "v1", "v2") == "v2"
    known.suspect(known.instances["i-v1"], suspect=False)
    assert await subset(known, "v1", "v1", "v2") == "v1"


async def test_where_nobody_is_well_a_call_stays() -> None:
    known = there("v1", "v2")
    for each in known.instances.values():
        known.suspect(each, suspect=True)
    assert await subset(known, "v2", "v1", "v2") == "v2"
    assert await subset(there(), "v2", "v1", "v2") == "v2"


async def test_a_subset_outside_the_list_fails_over_from_its_beginning() -> None:
    assert await subset(there("v1", "v2"), "v3", "v2", "v1") == "v2"


async def test_a_subset_whose_instances_were_ejected_comes_back_by_one_call_that_finds_them_well() -> None:
    known = there("v1", "v2")
    subsets = Subsets(known, "create", LABELS)
    outliers = subsets.outliers = Outliers(POLICY, known, now, lambda _instance, _seconds: None)
    choosing = chooser(Route(outlier=POLICY), known, "create", Always(), "", subsets, outliers)
    nothing: Any = None  # nobody is missing
    script = Script([Response(), Response(), 1.0, Response()])
    handler = compose([failover(("v1", "v2"), subsets), balance(choosing, nothing, now), outlier(outliers)], script)
    for _ in range(POLICY.failures):
        outliers.failed(request(instance="i-v1"))
    for _ in range(2):
        await handler(request())
    await asyncio.sleep(POLICY.base)
    probing = asyncio.ensure_future(handler(request()))
    await asyncio.sleep(0.5)
    await handler(request())
    await probing
    await handler(request())
    assert [each.subset for each in script.seen] == ["v2", "v2", "v1", "v2", "v1"]


async def test_while_a_call_probes_a_subset_the_others_go_where_somebody_is_well() -> None:
    known = there("v1", "v2")
    subsets = Subsets(known, "create", LABELS)
    outliers = subsets.outliers = Outliers(POLICY, known, now, lambda _instance, _seconds: None)
    for _ in range(POLICY.failures):
        outliers.failed(request(instance="i-v1"))
    assert not subsets.healthy("v1")
    await asyncio.sleep(POLICY.base)
    assert subsets.healthy("v1")
    probe = request(instance="i-v1")
    assert outliers.probe(subsets.having("v1"), probe, now()) is known.instances["i-v1"]
    assert not subsets.healthy("v1")
    outliers.failed(probe)
    assert not subsets.healthy("v1")
