"""Leasing rates: shares follow the demand, are never more than all, and survive those who lease them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crossply.control.record import Kept
from crossply.protection.buckets import Buckets
from crossply.protection.leases import Counted
from crossply.testing import JumpingClock
from crossply.wire.lease import Wanted
from crossply.wire.presence import Hello
from crossply_policy.canonical import canonical
from crossply_policy.parse import parse
from crossply_policy.rate_limit import RateLimitPolicy, Target
from crossply_registry.catalog.catalog import Catalog
from crossply_registry.revisions.contents import Contents, Held
from crossply_registry.shares import LEARNING, TERM, Coordinator, Leasing

POLICY = RateLimitPolicy(name="quota", target=Target(service="orders"), rate=100.0, burst=50.0, scope="mesh")


def lease(
    coordinator: Coordinator, name: str, held: float, asked: float, now: float = 0.0, *, expected: int = 0
) -> float:
    return coordinator.lease(("orders", name), Wanted(held, asked), now, expected=expected)


def test_equal_demand_is_equal_shares_and_who_has_more_gives_way_first() -> None:
    coordinator = Coordinator(learning=0.0)
    assert lease(coordinator, "a", 0.1, 10) == pytest.approx(1.0)
    assert lease(coordinator, "b", 0.1, 10) == pytest.approx(0.1), "what another holds is not given away"
    assert lease(coordinator, "a", 1.0, 10) == pytest.approx(0.5)
    assert lease(coordinator, "b", 0.1, 10) == pytest.approx(0.1), "a has not said yet that it gave half of it up"
    assert lease(coordinator, "a", 0.5, 10) == pytest.approx(0.5)
    assert lease(coordinator, "b", 0.1, 10) == pytest.approx(0.5)


def test_the_first_of_those_that_will_ask_does_not_get_all() -> None:
    assert lease(Coordinator(learning=0.0), "a", 0.1, 0, expected=4) == pytest.approx(0.25)


def test_shares_follow_the_demand_and_who_wants_nothing_keeps_a_little() -> None:
    coordinator, shares = Coordinator(learning=0.0), {"a": 0.5, "b": 0.5}
    for _ in range(3):
        for name, asked in (("a", 100.0), ("b", 0.0)):
            shares[name] = lease(coordinator, name, shares[name], asked)
    assert shares["a"] > 0.8
    assert 0.1 < shares["b"] < 0.2
    assert sum(shares.values()) <= 1.0 + 1e-9


def test_the_share_of_who_is_silent_goes_to_others_after_its_term() -> None:
    coordinator = Coordinator(learning=0.0)
    lease(coordinator, "a", 0.5, 10)
    assert lease(coordinator, "b", 0.5, 10, TERM - 0.1) == pytest.approx(0.5)
    assert lease(coordinator, "b", 0.5, 10, TERM + 0.1) == pytest.approx(1.0)


def test_who_begins_to_lease_gives_nobody_more_than_it_holds() -> None:
    coordinator = Coordinator()
    first = 1000.0
    assert lease(coordinator, "a", 0.3, 10, first) == pytest.approx(0.3)
    assert lease(coordinator, "a", 0.3, 10, first + LEARNING - 0.1) == pytest.approx(0.3)
    assert lease(coordinator, "a", 0.3, 10, first + LEARNING) == pytest.approx(1.0)


@dataclass
class Instance:
    """One instance's buckets, and what it says of them."""

    name: str
    clock: JumpingClock
    share: float = 0.1
    passed: int = 0
    buckets: Buckets = field(init=False)

    def __post_init__(self) -> None:
        self.buckets = Buckets(POLICY, self.clock, share=self.share)
        self._counted = Counted(self.buckets, self.clock())

    def ask(self, coordinator: Coordinator, *, lost: bool) -> None:
        """Ask; the answer may be lost."""
        wanted = Wanted(self.buckets.share, self._counted.demand(self.clock()))
        share = coordinator.lease(("orders", self.name), wanted, self.clock(), expected=0)
        if not lost:
            self.buckets.share_out(share)


second = st.tuples(
    st.lists(st.integers(0, 300), min_size=4, max_size=4),
    st.sampled_from(["well", "well", "well", "away", "restarted", "lossy"]),
)


