"""The callout as a part of the authority: asked from its start on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crossply.errors import Unavailable
from crossply.wire.callout import Callout
from crossply_registry.authority.callout.answering import Answering
from crossply_registry.connecting import connected

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.wire.link import LinkConfig
    from crossply_registry.authority.callout.admitting import Admitting
    from crossply_registry.authority.revocations import Revocations

_REFUSED: Final = "authorization violation"


class CalloutService:
    """Owns the connection that brokers ask over."""

    def __init__(self, admitting: Admitting, clock: Clock) -> None:
        self.answering = Answering(admitting, clock)
        self._callout: Callout | None = None

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

    def begin(self, revocations: Revocations) -> None:
        """Let in by these revocations, once policy is known."""
        self.answering.begin(revocations)

    async def aclose(self) -> None:
        """Be asked no more."""
        await self.answering.aclose()
        if self._callout is not None:
            await self._callout.aclose()
