"""The first revision of a tenant: generation 1, revision 0, nothing in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crossply.control import keys
from crossply.control.record import Head, Record, encode, sign_head
from crossply.wire.link import Conflict
from crossply_registry.revisions.contents import Contents
from crossply_registry.revisions.next_revision import manifest_checkpoint

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from crossply.wire.link import Store

# Without a time or an author of its own: replicas that start at once all write the same bytes.
_RECORD: Final = Record(
    generation=1,
    revision=0,
    parent=0,
    prev_hash="",
    at=0.0,
    author="registry",
    reason="first start",
    changed={},
)


async def ensure_origin(store: Store, key: Ed25519PrivateKey) -> Head:
    """Write the first revision where there is no head; return its head. Others may be doing the same."""
    raw, head = sign_head(_RECORD, key)
    contents = Contents(generation=head.generation, revision=head.revision, record_hash=head.hash)
    written = {
        keys.checkpoint(*contents.place): manifest_checkpoint(contents, key),
        keys.record(*contents.place): raw,
        keys.HEAD: encode(head),
    }
    for place, value in written.items():
        try:
            await store.create(place, value)
        except Conflict:
            continue
    return head
