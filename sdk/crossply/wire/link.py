"""What the rest of Crossply sees of the wire: calls, events, presence and the store; no subject, no NATS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import asyncio

    from crossply.audit.audit import Audit
    from crossply.handler import Handler, Peer, Request, Response
    from crossply.tls import Tls
    from crossply.wire.auditing import AuditStream
    from crossply.wire.keys import Keys
    from crossply.wire.lease import SharesOfRates
    from crossply.wire.nkey import Nkey
    from crossply.wire.notices import Notices
    from crossply.wire.plans import ConsumerPlan, ConsumerState, RepliesPlan, StreamPlan
    from crossply.wire.presence import Presence
    from crossply.wire.renewals import Renewals
    from crossply.wire.sealed.own_keys import OwnKeys
    from crossply_policy.security import Securities


class ConnectionEvent(Enum):
    """What happened to the connection."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    RECONNECTED = "reconnected"
    REFUSED = "refused"
    LAME_DUCK = "lame_duck"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConfig:
    """Who connects to which brokers. ``reconnect`` is False for commands that should fail at once; seconds.

    With ``keys`` messages are sealed, as ``Link.protect`` is told; ``audit`` hears of those that could not be opened.
    At each of the ``renewals`` the link moves, make before break, to a connection with what ``tls`` shows by then.
    ``needs`` are the channel patterns whose events it will take.
    """

    servers: tuple[str, ...]
    service: str
    instance: str
    tenant: str = "default"
    trust_domain: str = "mesh.local"
    connect_timeout: float = 5.0
    tls: Tls | None = None
    renewals: Renewals | None = None
    nkey: Nkey | None = None
    needs: tuple[str, ...] = ()
    keys: OwnKeys | None = None
    audit: Audit | None = None
    reconnect: bool = True


class Closable(Protocol):
    """Something to end: a serving, a subscription, a watch."""

    async def aclose(self) -> None:
        """Take nothing new; return when what was taken is finished."""
        ...


class Conflict(Exception):
    """The key has another revision than the one expected; read it again."""


class StoreUnavailable(Exception):
    """The store did not answer: no leader, no stream, or not connected."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's value and its revision in the bucket."""

    value: bytes
    revision: int


class Store(Protocol):
    """A tenant's key-value bucket; every method raises ``StoreUnavailable`` when the broker cannot answer."""

    async def get(self, key: str, *, leader: bool = False) -> Entry | None:
        """Return the newest value, from any replica unless ``leader`` asks for the freshest."""
        ...

    async def create(self, key: str, value: bytes) -> int:
        """Write a key that must not exist; return its revision, or raise ``Conflict``."""
        ...

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Write a key that must be at ``revision``; return its new one, or raise ``Conflict``."""
        ...


class Streams(Protocol):
    """What the registry does for durable events."""

    async def ensure_bucket(self, replicas: int = 1) -> None:
        """Create the tenant's bucket unless it is there."""
        ...

    async def ensure_replies(self, plan: RepliesPlan) -> bool:
        """Create the bucket of kept replies unless it is there; return whether it was created."""
        ...

    async def ensure_stream(self, plan: StreamPlan) -> bool:
        """Create the stream of a family unless it is there; return whether it was created."""
        ...

    async def ensure_consumer(self, plan: ConsumerPlan) -> bool:
        """Create the durable consumer unless it is there; return whether it was created."""
        ...

    async def consumer_state(self, service: str, pattern: str) -> ConsumerState | None:
        """Return how far a durable consumer is, ``None`` when there is none."""
        ...


PresenceHandler: TypeAlias = Callable[["Presence"], None]
AskedHandler: TypeAlias = Callable[[], "Presence"]
AnnouncementHandler: TypeAlias = Callable[[bytes], None]
ReportHandler: TypeAlias = Callable[["Peer", bytes], None]
EventHandler: TypeAlias = Callable[[ConnectionEvent], None]
MissingHandler: TypeAlias = Callable[[str | None], None]
MicroHandler: TypeAlias = Callable[[str], dict[str, Any]]


class Pong(Enum):
    """What a ping of an instance found."""

    ALIVE = "alive"
    GONE = "gone"
    SILENT = "silent"


