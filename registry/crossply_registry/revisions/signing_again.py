"""Signs again what a key before this one signed: a data plane may know the newest key alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.control import keys
from crossply.control.record import (
    CHECKPOINT_EVERY,
    Head,
    RecordFault,
    encode,
    open_checkpoint,
    sign_checkpoint,
    sign_place,
    verify_head,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from crossply.wire.link import Store
    from crossply_registry.revisions.archive import Archive, StoredHead


async def sign_again(store: Store, archive: Archive, stored: StoredHead, key: Ed25519PrivateKey) -> Head:
    """Return the head as ``key`` signs it, once it lies in the store so, and the checkpoints that lead to it.

    Raise ``Conflict`` when somebody else wrote in between, ``StoreUnavailable``, ``RecordFault``.
    """
    head, own = stored.head, key.public_key()
    try:
        verify_head(head, own)
    except RecordFault:
        pass
    else:
        return head
    for revision in await _checkpoints(archive, head):
        place = keys.checkpoint(head.generation, revision)
        entry = await store.get(place, leader=True)
        if entry is None:
            raise RecordFault(f"checkpoint {place} is missing: the store has lost a part of its history")
        await store.update(place, sign_checkpoint(open_checkpoint(entry.value, archive.key), key), entry.revision)
    signed = sign_place(head, key)
    await store.update(keys.HEAD, encode(signed), stored.entry.revision)
    return signed


async def _checkpoints(archive: Archive, head: Head) -> list[int]:
    """Return the revisions whose checkpoints a data plane may read on its way to the head."""
    base = head.revision - head.revision % CHECKPOINT_EVERY
    found = [base]
    for revision in range(base + 1, head.revision + 1):
        _, record = await archive.recorded(head.generation, revision, None)
        if record.changed is None:
            found.append(revision)
    return found
