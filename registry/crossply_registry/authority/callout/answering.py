"""Answers brokers as they ask: at once where all is known, and otherwise when it is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from crossply.telemetry.logs import get_logger
from crossply.wire.link import StoreUnavailable
from crossply_registry.authority.callout.admitting import AnotherTenant
from crossply_registry.authority.callout.question import QuestionFault
from crossply_registry.authority.certificates import CertificateFault
from crossply_registry.authority.revocations import CLEAR
from crossply_registry.authority.state import StateFault

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply_policy.access.rules import Access
    from crossply_registry.authority.callout.admitting import Admitting
    from crossply_registry.authority.revocations import Revocations

FRESH: Final = 0.5
"""Seconds for which revocations that were read count as known."""
_ONE_READ: Final = 1.0
_log: Final = get_logger("authority.callout")


class Answering:
    """One replica's answers; `within` seconds a broker waits for one. ``now`` is monotonic."""

    def __init__(self, admitting: Admitting, now: Clock, *, within: float = 8.0) -> None:
        self._admitting = admitting
        self._now = now
        self._within = within
        self._known = asyncio.Event()
        self._revocations: Revocations | None = None
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    def begin(self, revocations: Revocations) -> None:
        """Ask these revocations from now on."""
        self._revocations = revocations

    def adopt(self, access: Access) -> None:
        """Let in by these documents from now on; who waited for them is answered."""
        self._admitting.adopt(access)
        self._known.set()

    async def answer(self, raw: bytes) -> bytes | None:
        """Return the answer to a message, None for one that gets none: the broker then refuses by itself."""
        try:
            question = self._admitting.asked(raw)
        except QuestionFault as fault:
            _log.warning("question_not_answered", why=str(fault))
            return None
        try:
            who = self._admitting.connecting(question)
        except CertificateFault as fault:
            return self._admitting.refuse(question, str(fault))
        except AnotherTenant:
            return None
        if who.own:
            # The mesh's own processes need no policy: it is through them that it is known at all.
            return self._admitting.admit(question, who, CLEAR)
        if not await self._ready():
            _log.warning("question_not_answered", why="policy is not known yet", identity=str(who.identity))
            return None
        revocations = await self._fresh()
        return self._admitting.admit(question, who, revocations.verdict(str(who.identity)))

    async def aclose(self) -> None:
        """Read nothing any more."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _ready(self) -> bool:
        if self._known.is_set():
            return True
        try:
            await asyncio.wait_for(self._known.wait(), self._within)
        except TimeoutError:
            return False
        return True

    async def _fresh(self) -> Revocations:
        """Return the revocations as they are now, or as they were when the store last answered."""
        revocations = self._revocations
        if revocations is None:
            raise AssertionError("policy is known before the revocations are")
        if self._now() - self._read_at > FRESH:
            if self._reading is None or self._reading.done():
                self._reading = asyncio.get_running_loop().create_task(self._read(revocations), name="revocations")
            await asyncio.wait({self._reading}, timeout=_ONE_READ)
        return revocations

    async def _read(self, revocations: Revocations) -> None:
        """Read once for all who ask at this moment."""
        try:
            async with asyncio.timeout(_ONE_READ):
                await revocations.refresh()
        except (StoreUnavailable, TimeoutError) as error:
            # Brokers that come back ask before the store answers: what was known holds, which can only grow.
            _log.info("revocations_not_read", why=str(error) or type(error).__name__)
        except StateFault as fault:
            _log.error("revocations_refused", why=str(fault))
        self._read_at = self._now()
