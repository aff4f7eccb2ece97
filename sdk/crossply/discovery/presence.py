"""Being known: hello on start, on change and when asked, heartbeats, bye; and a file that shows a process is well."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import msgspec

from crossply.discovery import micro
from crossply.telemetry.logs import get_logger
from crossply.wire.presence import Bye, EndpointHello, Heartbeat, Hello

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from crossply.clock import Chance
    from crossply.control.feed import PolicyFeed
    from crossply.handler import Facts
    from crossply.telemetry.recorder import MemoryRecorder
    from crossply.wire.link import Closable, Link

HEARTBEAT_EVERY = 5.0
_JITTER = 0.2
_HELLO_GAP = 0.2


class Presence:
    """Says what this instance is; ``hello`` is its description, kept current."""

    def __init__(
        self,
        link: Link,
        hello: Hello,
        feed: PolicyFeed,
        recorder: MemoryRecorder,
        chance: Chance,
        wall: Callable[[], int],
        state: Path | None,
    ) -> None:
        self._link = link
        self._hello = hello
        self._feed = feed
        self._recorder = recorder
        self._chance = chance
        self._wall = wall
        self._state = state
        self._log = get_logger("presence")
        self._open: list[Closable] = []
        self._applied = (0, 0, 0.0)
        self._saying = asyncio.Event()
        self.present = False

    def offer(self, facts: dict[str, Facts], subscriptions: tuple[str, ...]) -> None:
        """Describe the endpoints and subscriptions of this instance."""
        endpoints = tuple(
            EndpointHello(name, fact.idempotent, fact.stream, fact.schema, fact.kept)
            for name, fact in sorted(facts.items())
        )
        self._hello = msgspec.structs.replace(self._hello, endpoints=endpoints, subscriptions=subscriptions)

    def hello(self) -> Hello:
        """Return the description with the revision applied by now."""
        generation, revision, applied = self._applied
        return msgspec.structs.replace(self._hello, generation=generation, revision=revision, applied=applied)

    def missing(self, family: str | None) -> None:
        """Say hello again: nothing stores a family that this service publishes, or a consumer of it is missing."""
        if family is not None and family not in self._hello.publishes:
            self._hello = msgspec.structs.replace(self._hello, publishes=(*self._hello.publishes, family))
        self._saying.set()

    async def applied(self, generation: int, revision: int) -> None:
        """Acknowledge a revision at once."""
        self._applied = (generation, revision, self._wall() / 1e9)
        await self.beat()

    async def join(self) -> None:
        """Be known from now on."""
        self.present = True
        self._open.append(await self._link.answer_who(self.hello))
        if endpoints := [each.name for each in self._hello.endpoints]:
            places = self._link.places(endpoints)
            self._open.append(
                await self._link.serve_micro(lambda verb: micro.answer(verb, self.hello(), places, self._recorder))
            )
        await self._link.announce(self.hello())
        self._write()

    async def leave(self) -> None:
        """Say bye, so that nobody sends anything new here."""
        if not self.present:
            return
        self.present = False
        await self._link.announce(Bye(self._hello.service, self._hello.instance))
        opened, self._open = self._open, []
        await asyncio.gather(*(each.aclose() for each in opened))
        if self._state is not None:
            with contextlib.suppress(OSError):  # as when it is written: leaving must not fail by it
                (self._state / f"{self._hello.service}.json").unlink(missing_ok=True)

    async def say_hello(self) -> None:
        """Say hello once something has changed; at most five times a second."""
        await self._saying.wait()
        self._saying.clear()
        if self.present:
            await self._link.announce(self.hello())
        await asyncio.sleep(_HELLO_GAP)

    async def beat(self) -> None:
        """Say that this instance lives, and which revision it applies."""
        if not self.present:
            return
        generation, revision, applied = self._applied
        await self._link.announce(
            Heartbeat(
                self._hello.service,
                self._hello.instance,
                self._hello.zone,
                self._hello.labels,
                generation,
                revision,
                applied,
                self._feed.refused,
            )
        )
        self._write()

    def pause(self) -> float:
        """Return the seconds to the next heartbeat: 5 s ± 20 %, so that instances do not beat in step."""
        return HEARTBEAT_EVERY * (1 + _JITTER * (2 * self._chance.random() - 1))

    def _write(self) -> None:
        if self._state is None:
            return
        path = self._state / f"{self._hello.service}.json"
        said = {
            "service": self._hello.service,
            "instance": self._hello.instance,
            "connected": self._link.connected,
            "generation": self._applied[0],
            "revision": self._applied[1],
            "at": self._wall() / 1e9,
        }
        draft = path.with_suffix(".tmp")
        try:
            self._state.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(msgspec.json.encode(said))
            draft.replace(path)
        except OSError as error:
            # The instance is well all the same; whoever reads the file sees that it is old.
            self._log.warning("state_not_written", path=str(path), why=str(error))
