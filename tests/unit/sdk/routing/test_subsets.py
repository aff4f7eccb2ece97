"""Who is in a subset, as the caller knows it now."""

from __future__ import annotations

from crossply.routing.instances import CHOSEN_INSTANCES, KEPT_INSTANCES, Callee, Instance
from crossply.routing.outliers import Outliers
from crossply.routing.subsets import Subsets
from crossply_policy.protection import OutlierPolicy
from tests.unit.sdk.stage import callee, instance, request

GOLD = {"gold": frozenset({("tier", "gold")}), "east": frozenset({("zone", "east"), ("version", "2.0")})}


def made(name: str, *endpoints: str, **labels: str) -> Instance:
    one = instance(name, *(endpoints or ("create",)))
    one.labels = labels
    return one


def ids(subsets: Subsets, subset: str = "gold") -> list[str]:
    return sorted(each.id for each in subsets.serving(subset))


def of(known: Callee, endpoint: str = "create") -> Subsets:
    return Subsets(known, endpoint, GOLD)


def test_an_instance_belongs_to_a_subset_with_all_its_labels_and_has_the_endpoint() -> None:
    known = callee(
        made("a", tier="gold", other="x"), made("b", tier="lead"), made("c", "quote", tier="gold"), made("d")
    )
    assert ids(of(known)) == ["a"]
    assert ids(of(known, "quote")) == ["c"]


def test_version_and_zone_are_labels_too() -> None:
    one, other = made("a"), made("b")
    one.zone, one.version = "east", "2.0"
    other.zone, other.version = "east", "1.0"
    assert ids(of(callee(one, other)), "east") == ["a"]


def test_nobody_is_in_a_subset_that_is_not_defined() -> None:
    assert ids(of(callee(made("a", tier="gold"))), "silver") == []


def test_who_comes_goes_or_changes_labels_is_noticed() -> None:
    known = callee(made("a", tier="gold"))
    subsets = of(known)
    assert ids(subsets) == ["a"]
    known.add(made("b", tier="gold"))
    assert ids(subsets) == ["a", "b"]
    known.remove("a")
    assert ids(subsets) == ["b"]
    known.instances["b"].labels = {"tier": "lead"}
    known.changed()
    assert ids(subsets) == []


def test_a_list_is_worked_out_once_until_something_changes() -> None:
    known = callee(made("a", tier="gold"))
    subsets = of(known)
    assert subsets.serving("gold") is subsets.serving("gold")


def test_suspects_serve_only_where_there_is_nobody_else_and_are_not_well() -> None:
    known = callee(made("a", tier="gold"), made("b", tier="gold"))
    subsets = of(known)
    known.suspect(known.instances["a"], suspect=True)
    assert ids(subsets) == ["b"]
    assert subsets.healthy("gold")
    known.suspect(known.instances["b"], suspect=True)
    assert ids(subsets) == ["a", "b"]
    assert not subsets.healthy("gold")
    assert not subsets.healthy("east")


def test_the_few_of_a_canary_are_found_among_many() -> None:
    many = [made(f"i{number}", tier="lead") for number in range(KEPT_INSTANCES + 10)]
    # Those that this caller would not keep if it did not ask for them.
    known = callee(*many)
    last = list(known.ranked())[-1]
    last.labels = {"tier": "gold"}
    known.changed()
    assert ids(of(known)) == [last.id]


def test_a_large_subset_is_bounded_like_a_large_service() -> None:
    known = callee(*(made(f"i{number}", tier="gold") for number in range(KEPT_INSTANCES + 1)))
    assert len(of(known).serving("gold")) == CHOSEN_INSTANCES


def test_a_subset_whose_instances_were_all_ejected_is_not_well() -> None:
    known = callee(made("a", tier="gold"), made("b"), made("c"))
    subsets = of(known)
    subsets.outliers = outliers = Outliers(OutlierPolicy(), known, lambda: 0.0, lambda _name, _length: None)
    assert subsets.healthy("gold")
    for _ in range(5):
        outliers.failed(request(instance="a"))
    assert not subsets.healthy("gold")
    assert ids(subsets) == ["a"], "it is still better than nobody"
