"""The first reply of a call, kept in the store, so that a repetition finds it wherever it arrives.

Whoever serves a call first claims its key, by creating it. What the endpoint then decided, a reply or an error raised
on purpose, takes the place of the claim; any other ending gives the claim up, so that another attempt may run. A claim
that nobody ended, as its instance crashed, is void once the deadline of its call has passed: the endpoint was stopped
then, if it still ran.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from typing import TYPE_CHECKING, Final

import msgspec

from crossply.errors import Code, DeadlineExceeded, EndpointFailed, Executed, Unavailable
from crossply.handler import Response
from crossply.telemetry.logs import get_logger
from crossply.wire.link import Conflict, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.clock import Clock
    from crossply.handler import Request
    from crossply.wire.link import Entry, Store

_GRACE: Final = 1.0
"""Seconds by which the clocks of instances may differ before a claim is taken over too early."""
_UNBOUNDED: Final = 60.0
_FIRST_LOOK, _LONGEST_LOOK = 0.01, 0.25


class Failure(msgspec.Struct, frozen=True, omit_defaults=True, array_like=True):
    """An error that the endpoint raised on purpose."""

    code: str
    message: str
    details: tuple[tuple[str, str], ...] = ()
    status: int | None = None


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """What lies under a key: the digest of the call's body; ``until`` unix milliseconds a claim, then the outcome."""

    digest: bytes
    until: int = 0
    done: bool = False
    body: bytes = b""
    content_type: str = ""
    metadata: dict[str, str] | None = None
    status: int | None = None
    headers: list[tuple[str, str]] | None = None
    failure: Failure | None = None


class Claim:
    """The right to run a call, and where its outcome belongs."""

    __slots__ = ("digest", "key", "revision")

    def __init__(self, key: str, digest: bytes, revision: int) -> None:
        self.key = key
        self.digest = digest
        self.revision = revision


class Replies:
    """Claims and outcomes of one service's endpoints; ``wall`` gives unix nanoseconds."""

    def __init__(self, store: Store, now: Clock, wall: Callable[[], int]) -> None:
        self._store = store
        self._now = now
        self._wall = wall
        self._log = get_logger("replies")

    async def claim(self, request: Request) -> Claim | Response:
        """Return the right to run a call, or what its first run came to, waiting for that if need be.

        Raise ``EndpointFailed`` with the code of a first failure, or with ``failed_precondition`` where the key was
        used for another body; ``DeadlineExceeded`` when the first run does not end in time, ``Unavailable`` when the
        store cannot tell.
        """
        key, digest = _key(request), hashlib.sha256(request.body).digest()[:16]
        pause = _FIRST_LOOK
        while True:
            found = await self._attempted(request, key, digest)
            if isinstance(found, Claim) and self._now() >= request.deadline:
                await self.give_up(found)
                raise DeadlineExceeded(
                    f"{request.operation}: the deadline passed before its first attempt was sought",
                    executed=Executed.NO,
                )
            if found is not None:
                return found
            left = request.deadline - self._now()
            if left <= pause:
                raise DeadlineExceeded(f"{request.operation}: its first attempt has not ended yet")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_LOOK)

    async def _attempted(self, request: Request, key: str, digest: bytes) -> Claim | Response | None:
        """Claim the key or read what is under it; ``None``: somebody else is at it."""
        claim = msgspec.msgpack.encode(Kept(digest, until=self._until(request)))
        try:
            return Claim(key, digest, await self._store.create(key, claim))
        except Conflict:
            pass
        except StoreUnavailable as error:
            raise _unavailable(request, error) from error
        try:
            entry = await self._store.get(key, leader=True)
            if entry is None:
                return None
            return await self._judged(request, key, digest, claim, entry)
        except Conflict:
            return None
        except StoreUnavailable as error:
            raise _unavailable(request, error) from error

    async def _judged(
        self, request: Request, key: str, digest: bytes, claim: bytes, entry: Entry
    ) -> Claim | Response | None:
        kept = msgspec.msgpack.decode(entry.value, type=Kept)
        if not kept.done and kept.until <= self._wall() // 1_000_000:
            return Claim(key, digest, await self._store.update(key, claim, entry.revision))
        if kept.digest != digest:
            raise EndpointFailed(
                f"{request.operation}: this idempotency key came with another body before; give a new call a new key",
                code=Code.FAILED_PRECONDITION,
                executed=Executed.NO,
            )
        return _outcome(kept) if kept.done else None

    async def keep(self, claim: Claim, outcome: Response | EndpointFailed) -> None:
        """Put the outcome in the place of the claim."""
        await self._settle(claim, _kept(claim.digest, outcome))

    async def give_up(self, claim: Claim) -> None:
        """Let another attempt run."""
        await self._settle(claim, Kept(claim.digest))

    async def _settle(self, claim: Claim, kept: Kept) -> None:
        try:
            await self._store.update(claim.key, msgspec.msgpack.encode(kept), claim.revision)
        except (Conflict, StoreUnavailable) as error:
            # The call has ended all the same; a repetition waits until the claim is void, and runs it again.
            self._log.warning("reply_not_kept", key=claim.key, why=str(error))

    def _until(self, request: Request) -> int:
        """Return when the endpoint has been stopped for certain, in unix milliseconds."""
        left = request.deadline - self._now()
        return self._wall() // 1_000_000 + round(1000 * ((_UNBOUNDED if left == math.inf else left) + _GRACE))


def _key(request: Request) -> str:
    """Return the name of what is kept: a hash over caller, operation and the key, or the call's own id without one."""
    caller = request.peer.service if request.peer is not None else ""
    named = request.idempotency_key
    parts = (caller, request.operation, *(("id", request.id.hex()) if named is None else ("key", named)))
    return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in map(str.encode, parts))).hexdigest()


def _kept(digest: bytes, outcome: Response | EndpointFailed) -> Kept:
    if isinstance(outcome, EndpointFailed):
        failure = Failure(str(outcome.code), outcome.message, outcome.details, outcome.status)
        return Kept(digest, done=True, failure=failure)
    return Kept(
        digest,
        done=True,
        body=outcome.body,
        content_type=outcome.content_type,
        metadata=outcome.metadata,
        status=outcome.status,
        headers=outcome.headers,
    )


def _outcome(kept: Kept) -> Response:
    if kept.failure is not None:
        failure = kept.failure
        raise EndpointFailed(failure.message, code=Code(failure.code), details=failure.details, status=failure.status)
    return Response(kept.body, kept.content_type, kept.metadata, status=kept.status, headers=kept.headers)


def _unavailable(request: Request, error: StoreUnavailable) -> Unavailable:
    return Unavailable(f"{request.operation}: whether it ran before cannot be told, as {error}")
