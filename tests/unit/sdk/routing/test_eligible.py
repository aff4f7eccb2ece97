"""Who may be chosen: the well ones, the own zone first, all in a panic."""

from __future__ import annotations

import pytest

from crossply.routing.eligible import Eligible
from crossply.routing.instances import Instance
from crossply.routing.outliers import Outliers
from crossply_policy.documents import BalancePolicy
from crossply_policy.protection import OutlierPolicy
from tests.unit.sdk.stage import callee, instance, request


def zoned(**zones: str) -> list[Instance]:
    """Return instances by name, each in its zone."""
    made = [instance(name, "create") for name in zones]
    for each in made:
        each.zone = zones[each.id]
    return made


def ids(instances: list[Instance]) -> str:
    return "".join(each.id for each in instances)


def eligible(
    instances: list[Instance], policy: BalancePolicy | None = None, zone: str = "", outliers: Outliers | None = None
) -> str:
    return ids(Eligible(policy or BalancePolicy(), zone, outliers).of(instances, None))


@pytest.mark.parametrize(("zone", "expected"), [("x", "ab"), ("y", "cd"), ("z", "abcd"), ("", "abcd")])
def test_the_own_zone_goes_first_where_there_is_one(zone: str, expected: str) -> None:
    assert eligible(zoned(a="x", b="x", c="y", d="y"), zone=zone) == expected


def test_calls_spill_over_when_fewer_than_half_of_the_zone_are_well() -> None:
    instances = zoned(a="x", b="x", c="x", d="y")
    instances[0].suspect = True
    assert eligible(instances, zone="x") == "bc"
    instances[1].suspect = True
    assert eligible(instances, zone="x") == "cd"


def test_half_of_the_zone_is_enough() -> None:
    instances = zoned(a="x", b="x", c="y")
    instances[0].suspect = True
    assert eligible(instances, zone="x") == "b"


def test_zones_do_not_matter_where_the_policy_says_so() -> None:
    assert eligible(zoned(a="x", b="y"), BalancePolicy(zone="any"), zone="x") == "ab"


def test_ejected_ones_are_left_out_from_the_moment_they_are() -> None:
    instances = zoned(a="", b="", c="")
    outliers = Outliers(OutlierPolicy(), callee(*instances), lambda: 0.0, lambda _name, _length: None)
    asked = Eligible(BalancePolicy(), "", outliers)
    assert ids(asked.of(instances, None)) == "abc"
    for _ in range(5):
        outliers.failed(request(instance="b"))
    assert ids(asked.of(instances, None)) == "ac"


def test_below_the_panic_threshold_all_are_used() -> None:
    instances = zoned(a="", b="", c="", d="")
    for each in instances[:2]:
        each.suspect = True
    assert eligible(instances, BalancePolicy(panic=0.5)) == "cd"
    assert eligible(instances, BalancePolicy(panic=0.51)) == "abcd"
    assert eligible(instances) == "cd"


def test_suspects_are_better_than_nobody() -> None:
    instances = zoned(a="x", b="x")
    for each in instances:
        each.suspect = True
    assert eligible(instances, zone="x") == "ab"


def test_the_list_is_worked_out_once_for_each_subset() -> None:
    instances, canary = zoned(a="", b=""), zoned(c="")
    asked = Eligible(BalancePolicy(), "", None)
    first = asked.of(instances, None)
    assert ids(asked.of(canary, "canary")) == "c"
    assert asked.of(instances, None) is first
    assert asked.of(list(instances), None) is not first
