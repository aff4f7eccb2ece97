"""Where a member stands: it follows what the authority revokes, and gets itself new papers when its own are void."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.control.revocations import RevocationFeed
from crossply.telemetry.logs import get_logger
from crossply.wire import credential

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.identity.member import Ask, Member
    from crossply.seal.revoked import Revoked
    from crossply.tasks import Tasks
    from crossply.wire.link import Link


class Standing:
    """Tells ``bar`` whom not to believe; renews with ``ask`` at half of each life, and at once what became void."""

    def __init__(
        self, member: Member, link: Link, bar: Callable[[frozenset[str]], None], ask: Ask, tasks: Tasks
    ) -> None:
        self._member = member
        self._bar = bar
        self._ask = ask
        self._tasks = tasks
        self._void = False
        self._feed = RevocationFeed(link, lambda: member.authorities, self._adopt, tasks)
        self._log = get_logger("identity")

    async def start(self) -> None:
        """Learn what is revoked, and begin to renew."""
        await self._feed.start()
        self._tasks.spawn(self._member.renew_for_ever(self._ask), "renewal of the identity")

    async def catch_up(self) -> None:
        """Learn what was revoked while nothing could be heard."""
        await self._feed.catch_up()

    def _adopt(self, revoked: Revoked) -> None:
        self._bar(revoked.barred)
        self._member.keyring.credentials.adopt(revoked)
        own = credential.unpack(self._member.issued.credential)
        if self._void or revoked.revoked_since(own.serial, own.identity, own.not_before) is None:
            return
        self._void = True
        self._log.warning("identity_void", identity=own.identity, barred=own.identity in revoked.barred)
        self._tasks.spawn(self._replace(), "identity replaced")

    async def _replace(self) -> None:
        """Join again, however long it is refused: a barred identity may be restored."""
        try:
            await self._member.renew_until_it_works(self._ask)
        finally:
            self._void = False
