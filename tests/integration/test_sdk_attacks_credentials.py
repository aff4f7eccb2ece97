"""Credentials that do not hold, over a real broker: expired, to come, of another mesh or authority, revoked."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crossply import CallError, Mesh
from crossply.errors import Code
from crossply.seal.revoked import Revoked, sign
from crossply.wire import credential
from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.tapped import Scene, Tap
from tests.support.vouched import VouchedMeshes, Vouching


@pytest.fixture
async def scene(meshes: Meshes, broker: Broker) -> AsyncIterator[Scene]:
    async with Tap(broker) as tap:
        made = Scene(VouchedMeshes(meshes), tap)
        await made.vouched.start(made.orders, made.web)
        yield made


@asynccontextmanager
async def caller(vouched: VouchedMeshes, **said: Any) -> AsyncGenerator[Mesh]:
    """A caller whose credential says something else."""
    authority: Vouching | None = said.pop("authority", None)
    mesh = vouched.new("batch", authority, said)
    await vouched.start(mesh)
    yield mesh


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (lambda: {"not_after": int(time.time()) - 10}, "credential_expired"),
        (lambda: {"not_before": int(time.time()) + 600}, "credential_expired"),
        (lambda: {"identity": credential.identity("other.mesh", "default", "batch")}, "credential_invalid"),
        (lambda: {"identity": credential.identity("mesh.local", "other", "batch")}, "credential_invalid"),
        (lambda: {"authority": Vouching()}, "credential_invalid"),
    ],
)
async def test_a_credential_that_does_not_hold_opens_nothing(
    scene: Scene, said: Callable[[], dict[str, Any]], reason: str
) -> None:
    await scene.captured()
    ran = scene.ran
    scene.reasons()
    words = said()
    authority = words.get("authority")
    if authority is not None:
        authority.services = scene.vouched.authority.services
    async with caller(scene.vouched, **words) as batch:
        # Its own side believes itself: it has the keys of the service all the same.
        with pytest.raises(CallError) as failed:
            await batch.call("orders.pay", {"number": 1}, timeout=2.0)
        assert failed.value.code is Code.UNAUTHENTICATED
    assert scene.ran == ran
    assert reason in scene.reasons()


async def test_a_revoked_credential_opens_nothing_from_then_on_in_a_session_that_runs_too(scene: Scene) -> None:
    await scene.captured()
    keys = scene.vouched.keys
    serial = credential.unpack(keys["web"].own.raw).serial
    revoked = sign(Revoked(1, {serial: int(time.time())}), scene.vouched.authority.key)
    keys["orders"].credentials.revoke(revoked)
    ran = scene.ran
    scene.reasons()
    with pytest.raises(CallError) as failed:
        await scene.web.call("orders.pay", {"number": 1}, timeout=2.0)
    assert failed.value.code is Code.UNAUTHENTICATED
    assert (scene.ran, scene.reasons()) == (ran, {"credential_revoked"})


async def test_a_list_of_revoked_credentials_by_another_key_changes_nothing(scene: Scene) -> None:
    await scene.captured()
    keys = scene.vouched.keys
    serial = credential.unpack(keys["web"].own.raw).serial
    with pytest.raises(ValueError, match="not known"):
        keys["orders"].credentials.revoke(sign(Revoked(9, {serial: 0}), Ed25519PrivateKey.generate()))
    assert await scene.web.call("orders.pay", {"number": 1}) == 1
