"""Rate limits in a stack: who draws from which bucket, and what a refusal says."""

from __future__ import annotations

import pytest

from crossply.errors import Executed, RateLimited
from crossply.handler import FOREIGN, Peer, Request
from crossply.layers.throttle import drawn_from, throttle
from crossply.protection.buckets import Buckets
from crossply.testing import JumpingClock, Script
from crossply_policy.rate_limit import Per, RateLimitPolicy, Target
from tests.unit.sdk.stage import call, request

WEB = Peer("web", "aaaaaaaaaaaa", "spiffe://mesh.local/t/acme/svc/web")
APP = Peer("app", "bbbbbbbbbbbb", "spiffe://mesh.local/t/acme/svc/app")


def limit(per: Per = "all", name: str = "quota", *, burst: float = 1.0) -> Buckets:
    policy = RateLimitPolicy(name=name, target=Target(service="orders"), rate=2.0, burst=burst, per=per)
    return Buckets(policy, JumpingClock())


async def passed(per: Per, *requests: Request, outbound: bool = False) -> list[bool]:
    """Return which of the requests come through a limit of one each."""
    layer = throttle([(limit(per), drawn_from(per, "orders", outbound=outbound))])
    through: list[bool] = []
    for each in requests:
        try:
            await call(layer, Script(), each)
            through.append(True)
        except RateLimited:
            through.append(False)
    return through


async def test_a_refusal_names_the_limit_and_says_when_to_come_back_and_nothing_ran() -> None:
    script = Script()
    layer = throttle([(limit("caller", "web-quota"), drawn_from("caller", "orders", outbound=False))])
    await call(layer, script, request(peer=WEB))
    with pytest.raises(RateLimited, match="rate limit web-quota allows 2 a second per caller") as caught:
        await call(layer, script, request(peer=WEB))
    assert (caught.value.rule, caught.value.executed) == ("web-quota", Executed.NO)
    assert caught.value.retry_after == pytest.approx(0.5)
    assert len(script.seen) == 1


async def test_per_caller_each_service_has_its_own() -> None:
    assert await passed("caller", request(peer=WEB), request(peer=APP), request(peer=WEB)) == [True, True, False]


async def test_per_tenant_its_services_share_one() -> None:
    assert await passed("tenant", request(peer=WEB), request(peer=APP)) == [True, False]


async def test_who_has_no_identity_is_of_no_tenant() -> None:
    assert await passed("tenant", request(peer=WEB), request(peer=FOREIGN), request(peer=None)) == [True, True, False]


async def test_per_key_each_key_has_its_own_and_calls_without_share_one() -> None:
    requests = [request(key="a"), request(key="b"), request(key="a"), request(), request()]
    assert await passed("key", *requests) == [True, True, False, True, False]


async def test_per_all_there_is_one() -> None:
    assert await passed("all", request(peer=WEB), request(peer=APP)) == [True, False]


async def test_what_goes_out_is_of_one_caller() -> None:
    assert await passed("caller", request(), request(), outbound=True) == [True, False]


async def test_of_several_limits_the_first_that_is_used_up_refuses() -> None:
    limits = [(limit(name=name, burst=burst), drawn_from("all", "orders", outbound=False)) for name, burst in
              (("wide", 3.0), ("narrow", 1.0))]  # fmt: skip
    layer = throttle(limits)
    await call(layer, Script())
    with pytest.raises(RateLimited) as caught:
        await call(layer, Script())
    assert caught.value.rule == "narrow"
