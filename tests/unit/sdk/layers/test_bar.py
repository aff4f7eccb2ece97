"""Refusing whoever the authority has revoked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crossply.errors import Executed, Unauthenticated
from crossply.handler import FOREIGN, Peer
from crossply.layers.bar import bar
from crossply.testing import Script
from tests.unit.sdk.stage import call, request

WEB = Peer("web", "aaaaaaaaaaaa", "spiffe://mesh.local/t/default/svc/web")
BARRED = frozenset({WEB.identity})


async def test_a_revoked_caller_does_not_reach_the_endpoint_and_is_told_why() -> None:
    script = Script()
    with pytest.raises(Unauthenticated, match="svc/web is revoked; `crossply identity restore web`") as caught:
        await call(bar(BARRED), script, request(peer=WEB))
    assert caught.value.executed is Executed.NO
    assert not script.seen


@pytest.mark.parametrize(
    "peer", [None, FOREIGN, replace(WEB, service="orders", identity="spiffe://mesh.local/t/default/svc/orders")]
)
async def test_everybody_else_goes_on(peer: Peer | None) -> None:
    script = Script()
    await call(bar(BARRED), script, request(peer=peer))
    assert len(script.seen) == 1