@settings(max_examples=60, deadline=None)
@example([([0, 0, 0, 0], "away")] * 3 + [([0, 0, 0, 0], "well")] * 7)
@given(st.lists(second, min_size=10, max_size=60))
def test_all_instances_together_keep_rate_and_burst_whatever_becomes_of_the_registry(
    seconds: list[tuple[list[int], str]],
) -> None:
    clock = JumpingClock()
    instances = [Instance(name, clock) for name in "abcd"]
    began, coordinator = clock(), Coordinator()
    for offered, registry in seconds:
        if registry == "restarted":
            coordinator = Coordinator()
        for tenth in range(10):
            for instance, calls in zip(instances, offered, strict=True):
                instance.passed += sum(not instance.buckets.take("web") for _ in range(calls // 10))
            clock.advance(0.1)
            if registry != "away" and tenth < 4:
                lost = registry == "lossy" and tenth % 2 == 0
                instances[tenth].ask(coordinator, lost=lost)
        assert sum(instance.buckets.share for instance in instances) <= 1.0 + 1e-9
        # A bucket holds one token at least, however small its share.
        assert sum(instance.passed for instance in instances) <= POLICY.rate * (clock() - began) + POLICY.burst + 4


def test_under_even_demand_the_rate_is_used() -> None:
    clock = JumpingClock()
    instances, coordinator = [Instance(name, clock) for name in "ab"], Coordinator(learning=0.0)
    for step in range(300):
        for instance in instances:
            instance.passed += sum(not instance.buckets.take("web") for _ in range(10))
        clock.advance(0.1)
        if step % 10 == 0:
            for instance in instances:
                instance.ask(coordinator, lost=False)
    assert sum(instance.passed for instance in instances) >= 0.9 * POLICY.rate * 30.0


class Revisions:
    """Holds documents, as a revision log does."""

    def __init__(self, *documents: dict[str, Any]) -> None:
        held: dict[str, Held] = {}
        for each in documents:
            document = parse(each)
            held[document.key] = Held(document, canonical(document), Kept("", 1))
        self.contents = Contents(generation=1, revision=1, record_hash="", held=held)


def limit(name: str, scope: str) -> dict[str, Any]:
    return {"kind": "RateLimit", "name": name, "spec": {"for": {"service": "orders"}, "rate": 10, "scope": scope}}


@pytest.fixture
def catalog() -> Catalog:
    clock = JumpingClock()
    known = Catalog(clock)
    known.hear(Hello("registry", "bbbbbbbbbbbb", kind="registry"))
    for name in ("cccccccccccc", "dddddddddddd"):
        known.hear(Hello("orders", name))
    return known


def leasing(catalog: Catalog, own: str, clock: JumpingClock) -> Leasing:
    nothing: Any = None
    revisions: Any = Revisions(limit("ours", "mesh"), limit("own", "instance"))
    return Leasing(nothing, own, revisions, catalog, clock)


def test_only_the_replica_of_the_lowest_id_leases(catalog: Catalog) -> None:
    wanted = {"ours": Wanted(0.1, 1.0)}
    assert leasing(catalog, "eeeeeeeeeeee", JumpingClock()).asked("orders", "cccccccccccc", wanted) is None
    assert leasing(catalog, "aaaaaaaaaaaa", JumpingClock()).asked("orders", "cccccccccccc", wanted) is not None


def test_what_no_document_shares_is_not_leased(catalog: Catalog) -> None:
    wanted = {name: Wanted(0.1, 1.0) for name in ("ours", "own", "gone")}
    shares = leasing(catalog, "aaaaaaaaaaaa", JumpingClock()).asked("orders", "cccccccccccc", wanted)
    assert shares is not None
    assert set(shares) == {"ours"}


def test_after_it_has_learned_each_of_the_callees_instances_gets_its_share(catalog: Catalog) -> None:
    clock = JumpingClock()
    leases = leasing(catalog, "aaaaaaaaaaaa", clock)
    held = 0.1
    for _ in range(5):
        shares = leases.asked("orders", "cccccccccccc", {"ours": Wanted(held, 1.0)})
        assert shares is not None
        held = shares["ours"]
        assert held == pytest.approx(0.1 if clock() < 1000.0 + LEARNING else 0.5)
        clock.advance(1.0)
