"""Splitting: by weight among the subsets that are there, the same one for the same key."""

from __future__ import annotations

from collections import Counter
from typing import Any

from crossply.handler import Request
from crossply.layers.split import split
from crossply.routing.instances import Callee
from crossply.routing.subsets import Subsets
from crossply.testing import Script, chance
from tests.unit.sdk.stage import callee, instance, request

LABELS = {name: frozenset({("release", name)}) for name in ("v1", "v2", "v3")}


def of(release: str, name: str) -> Any:
    """Return an instance of a release."""
    made = instance(name, "create")
    made.labels = {"release": release}
    return made


def there(*releases: str) -> Callee:
    """Return a service with one instance of each release."""
    return callee(*(of(release, f"i-{release}") for release in releases))


async def chosen(known: Callee, weights: dict[str, float], made: list[Request], *, skipping: bool = True) -> list[str]:
    """Send requests through the layer and return the subset of each."""
    script = Script()
    handler = split(weights, Subsets(known, "create", LABELS), chance(7), known=skipping).wrap(script)
    for each in made:
        await handler(each)
    return [each.subset or "" for each in script.seen]


def plain(count: int) -> list[Request]:
    return [request() for _ in range(count)]


def keyed(count: int) -> list[Request]:
    return [request(key=f"customer-{number}") for number in range(count)]


async def test_calls_are_shared_by_weight() -> None:
    found = Counter(await chosen(there("v1", "v2"), {"v1": 3, "v2": 1}, plain(1000)))
    assert abs(found["v2"] - 250) < 40


async def test_a_weight_of_zero_gets_nothing() -> None:
    assert set(await chosen(there("v1", "v2"), {"v1": 1, "v2": 0}, [*plain(100), *keyed(100)])) == {"v1"}


async def test_one_key_keeps_its_subset() -> None:
    made = [request(key="customer-7") for _ in range(50)]
    assert len(set(await chosen(there("v1", "v2"), {"v1": 1, "v2": 1}, made))) == 1


async def test_the_share_of_a_subset_without_instances_goes_to_the_others() -> None:
    found = Counter(await chosen(there("v1", "v2"), {"v1": 1, "v2": 1, "v3": 8}, plain(1000)))
    assert set(found) == {"v1", "v2"}
    assert abs(found["v1"] - 500) < 60


async def test_a_weight_counts_once_an_instance_of_its_subset_is_known() -> None:
    known = there("v1")
    script = Script()
    handler = split({"v1": 1, "v2": 99}, Subsets(known, "create", LABELS), chance(7), known=True).wrap(script)
    for _ in range(20):
        await handler(request())
    known.add(of("v2", "late"))
    for _ in range(20):
        await handler(request())
    known.remove("late")
    for _ in range(20):
        await handler(request())
    subsets = [each.subset for each in script.seen]
    assert set(subsets[:20]) == {"v1"}
    assert "v2" in subsets[20:40]
    assert set(subsets[40:]) == {"v1"}


async def test_while_nobody_of_any_subset_is_known_the_weights_hold_as_they_stand() -> None:
    assert set(await chosen(there(), {"v1": 1, "v2": 1}, plain(50))) == {"v1", "v2"}


async def test_where_another_decides_who_stands_in_all_weights_count() -> None:
    assert "v3" in await chosen(there("v1"), {"v1": 1, "v3": 1}, plain(50), skipping=False)


async def test_a_subset_that_nobody_defines_has_no_instances() -> None:
    assert set(await chosen(there("v1"), {"v1": 1, "unheard-of": 9}, plain(50))) == {"v1"}
