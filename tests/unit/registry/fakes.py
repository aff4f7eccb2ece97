"""A broker's worth of fakes: a bucket with compare-and-set, streams, and a link over both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import httpx

from crossply.handler import Peer
from crossply.wire.link import Conflict, ConnectionEvent, Entry, Link, LinkConfig, StoreUnavailable
from crossply.wire.plans import ConsumerPlan, ConsumerState, CredentialsPlan, RepliesPlan, StreamPlan
from crossply_registry.api.app import build
from crossply_registry.registry import Registry
from tests.unit.registry.fake_audit import FakeAudit
from tests.unit.registry.notices import FakeNotices, Open

if TYPE_CHECKING:
    from crossply.wire.presence import Presence

Meddle = Callable[[str, str], Awaitable[None]]
Act = Callable[[], Awaitable[object]]


class Crash(BaseException):
    """The process that writes dies here."""


@dataclass
class FakeStore:
    """Keys with revisions, counted over the bucket; ``before`` and ``after`` may raise or meddle."""

    entries: dict[str, Entry] = field(default_factory=dict)
    before: list[Meddle] = field(default_factory=list)
    after: list[Meddle] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    sequence: int = 0
    available: bool = True

    async def get(self, key: str, *, leader: bool = False) -> Entry | None:
        await self._meddle(self.before, "get", key)
        self.reads.append(key)
        return self.entries.get(key)

    async def create(self, key: str, value: bytes) -> int:
        return await self._write("create", key, value, None)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        return await self._write("update", key, value, revision)

    def put(self, key: str, value: bytes) -> int:
        """Write whatever is there."""
        self.sequence += 1
        self.entries[key] = Entry(value, self.sequence)
        return self.sequence

    def once(self, verb: str, key: str, what: Act) -> None:
        """Do ``what`` right before the first such operation on a key that begins so."""
        self._once(self.before, verb, key, what)

    def once_done(self, verb: str, key: str, what: Act) -> None:
        """Do ``what`` right after the first such operation: it took effect, its answer may be lost."""
        self._once(self.after, verb, key, what)

    def _once(self, hooks: list[Meddle], verb: str, key: str, what: Act) -> None:
        async def meddle(now: str, at: str) -> None:
            if now == verb and at.startswith(key):
                hooks.remove(meddle)
                await what()

        hooks.append(meddle)

    async def _write(self, verb: str, key: str, value: bytes, revision: int | None) -> int:
        await self._meddle(self.before, verb, key)
        entry = self.entries.get(key)
        if (None if entry is None else entry.revision) != revision:
            raise Conflict(key)
        self.writes.append(key)
        number = self.put(key, value)
        await self._meddle(self.after, verb, key)
        return number

    async def _meddle(self, hooks: list[Meddle], verb: str, key: str) -> None:
        if not self.available:
            raise StoreUnavailable("no leader")
        for meddle in list(hooks):
            await meddle(verb, key)


@dataclass
class FakeStreams:
    """Remembers what was provided."""

    provided: list[object] = field(default_factory=list)
    states: dict[tuple[str, str], ConsumerState] = field(default_factory=dict)
    available: bool = True

    async def ensure_bucket(self, replicas: int = 1) -> None:
        self._ensure("bucket")

    async def ensure_replies(self, plan: RepliesPlan) -> bool:
        return self._ensure(f"replies of {plan.service}")

    async def ensure_stream(self, plan: StreamPlan) -> bool:
        return self._ensure(plan.family)

    async def ensure_consumer(self, plan: ConsumerPlan) -> bool:
        return self._ensure((plan.service, plan.pattern))

    async def consumer_state(self, service: str, pattern: str) -> ConsumerState | None:
        if not self.available:
            raise StoreUnavailable("no leader")
        return self.states.get((service, pattern))

    def _ensure(self, what: object) -> bool:
        if not self.available:
            raise StoreUnavailable("no leader")
        made = what not in self.provided
        self.provided.append(what)
        return made


class FakeShares:
    """Is asked by nobody."""

    async def answer(self, handler: object) -> Open:
        return Open()


@dataclass
class FakeKeys:
    """What an authority tells of keys, noted down, and the credentials that it keeps."""

    credentials: FakeStore = field(default_factory=FakeStore)
    told: list[bytes] = field(default_factory=list)
    handlers: list[Callable[[bytes], None]] = field(default_factory=list)

    @property
    def notices(self) -> FakeKeys:
        return self

    def tell(self, message: bytes) -> None:
        self.told.append(message)
        for handler in self.handlers:
            handler(message)

    def watch(self, handler: Callable[[bytes], None]) -> Open:
        self.handlers.append(handler)
        return Open()

    async def ensure_credentials(self, plan: CredentialsPlan) -> bool:
        return True


@dataclass
class FakeLink:
    """What a registry does with its link, noted down."""

    store: FakeStore = field(default_factory=FakeStore)
    streams: FakeStreams = field(default_factory=FakeStreams)
    keys: FakeKeys = field(default_factory=FakeKeys)
    audit: FakeAudit = field(default_factory=FakeAudit)
    connected: bool = True
    server: str = "127.0.0.1:4222"
    heads: list[bytes] = field(default_factory=list)
    said: list[Presence] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    listeners: list[Callable[[ConnectionEvent], None]] = field(default_factory=list)
    presence: list[Callable[[Presence], None]] = field(default_factory=list)
    head_handlers: list[Callable[[bytes], None]] = field(default_factory=list)
    report_handlers: list[Callable[[Peer, bytes], None]] = field(default_factory=list)
    closed: bool = False
    revoked: FakeNotices = field(default_factory=FakeNotices)

    def on_event(self, handler: Callable[[ConnectionEvent], None]) -> None:
        self.listeners.append(handler)

    async def announce(self, message: Presence) -> None:
        self.said.append(message)

    async def announce_head(self, message: bytes) -> None:
        self.heads.append(message)

    async def answer_who(self, handler: object) -> Open:
        return Open()

    async def watch(self, service: str | None, handler: Callable[[Presence], None]) -> Open:
        self.presence.append(handler)
        return Open()

    async def watch_head(self, handler: Callable[[bytes], None]) -> Open:
        self.head_handlers.append(handler)
        return Open()

    @property
    def shares(self) -> FakeShares:
        return FakeShares()

    async def watch_reports(self, handler: Callable[[Peer, bytes], None]) -> Open:
        self.report_handlers.append(handler)
        return Open()

    async def ask_who(self, service: str) -> None:
        self.asked.append(service)

    async def aclose(self) -> None:
        self.closed = True

    def hear(self, message: Presence) -> None:
        """Let an instance say something."""
        for handler in self.presence:
            handler(message)

    def happen(self, event: ConnectionEvent) -> None:
        """Let something happen to the connection."""
        self.connected = event in {ConnectionEvent.CONNECTED, ConnectionEvent.RECONNECTED}
        for listener in self.listeners:
            listener(event)

    def as_link(self) -> Link:
        """Return it as what it stands for."""
        return cast("Link", self)

    async def connect(self, config: LinkConfig) -> Link:
        """Stand for ``crossply.wire.connect``."""
        return self.as_link()


class Clock:
    """A clock that jumps."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Pauses:
    """Waits that take no time, noted down."""

    def __init__(self) -> None:
        self.lengths: list[float] = []

    async def __call__(self, length: float) -> None:
        self.lengths.append(length)
        await asyncio.sleep(0)


def api_client(registry: Registry) -> httpx.AsyncClient:
    """Return a client of the registry's API on this event loop; errors inside are answered, not raised."""
    transport = httpx.ASGITransport(cast("Any", build(registry)), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://registry")


def service(name: str, **spec: Any) -> dict[str, Any]:
    """Return a Service document as plain data."""
    return {"kind": "Service", "name": name, "spec": spec}
