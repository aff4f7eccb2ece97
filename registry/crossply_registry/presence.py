"""The registry's own presence: hello, heartbeats, bye; of kind ``registry``, so that lists leave it out."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from crossply.clock import chance
from crossply.telemetry.logs import get_logger
from crossply.wire.presence import Bye, Heartbeat, Hello, Presence
from crossply_registry.version import version

if TYPE_CHECKING:
    from crossply.tasks import Tasks
    from crossply.wire.link import Closable, Link
    from crossply_registry.revisions.log import RevisionLog

SERVICE: Final = "registry"
_EVERY: Final = 5.0
_SPREAD: Final = 0.2
_log = get_logger("registry.presence")


class OwnPresence:
    """Says that this replica is here."""

    def __init__(self, link: Link, instance: str, revisions: RevisionLog, tasks: Tasks) -> None:
        self._link = link
        self._instance = instance
        self._revisions = revisions
        self._tasks = tasks
        self._started = time.time()
        self._answers: Closable | None = None

    async def start(self) -> None:
        """Say hello, and begin to beat."""
        self._answers = await self._link.answer_who(self.hello)
        await self._say(self.hello())
        self._tasks.spawn(self._beat(), "beat")

    async def aclose(self) -> None:
        """Say bye; the beat ends with its owner."""
        if self._answers is not None:
            await self._answers.aclose()
        await self._say(Bye(SERVICE, self._instance))

    def hello(self) -> Hello:
        """Return what this replica says of itself."""
        generation, revision = self._revisions.contents.place
        return Hello(
            SERVICE,
            self._instance,
            version=version(),
            kind="registry",
            started=self._started,
            generation=generation,
            revision=revision,
        )

    async def _beat(self) -> None:
        luck = chance()
        while True:
            await asyncio.sleep(_EVERY * (1 + _SPREAD * (2 * luck.random() - 1)))
            generation, revision = self._revisions.contents.place
            await self._say(Heartbeat(SERVICE, self._instance, generation=generation, revision=revision))

    async def _say(self, message: Presence) -> None:
        try:
            await self._link.announce(message)
        except Exception as error:  # noqa: BLE001 - the next beat says it again
            _log.info("presence_not_sent", reason=str(error))