class Link(Protocol):
    """One instance's connection to the mesh. Callbacks run on the loop and must not block."""

    @property
    def connected(self) -> bool:
        """Whether the broker is connected now."""
        ...

    @property
    def server(self) -> str:
        """The broker's address, without credentials; empty when not connected."""
        ...

    def on_event(self, handler: EventHandler) -> None:
        """Call ``handler`` at every connection event."""
        ...

    def on_missing_stream(self, handler: MissingHandler) -> None:
        """Call ``handler(family)`` when nothing stores a family yet, ``handler(None)`` when a consumer is missing."""
        ...

    def protect(self, securities: Securities) -> None:
        """Seal messages, and take such as are not sealed, as these say; without keys nothing is sealed."""
        ...

    def call(self, request: Request) -> Awaitable[Response]:
        """Send one attempt and return its reply, by ``request.deadline``; raise ``CallError`` otherwise."""
        ...

    async def publish(self, request: Request) -> Response:
        """Store one event and return the broker's ack; the same bytes are sent again until the deadline."""
        ...

    async def serve(self, endpoint: str, handler: Handler, *, prompt: bool = False) -> Closable:
        """Take calls to an endpoint of this service, in its queue group and at this instance.

        ``prompt`` says that the handler does not wait, but for its turn: it may be run without a task.
        """
        ...

    def works_in(self, task: asyncio.Task[Any] | None) -> bool:
        """Whether a call or an event is served in that task."""
        ...

    async def retire(self) -> None:
        """Stop listening to what addresses this instance: after its endpoints were closed and their calls done."""
        ...

    async def subscribe(self, pattern: str, handler: Handler, *, concurrency: int = 16) -> Closable:
        """Deliver the events of a channel pattern, one a service, at least once."""
        ...

    async def serve_micro(self, handler: MicroHandler) -> Closable:
        """Answer NATS micro's PING, INFO and STATS with what ``handler(verb)`` returns."""
        ...

    def places(self, endpoints: Iterable[str]) -> dict[str, str]:
        """Map each endpoint of this service to where its queue group listens, for those who ask."""
        ...

    async def announce(self, message: Presence) -> None:
        """Say hello, heartbeat or bye."""
        ...

    async def answer_who(self, handler: AskedHandler) -> Closable:
        """Answer whoever asks who serves this service, with what ``handler()`` returns."""
        ...

    async def watch(self, service: str | None, handler: PresenceHandler) -> Closable:
        """Listen to the presence of a service, of all services when ``None``."""
        ...

    async def ask_who(self, service: str) -> None:
        """Ask who serves a service; answers arrive at the handlers of ``watch``."""
        ...

    async def ping(self, operation: str, instance: str, timeout: float) -> Pong:
        """Ask an instance, where its attempts go, whether it lives."""
        ...

    def fail_attempts(self, service: str, instance: str) -> int:
        """Fail all attempts in flight to an instance as ``Disconnected``; return how many."""
        ...

    def outstanding(self, older_than: float) -> dict[tuple[str, str], tuple[str, float]]:
        """Map ``(service, instance)`` to the operation and the age in seconds of its oldest attempt in flight."""
        ...

    async def announce_head(self, message: bytes) -> None:
        """Publish a policy announcement (the registry only)."""
        ...

    async def watch_head(self, handler: AnnouncementHandler) -> Closable:
        """Listen to policy announcements."""
        ...

    def report(self, body: bytes) -> bool:
        """Tell those who watch what happened here; return False when that was dropped, as it is before all else."""
        ...

    async def watch_reports(self, handler: ReportHandler) -> Closable:
        """Hear what all instances report (the registry only)."""
        ...

    @property
    def store(self) -> Store:
        """The tenant's key-value bucket."""
        ...

    replies: Store
    """The tenant's bucket of kept replies, each of which goes after ten minutes."""

    @property
    def shares(self) -> SharesOfRates:
        """Shares in rates."""
        ...

    @property
    def revoked(self) -> Notices:
        """What is said of revoked credentials: by the authority, to all."""
        ...

    @property
    def keys(self) -> Keys:
        """What the authority says of keys, and the credentials that it keeps."""
        ...

    audit: AuditStream
    """The audit stream."""

    @property
    def streams(self) -> Streams:
        """Streams and consumers (the registry only)."""
        ...

    async def flush(self, timeout: float = 5.0) -> None:
        """Return when the broker has taken everything sent so far."""
        ...

    async def aclose(self) -> None:
        """Finish what runs and close the connection."""
        ...


Connect: TypeAlias = Callable[[LinkConfig], Awaitable[Link]]
"""Opens a link; ``crossply.wire.connect`` over NATS, or a fake in tests."""
