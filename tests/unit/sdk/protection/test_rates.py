"""The limits of a process: what a new snapshot leaves alone, and what it begins anew."""

from __future__ import annotations

from typing import Any

from crossply.protection.rates import Rates
from crossply.testing import JumpingClock
from crossply_policy.compile import compile_snapshot
from crossply_policy.snapshot import Snapshot
from tests.unit.policy.documents import parsed


def snapshot(**limits: dict[str, Any]) -> Snapshot:
    """Return a snapshot with these limits of calls to orders, by name."""
    documents = [
        {"kind": "RateLimit", "name": name, "spec": {"for": {"service": "orders"}, "rate": 1, **spec}}
        for name, spec in limits.items()
    ]
    return compile_snapshot(parsed(*documents), generation=1, revision=1)


def test_what_was_used_of_a_limit_outlives_a_snapshot_that_says_the_same_of_it() -> None:
    rates = Rates("orders", JumpingClock())
    [(buckets, _)] = rates.served(snapshot(quota={}), "create")
    assert not buckets.take("web")
    following = snapshot(quota={}, other={"rate": 9})
    rates.adopt(following)
    assert {each.policy.name: bool(each.take("web")) for each, _ in rates.served(following, "create")} == {
        "other": False,
        "quota": True,
    }


def test_a_limit_that_changed_begins_with_full_buckets() -> None:
    rates = Rates("orders", JumpingClock())
    [(buckets, _)] = rates.served(snapshot(quota={}), "create")
    buckets.take("web")
    following = snapshot(quota={"rate": 2})
    rates.adopt(following)
    [(again, _)] = rates.served(following, "create")
    assert not again.take("web")


def test_a_limit_that_was_away_begins_anew() -> None:
    rates = Rates("orders", JumpingClock())
    [(buckets, _)] = rates.served(snapshot(quota={}), "create")
    buckets.take("web")
    rates.adopt(snapshot())
    rates.adopt(snapshot(quota={}))
    [(again, _)] = rates.served(snapshot(quota={}), "create")
    assert again is not buckets


def test_endpoints_under_one_limit_share_its_buckets() -> None:
    rates = Rates("orders", JumpingClock())
    both = [rates.served(snapshot(quota={}), endpoint)[0][0] for endpoint in ("create", "quote")]
    assert both[0] is both[1]


def test_each_side_keeps_only_its_own_limits() -> None:
    rates = Rates("orders", JumpingClock())
    said = snapshot(ours={"at": "caller"}, theirs={})
    assert [each.policy.name for each, _ in rates.called(said, "orders", "create")] == ["ours"]
    assert [each.policy.name for each, _ in rates.served(said, "create")] == ["theirs"]
    assert not rates.called(said, "billing", "charge")
