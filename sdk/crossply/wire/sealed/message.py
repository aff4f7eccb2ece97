"""What stands in sealed messages: the block of TLVs in the clear, the content that is sealed, and how both are read."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from crossply.wire import envelope, message, metadata
from crossply.wire.envelope import text_tlv, tlv

if TYPE_CHECKING:
    from crossply.handler import Request
    from crossply.wire.senders import Sender

HIGHEST: Final = 255
"""The highest attempt that is said."""
_ATTEMPTS: Final = tuple(tlv(envelope.ATTEMPT, bytes((number,))) for number in range(HIGHEST + 1))
_LENGTH: Final = struct.Struct(">H")
EMPTY: Final = b"\0\0"
"""No metadata: what stands before most bodies."""
_IN_REPLY_TO: Final = tlv(envelope.IN_REPLY_TO, bytes(message.ID))[:3]


def request_block(sender: Sender, request: Request, introduction: bytes, reply: bytes) -> bytes:
    """Return the TLVs of an attempt; ``introduction`` is TLV 7, or nothing for who knows it."""
    content_type, operation = sender.names(request)
    return b"".join(
        (
            content_type,
            message.trace(request),
            operation,
            b"" if request.schema is None else text_tlv(envelope.SCHEMA, request.schema),
            introduction,
            _ATTEMPTS[min(request.attempt, HIGHEST)],
            tlv(envelope.REPLY_SUBJECT, reply),
        )
    )


def event_block(sender: Sender, request: Request, introduction: bytes) -> bytes:
    """Return the TLVs of an event."""
    content_type, operation = sender.names(request)
    schema = b"" if request.schema is None else text_tlv(envelope.SCHEMA, request.schema)
    return b"".join((content_type, message.trace(request), operation, schema, introduction))


def reply_block(content_type: bytes, answered: bytes, introduction: bytes) -> bytes:
    """Return the TLVs of a reply to the message of id ``answered``."""
    return b"".join((content_type, _IN_REPLY_TO, answered, introduction))


def request_content(request: Request, tlvs: int) -> bytes:
    """Return what is sealed of a request or an event with so many bytes of TLVs; raise ``PayloadTooLarge``."""
    return content(request.operation, metadata.pack_request(request), request.body, tlvs)


def content(operation: str, said: bytes, body: bytes, tlvs: int) -> bytes:
    """Return u16 length and the metadata, then the body; raise ``PayloadTooLarge`` for more than a message holds."""
    head = tlvs + len(said)
    if len(body) > message.MAX_BODY or head > message.MAX_HEAD or tlvs > envelope.MAX_TLVS:
        raise message.too_large(operation, len(body), head, tlvs)
    return b"".join((_LENGTH.pack(len(said)), said, body)) if said else EMPTY + body
