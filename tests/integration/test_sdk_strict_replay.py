"""Under `replay: strict` the callee itself takes nothing that is sealed to its service, whoever sends it."""

from __future__ import annotations

from typing import cast

import pytest

from crossply import CallError, Mesh
from crossply.errors import Code
from crossply.handler import Request
from crossply.names import new_id
from crossply.wire.nats import NatsLink
from crossply_policy.security import Securities
from tests.support.meshes import Meshes
from tests.support.policies import Policies
from tests.support.vouched import VouchedMeshes
from tests.support.waiting import eventually

_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def asked(web: Mesh) -> bytes:
    """Call whichever instance takes it, past all that chooses one."""
    made = Request("orders.pay", b"\x80", id=new_id(), deadline=web.running.now() + 5.0, traceparent=_TRACE)
    return (await web.link.call(made)).body


async def test_a_caller_that_does_not_keep_to_it_is_refused(meshes: Meshes, policies: Policies) -> None:
    vouched, ran = VouchedMeshes(meshes), list[None]()
    orders, web = vouched.new("orders"), vouched.new("web")

    @orders.endpoint
    async def pay() -> None:
        ran.append(None)

    await vouched.start(orders, web)
    for _ in range(3):  # so that what comes next is like what was taken before
        await asked(web)
    assert len(ran) == 3
    revision = await policies.apply({"kind": "Security", "name": "orders", "spec": {"replay": "strict"}})
    await eventually(lambda: orders.status()["revision"] == web.status()["revision"] == revision)
    sealed = cast("NatsLink", web.link).sealed
    assert sealed is not None
    sealed.sealing.adopt(Securities())  # as one that has not heard of it, or does not care
    with pytest.raises(CallError) as refused:
        await asked(web)
    assert refused.value.code is Code.UNAUTHENTICATED
    assert vouched.reasons("orders") == ["misdirected"]
    assert len(ran) == 3
