"""All policy of the tenant as the authority has it: what documents say of connections, credentials and keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from crossply.control import keys as places
from crossply.control.feed import EVERY_SERVICE, PolicyFeed
from crossply.tasks import Tasks
from crossply.telemetry.logs import get_logger
from crossply.wire.link import StoreUnavailable
from crossply_policy.snapshot import Snapshot
from crossply_registry.connecting import TRY_AGAIN

if TYPE_CHECKING:
    from crossply.control.record import VerifyKey
    from crossply.wire.link import Link

_log: Final = get_logger("authority")


class Policy:
    """Follows every document; ``adopted`` is told of each snapshot, and of an empty one where nobody wrote any."""

    def __init__(self, link: Link, key: VerifyKey, adopted: Callable[[Snapshot], None]) -> None:
        self._link = link
        self._tell = adopted
        self._adopted = False
        self._tasks = Tasks(_failed)
        self._feed = PolicyFeed(link, key, self._adopt, self._tasks)

    async def start(self) -> None:
        """Take what lies in the store, and what follows on it; a store that does not answer now is asked again."""
        await self._feed.want(EVERY_SERVICE)
        await self._feed.start()
        self._tasks.spawn(self._begin(), "first policy")

    async def aclose(self) -> None:
        """Follow no more."""
        await self._feed.aclose()
        await self._tasks.aclose()

    def _adopt(self, snapshot: Snapshot) -> None:
        self._adopted = True
        self._tell(snapshot)

    async def _begin(self) -> None:
        """See to it that policy is known: where nobody wrote any that can be used, nobody may reach anybody."""
        while not self._adopted:
            try:
                written = await self._link.store.get(places.HEAD, leader=True) is not None
                if not written or self._feed.refused:
                    self._tell(Snapshot())
                    return
                await self._feed.catch_up()
            except StoreUnavailable as error:
                _log.info("policy_not_read", why=str(error))
            await asyncio.sleep(TRY_AGAIN)


def _failed(name: str, error: BaseException) -> None:
    _log.error("task_failed", task=name, reason=repr(error))
