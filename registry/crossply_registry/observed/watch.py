"""Feeds what data planes report into the window, the totals and the traces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from crossply.telemetry import report
from crossply.telemetry.logs import get_logger
from crossply_registry.observed.totals import Totals
from crossply_registry.observed.traces import Told, Traces
from crossply_registry.observed.window import Window

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.handler import Peer
    from crossply.wire.link import Closable, Link

_WARN_AGAIN: Final = 60.0
_log = get_logger("registry.observed")


class Observed:
    """Owns the subscription, and what became of what it heard."""

    def __init__(self, link: Link, clock: Clock) -> None:
        self._link = link
        self._clock = clock
        self._warned = -_WARN_AGAIN
        self._watch: Closable | None = None
        self.window = Window(clock)
        self.totals = Totals()
        self.traces = Traces(clock)

    async def start(self) -> None:
        """Begin to listen."""
        self._watch = await self._link.watch_reports(self.heard)

    async def aclose(self) -> None:
        """Stop listening."""
        if self._watch is not None:
            await self._watch.aclose()

    def heard(self, peer: Peer, raw: bytes) -> None:
        """Take in one report; one that is none is told of and dropped."""
        try:
            said = report.decode(raw)
        except msgspec.DecodeError as fault:
            self._refuse(peer, str(fault))
            return
        for counted in said.counted:
            self.window.add(counted)
            self.totals.add(counted)
        for span in said.spans:
            self.traces.add(Told(peer.service, peer.instance, span))

    def _refuse(self, peer: Peer, reason: str) -> None:
        """Say so, and not again for a minute: the next report comes in two seconds."""
        now = self._clock()
        if now - self._warned >= _WARN_AGAIN:
            self._warned = now
            _log.warning("report_refused", service=peer.service, instance=peer.instance, reason=reason)
