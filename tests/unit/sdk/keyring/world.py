"""A feed of keys over fakes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from crossply.clock import chance
from crossply.errors import Unavailable
from crossply.keyring import contents
from crossply.keyring.contents import Asked, Changed, KeySet
from crossply.keyring.feed import LOOK_EVERY, SPREAD, KeyFeed
from crossply.tasks import Tasks
from tests.unit.registry.fakes import Clock, FakeLink
from tests.unit.sdk.keyring.ring import HOUR, NOW, Feeding, key_set

BOTH = (NOW, NOW + HOUR)


@dataclass
class World:
    """A feed over fakes: what is asked of the authority, what is kept, and pauses that the test ends."""

    feeding: Feeding = field(default_factory=Feeding)
    link: FakeLink = field(default_factory=FakeLink)
    now: Clock = field(default_factory=Clock)
    asked: list[Asked] = field(default_factory=list)
    own: KeySet = field(default_factory=lambda: key_set(1, *BOTH))
    groups: dict[str, KeySet] = field(default_factory=dict)
    down: bool = False
    late: KeySet | None = None
    kept: int = 0
    questions: int = 0
    failed: list[BaseException] = field(default_factory=list)
    looks: list[asyncio.Future[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tasks = Tasks(lambda _name, error: self.failed.append(error))
        ask: Callable[[bytes], Awaitable[bytes]] = self.answer
        self.feed = KeyFeed(
            self.link.as_link(),
            self.feeding.ring,
            ask,
            self.keep,
            tasks=self.tasks,
            now=self.now,
            chance=chance(3),
            pause=self.pause,
        )

    async def answer(self, raw: bytes) -> bytes:
        self.questions += 1
        await asyncio.sleep(0)
        if self.down:
            raise Unavailable("authority.keys: nobody listens")
        asked = contents.decode(raw, Asked, "")
        self.asked.append(asked)
        families = {each.partition(".")[0] for each in (*asked.publishes, *asked.subscribes)}
        given = {family: self.groups[family] for family in families if family in self.groups}
        own, self.late = self.late or self.own, None
        return self.feeding.bundle(own, None, **given)

    def keep(self) -> None:
        self.kept += 1

    async def pause(self, length: float) -> None:
        """Wait as long as the test likes for the next look; jitter takes no time."""
        if length <= SPREAD:
            await asyncio.sleep(0)
            return
        assert LOOK_EVERY / 2 <= length <= LOOK_EVERY * 1.5
        self.looks.append(asyncio.get_running_loop().create_future())
        await self.looks[-1]

    async def settle(self) -> None:
        for _ in range(30):
            await asyncio.sleep(0)

    async def look(self) -> None:
        self.looks[-1].set_result(None)
        await self.settle()

    def put(self, service: str, keys: KeySet) -> None:
        self.link.store.put(f"keys.{service}", self.feeding.public(service, keys))

    def announce(self, **services: int) -> None:
        self.link.keys.tell(self.feeding.changed(Changed(services=services)))
