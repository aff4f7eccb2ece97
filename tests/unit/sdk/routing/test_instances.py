"""What a caller knows of a service."""

from __future__ import annotations

from crossply.routing.instances import CHOSEN_INSTANCES, KEPT_INSTANCES, Callee
from tests.unit.sdk.stage import callee, instance


def many(count: int, own: str = "own") -> Callee:
    """Return a service with many instances, as one of its callers sees it."""
    known = Callee("orders", own)
    for number in range(count):
        known.add(instance(f"i{number}", "create"))
    return known


def chosen(known: Callee) -> set[str]:
    """Return the ids of those that may be picked."""
    return {each.id for each in known.serving("create")}


def test_only_those_that_have_an_endpoint_serve_it() -> None:
    known = callee(instance("a", "create", "quote"), instance("b", "create"))
    assert [each.id for each in known.serving("quote")] == ["a"]
    assert known.serving("refund") == []


def test_an_endpoint_is_offered_if_any_instance_has_it() -> None:
    known = callee(instance("a", "create"), instance("b", "quote"))
    assert known.offers("quote")
    assert not known.offers("refund")


def test_a_suspect_is_left_alone_while_there_are_others() -> None:
    known = callee(instance("a", "create"), instance("b", "create"))
    known.instances["a"].suspect = True
    assert [each.id for each in known.serving("create")] == ["b"]


def test_suspects_are_better_than_nobody() -> None:
    known = callee(instance("a", "create"))
    known.instances["a"].suspect = True
    assert [each.id for each in known.serving("create")] == ["a"]


def test_an_instance_that_is_removed_serves_no_more() -> None:
    known = callee(instance("a", "create"))
    gone = known.remove("a")
    assert gone is not None
    assert gone.id == "a"
    assert known.serving("create") == []
    assert known.remove("a") is None


def test_up_to_the_bound_all_instances_are_chosen_from() -> None:
    assert len(chosen(many(KEPT_INSTANCES))) == KEPT_INSTANCES


def test_above_the_bound_a_caller_keeps_a_part() -> None:
    assert len(chosen(many(KEPT_INSTANCES + 1))) == CHOSEN_INSTANCES


def test_the_part_stays_nearly_the_same_when_others_come_and_go() -> None:
    known = many(200)
    before = chosen(known)
    for number in range(200, 210):
        known.add(instance(f"i{number}", "create"))
    assert len(before & chosen(known)) >= CHOSEN_INSTANCES - 10
    for number in range(200, 210):
        known.remove(f"i{number}")
    assert chosen(known) == before


def test_callers_keep_different_parts_so_that_all_instances_have_work() -> None:
    parts = [chosen(many(100, own=f"caller{number}")) for number in range(30)]
    assert len({each for part in parts for each in part}) == 100


def test_a_service_was_seen_lately_for_a_minute() -> None:
    known = callee()
    assert not known.seen_lately(1000.0)
    known.seen = 1000.0
    assert known.seen_lately(1060.0)
    assert not known.seen_lately(1060.1)
