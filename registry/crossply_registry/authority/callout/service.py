"""The callout as a part of the authority: asked from its start on, and told of policy as any data plane is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from crossply.control import keys as places
from crossply.control.feed import EVERY_SERVICE, PolicyFeed
from crossply.errors import Unavailable
from crossply.tasks import Tasks
from crossply.telemetry.logs import get_logger
from crossply.wire.callout import Callout
from crossply.wire.link import StoreUnavailable
from crossply_policy.access.rules import Access
from crossply_registry.authority.callout.answering import Answering
from crossply_registry.connecting import TRY_AGAIN, connected

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.control.record import VerifyKey
    from crossply.wire.link import Link, LinkConfig
    from crossply_policy.snapshot import Snapshot
    from crossply_registry.authority.callout.admitting import Admitting
    from crossply_registry.authority.revocations import Revocations

_REFUSED: Final = "authorization violation"
_log: Final = get_logger("authority.callout")


class CalloutService:
    """Owns the connection that brokers ask over, and what it follows."""

    def __init__(self, admitting: Admitting, clock: Clock) -> None:
        self.answering = Answering(admitting, clock)
        self._tasks = Tasks(_failed)
        self._callout: Callout | None = None
        self._feed: PolicyFeed | None = None
        self._adopted = False
        self._tell: Callable[[Access], None] = _nobody

    async def open(self, config: LinkConfig, within: float, clock: Clock) -> None:
        """Be asked from now on; raise ``Unavailable`` when no broker lets this authority be asked in time."""

        async def asked(target: LinkConfig) -> Callout:
            return await Callout.open(target, self.answering.answer)

        try:
            self._callout = await connected(asked, config, within, clock)
        except Unavailable as error:
            if _REFUSED not in error.message.lower():
                raise
            raise Unavailable(
                f"{error.message}; the broker's configuration does not name this authority: move its nats.conf away and"
                " run `crossply authority init` again"
            ) from error

    async def follow(
        self, link: Link, key: VerifyKey, revocations: Revocations, adopted: Callable[[Access], None]
    ) -> None:
        """Let services in by the policy that lies in the store, and by what follows on it; ``adopted`` hears of it."""
        self._tell = adopted
        self.answering.begin(revocations)
        feed = self._feed = PolicyFeed(link, key, self._adopt, self._tasks)
        await feed.want(EVERY_SERVICE)
        await feed.start()
        self._tasks.spawn(self._begin(link, feed), "first policy")

    async def aclose(self) -> None:
        """Be asked no more."""
        if self._feed is not None:
            await self._feed.aclose()
        await self._tasks.aclose()
        await self.answering.aclose()
        if self._callout is not None:
            await self._callout.aclose()

    def _adopt(self, snapshot: Snapshot) -> None:
        self._adopted = True
        self.answering.adopt(snapshot.access)
        self._tell(snapshot.access)

    async def _begin(self, link: Link, feed: PolicyFeed) -> None:
        """See to it that policy is known: where nobody wrote any that can be used, nobody may reach anybody."""
        while not self._adopted:
            try:
                written = await link.store.get(places.HEAD, leader=True) is not None
                if not written or feed.refused:
                    self.answering.adopt(Access())
                    return
                await feed.catch_up()
            except StoreUnavailable as error:
                _log.info("policy_not_read", why=str(error))
            await asyncio.sleep(TRY_AGAIN)


def _nobody(access: Access) -> None:
    """Tell nobody."""


def _failed(name: str, error: BaseException) -> None:
    _log.error("task_failed", task=name, reason=repr(error))
