"""The one idea: a Handler turns a Request into a Response, and a Layer wraps a Handler in another.

A call out, a publish, a served endpoint and a bridged HTTP exchange are all Handlers; everything the mesh adds is
a Layer. The payload is bytes from the outermost layer in: the codec sits at ``Mesh.call`` and at the endpoint.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeAlias

import msgspec

from crossply.errors import CallError

if TYPE_CHECKING:
    from crossply.seal.credentials import Member

MSGPACK = "application/msgpack"
JSON = "application/json"
BYTES = "application/octet-stream"

P = ParamSpec("P")


class Kind(IntEnum):
    """What an envelope carries; the numbers are the protocol's."""

    REQUEST = 1
    RESPONSE = 2
    EVENT = 3
    ITEM = 4
    CREDIT = 5
    CANCEL = 6
    ERROR = 7
    PING = 8
    PONG = 9


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end: its service, its instance, the SPIFFE identity its credential names, and what else that claims."""

    service: str
    instance: str = ""
    identity: str = ""
    claims: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)


FOREIGN = Peer(service="foreign")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a callee says of one endpoint; callers remember it for each operation.

    ``kept``: its replies are kept, so that a repetition finds the first; said to the registry, not to callers.
    """

    idempotent: bool = False
    stream: bool = False
    schema: str | None = None
    kept: bool = False


@dataclass(slots=True)
class HttpHead:
    """The HTTP parts of a request: raw path with query, and header fields in order, hop-by-hop ones removed."""

    path: str
    headers: list[tuple[str, str]]


class Request(msgspec.Struct, eq=False):  # a Struct, as one is made for every call: a third of a dataclass's time
    """One call or event on its way through a stack; mutable, owned by the layer that holds it.

    ``operation`` is ``service.endpoint`` or, for events, the channel. ``deadline`` is on the monotonic clock.
    ``id`` is 16 random bytes, the same over all attempts. ``instance`` is the one addressed, ``None`` leaves the
    choice to the queue group; ``tried`` lists those that attempts of this call have already gone to. ``peer`` is
    the caller, on the inbound side, and ``member`` its verified credential where it sealed the message. ``age`` is how
    many seconds an event has been stored, ``parent`` the trace context that ``traceparent`` continues or is linked to.
    ``introduced`` says that its sender and this instance know each other's credential, so that the reply leaves it out.
    """

    operation: str
    body: bytes = b""
    content_type: str = MSGPACK
    kind: Kind = Kind.REQUEST
    id: bytes = b""
    peer: Peer | None = None
    key: str | None = None
    metadata: dict[str, str] | None = None
    baggage: dict[str, str] | None = None
    http: HttpHead | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    schema: str | None = None
    idempotency_key: str | None = None
    idempotent: bool | None = None
    subset: str | None = None
    instance: str | None = None
    tried: tuple[str, ...] = ()
    attempt: int = 1
    deadline: float = math.inf
    received: float = 0.0
    delivery: int = 1
    sequence: int = 0
    age: float = 0.0
    parent: str | None = None
    introduced: bool = False
    member: Member | None = None

    @property
    def service(self) -> str:
        """The first token: the callee, or the family of a channel."""
        return self.operation.partition(".")[0]

    @property
    def endpoint(self) -> str:
        """All after the first token: the endpoint, or the rest of a channel."""
        return self.operation.partition(".")[2]

    def fork(self, attempt: int) -> Request:
        """Return a copy for another attempt: same id and body, its own instance and deadline."""
        forked = copy.copy(self)
        forked.attempt = attempt
        return forked


class Response(msgspec.Struct, eq=False):  # a Struct as well
    """What came back. ``failure`` is set only between ``rescue`` and the wire of the callee."""

    body: bytes = b""
    content_type: str = MSGPACK
    metadata: dict[str, str] | None = None
    facts: Facts | None = None
    peer: Peer | None = None
    status: int | None = None
    headers: list[tuple[str, str]] | None = None
    failure: CallError | None = None

    def when_done(self, release: Callable[[], None]) -> None:
        """Call ``release`` when nothing of this response is outstanding: at once, for a unary one."""
        release()


Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Layer:
    """A named way to wrap one handler in another."""

    name: str
    wrap: Callable[[Handler], Handler]


def layer(wrap: Callable[Concatenate[Handler, P], Handler]) -> Callable[P, Layer]:
    """Turn ``wrap(inner, *policy)`` into ``configure(*policy) -> Layer``."""

    def configure(*args: P.args, **kwargs: P.kwargs) -> Layer:
        return Layer(wrap.__name__, lambda inner: wrap(inner, *args, **kwargs))

    return configure


def compose(layers: Iterable[Layer | None], innermost: Handler) -> Handler:
    """Wrap ``innermost``; the first layer listed sees a request first. ``None``: no policy asked for it."""
    handler = innermost
    for each in reversed([each for each in layers if each is not None]):
        handler = each.wrap(handler)
    return handler
