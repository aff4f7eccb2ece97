"""Which connections may more than policy still allows, and when they end."""

from __future__ import annotations

from typing import Any

import pytest

from crossply.wire.system import Connected
from crossply_policy.access.rules import Access, compile_access
from crossply_policy.parse import parse
from crossply_registry.authority.expelling import identities
from crossply_registry.authority.outdated import MOVING, Outdated
from tests.unit.registry.authority.standing import NOW, Time


def allowing(*callees: str, caller: str = "web") -> Access:
    spec: dict[str, Any] = {"effect": "allow", "from": [caller], "to": [{"service": each} for each in callees]}
    return compile_access([parse({"kind": "Access", "name": "web", "spec": spec})])


def web(began: float, at: float, instance: str = "aaaaaaaaaaaa", tenant: str = "default") -> Connected:
    subject = {"O": tenant, "OU": "web"} | ({"SERIALNUMBER": instance} if instance else {})
    return Connected("NBROKER", 1, at - began, subject, f"web/{instance}")


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def rule(time: Time) -> Outdated:
    made = Outdated("default", identities("mesh.local"), time)
    assert not made.adopt(allowing("orders", "stock"))
    time.seconds += 100.0
    assert made.adopt(allowing("stock"))
    return made


@pytest.mark.parametrize("instance", ["aaaaaaaaaaaa", ""])
def test_what_was_let_in_with_more_ends_once_it_had_time_to_move(rule: Outdated, instance: str) -> None:
    changed = NOW + 100.0
    assert rule(web(NOW, changed + MOVING - 1.0, instance), changed + MOVING - 1.0) == ""
    assert "allows less" in rule(web(NOW, changed + MOVING, instance), changed + MOVING)
    assert "allows less" in rule(web(NOW - 1_000.0, changed + MOVING, instance), changed + MOVING)


def test_what_moved_since_or_is_another_tenants_or_the_meshs_own_stays(rule: Outdated) -> None:
    at = NOW + 100.0 + MOVING
    assert rule(web(NOW + 100.5, at), at) == ""
    assert rule(web(NOW, at, tenant="other"), at) == ""
    assert rule(Connected("NBROKER", 1, 500.0, {"O": "default", "OU": "registry"}), at) == ""
    assert rule(Connected("NBROKER", 1, 500.0, {}), at) == ""


def test_what_is_allowed_again_meanwhile_ends_nobody(rule: Outdated, time: Time) -> None:
    time.seconds += 3.0
    rule.adopt(allowing("orders", "stock"))
    at = NOW + 100.0 + MOVING
    assert rule(web(NOW, at), at) == ""


def test_what_is_only_added_ends_nobody_and_what_is_the_same_is_no_change(rule: Outdated, time: Time) -> None:
    time.seconds += 100.0
    assert not rule.adopt(allowing("stock"))
    assert rule.adopt(allowing("stock", "orders"))
    at = time.seconds + MOVING
    assert rule(web(NOW + 150.0, at), at) == ""
