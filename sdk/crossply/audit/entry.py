"""One entry of the audit stream, and the batches that entries travel in."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import msgspec

MOST_ENTRIES: Final = 500
"""The entries of one batch, at most."""

_Text = Annotated[str, msgspec.Meta(max_length=512)]


class Outcome(StrEnum):
    """What came of it. The two that begin with ``would`` are what documents in audit mode would have made of it."""

    ALLOWED = "allowed"
    DENIED = "denied"
    WOULD_ALLOW = "would_allow"
    WOULD_DENY = "would_deny"
    UNOPENED = "unopened"


class Action(StrEnum):
    """What was asked for."""

    CALL = "call"
    PUBLISH = "publish"
    SUBSCRIBE = "subscribe"


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was decided once; ``at`` is unix seconds.

    ``caller`` is the service whose message it was, ``identity`` and ``instance`` as its credential says, ``operation``
    the operation or channel. ``rule`` names the `Access` document that decided, and is ``default`` where none did;
    ``reason`` says why a message was not opened. What is sealed in a message is not repeated here: the broker reads
    the stream.
    """

    at: float
    outcome: Outcome
    action: Action = Action.CALL
    caller: _Text = ""
    identity: _Text = ""
    instance: _Text = ""
    operation: _Text = ""
    rule: _Text = ""
    reason: _Text = ""
    trace_id: _Text = ""
    generation: int = 0
    revision: int = 0


class Batch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Entries of one instance, and how many it had no room for before them."""

    entries: Annotated[list[Entry], msgspec.Meta(max_length=MOST_ENTRIES)] = []
    dropped: Annotated[int, msgspec.Meta(ge=0)] = 0


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Batch)


def encode(batch: Batch) -> bytes:
    """Return the bytes of a batch."""
    return _encoder.encode(batch)


def decode(raw: bytes) -> Batch:
    """Return the batch in these bytes; raise ``msgspec.DecodeError`` when there is none."""
    return _decoder.decode(raw)
