"""What a broker asks when somebody connects: who signed it, whom it speaks of, what was said and shown."""

from __future__ import annotations

from typing import Final

import msgspec

from crossply_registry.authority.callout.jwt import Claims, JwtFault, verified
from crossply_registry.authority.callout.nkeys import Kind, NkeyFault, opened

AUDIENCE: Final = "nats-authorization-request"
_TYPE: Final = "authorization_request"


class QuestionFault(ValueError):
    """A message is no question of a broker's; it gets no answer."""


class Server(msgspec.Struct, frozen=True):
    """The broker that asks."""

    id: str
    name: str = ""


class Client(msgspec.Struct, frozen=True):
    """The connection that it asks about, as the broker sees it."""

    host: str = ""
    id: int = 0
    kind: str = ""
    type: str = ""


class Options(msgspec.Struct, frozen=True):
    """What the connection says of itself; nobody vouches for it."""

    name: str = ""
    auth_token: str = ""


class Shown(msgspec.Struct, frozen=True):
    """What it showed in the handshake: chains that the broker verified, leaf first, in PEM."""

    verified_chains: list[list[str]] = []


class Asked(msgspec.Struct, frozen=True):
    """The question itself; `user_nkey` is made for this connection and names it in the answer."""

    type: str
    user_nkey: str
    server_id: Server
    client_info: Client
    connect_opts: Options
    client_tls: Shown = Shown()


class Question(Claims, frozen=True):
    """A question, as its token says it."""

    nats: Asked = msgspec.field(default_factory=lambda: Asked("", "", Server(""), Client(), Options()))


def read(raw: bytes, issuer: str) -> Question:
    """Return the question of a broker that trusts this issuer; raise QuestionFault."""
    try:
        said = verified(raw, Kind.SERVER, Question)
        opened(said.nats.user_nkey, Kind.USER)
    except (JwtFault, NkeyFault) as fault:
        raise QuestionFault(str(fault)) from fault
    # Its end is not looked at: that is by the broker's clock, and an answer that comes too late does nothing.
    if said.aud != AUDIENCE or said.nats.type != _TYPE:
        raise QuestionFault(f"it is {said.nats.type or 'of no type'} for {said.aud or 'nobody'}")
    if said.iss != said.nats.server_id.id:
        raise QuestionFault("it is signed by another broker than it names")
    if said.sub != issuer:
        raise QuestionFault(f"it is for the issuer {said.sub}; the broker's configuration is of another mesh")
    return said
