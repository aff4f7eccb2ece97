"""What instances say of themselves: hello, heartbeat, bye; msgpack maps inside an event envelope."""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class EndpointHello(msgspec.Struct, frozen=True, omit_defaults=True):
    """One endpoint as its callee declares it."""

    name: str
    idempotent: bool = False
    stream: bool = False
    schema: str | None = None
    kept: bool = False


class Hello(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="hello"):
    """Said on start, on ``who`` and on change. ``started`` and ``applied`` are unix seconds.

    ``subscriptions`` are channel patterns this service wants delivered; ``publishes`` the families it sends to.
    ``kind`` tells a service from a bridge and a registry.
    """

    service: str
    instance: str
    version: str = "0.0.0"
    kind: str = "service"
    zone: str = ""
    labels: dict[str, str] = {}
    description: str = ""
    started: float = 0.0
    endpoints: tuple[EndpointHello, ...] = ()
    subscriptions: tuple[str, ...] = ()
    publishes: tuple[str, ...] = ()
    generation: int = 0
    revision: int = 0
    applied: float = 0.0


class Heartbeat(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="heartbeat"):
    """Said every 5 s ± 20 %, and at once when a revision has been applied."""

    service: str
    instance: str
    zone: str = ""
    labels: dict[str, str] = {}
    generation: int = 0
    revision: int = 0
    applied: float = 0.0
    refused: str = ""


class Bye(msgspec.Struct, frozen=True, tag_field="type", tag="bye"):
    """Said when an instance drains."""

    service: str
    instance: str


Presence: TypeAlias = Hello | Heartbeat | Bye

_decoder: msgspec.msgpack.Decoder[Presence] = msgspec.msgpack.Decoder(Presence)
_encoder = msgspec.msgpack.Encoder()


def encode(message: Presence) -> bytes:
    """Return the msgpack form of ``message``."""
    return _encoder.encode(message)


def decode(body: bytes) -> Presence:
    """Return the message; raise ``msgspec.DecodeError`` or its ``ValidationError`` for anything else."""
    return _decoder.decode(body)
