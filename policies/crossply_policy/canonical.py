"""The one byte form of a document, by which it is stored, hashed and signed."""

from __future__ import annotations

import hashlib

from msgspec import msgpack

from crossply_policy.defaults import LIMITS
from crossply_policy.documents import Document
from crossply_policy.faults import Fault, PolicyInvalid
from crossply_policy.parse import parse, plain


def canonical(document: Document) -> bytes:
    """Return the document as msgpack with sorted keys, at most 256 KiB; raise PolicyInvalid."""
    return _of_bounded_size(msgpack.encode(plain(document), order="sorted"))


def from_canonical(raw: bytes) -> Document:
    """Return the document of these bytes; raise PolicyInvalid unless `canonical` writes the very same."""
    _of_bounded_size(raw)
    try:
        value: object = msgpack.decode(raw)
    except (ValueError, RecursionError) as error:
        raise PolicyInvalid([Fault("", f"is not msgpack: {error}")]) from error
    document = parse(value)
    if canonical(document) != raw:
        raise PolicyInvalid([Fault("", "is not in canonical form; write it with `canonical`")])
    return document


def digest(raw: bytes) -> str:
    """Return the SHA-256 of the bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(raw).hexdigest()


def _of_bounded_size(raw: bytes) -> bytes:
    if len(raw) > LIMITS.document:
        raise PolicyInvalid([Fault("", f"is {len(raw)} bytes long, at most {LIMITS.document} are allowed")])
    return raw
