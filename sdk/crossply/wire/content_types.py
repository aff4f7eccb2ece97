"""How TLV 1 says what a body is: one byte for what most are, text for the rest, nothing for msgpack."""

from __future__ import annotations

from typing import Final

from crossply.handler import MSGPACK
from crossply.wire import envelope

CODES: Final = {b"\x01": "application/octet-stream", b"\x02": "application/json"}
_NUMBERS: Final = {name: code for code, name in CODES.items()}


def pack(name: str) -> bytes:
    """Return the TLV of a content type; raise ``PayloadTooLarge`` when it cannot stand in an envelope."""
    if name == MSGPACK:
        return b""
    code = _NUMBERS.get(name)
    return envelope.text_tlv(envelope.CONTENT_TYPE, name) if code is None else envelope.tlv(envelope.CONTENT_TYPE, code)


def read(value: bytes | None) -> str:
    """Return the content type of a TLV; raise ``EnvelopeFault`` when it is not UTF-8."""
    return MSGPACK if not value else CODES.get(value) or envelope.text(value) or MSGPACK
