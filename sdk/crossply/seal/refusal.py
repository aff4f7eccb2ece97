"""The one answer to a message that could not be opened, the same for every reason."""

from __future__ import annotations

import msgspec

from crossply.handler import Kind
from crossply.wire import envelope
from crossply.wire.envelope import Envelope

_METADATA = msgspec.msgpack.encode({"code": "unauthenticated"})


def refusal(mid: bytes) -> bytes:
    """Return the answer to the message of id ``mid``: unsealed, as whoever sent it may not be known.

    Nobody vouches for it, so it does not say whether the endpoint ran: its receiver takes that as "maybe". A sender
    that had left its credential out sends it along the next time.
    """
    return envelope.pack(Envelope(Kind.ERROR, mid, tlvs={envelope.IN_REPLY_TO: mid}, metadata=_METADATA))


def is_refusal(payload: bytes, mid: bytes) -> bool:
    """Tell whether a message is the refusal of the one of id ``mid``."""
    return len(payload) == _SIZE and payload == refusal(mid)


_SIZE = len(refusal(bytes(16)))
