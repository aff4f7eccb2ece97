"""One revision, worked out in full before anything of it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from crossply.control import keys
from crossply.control.record import (
    CARRIED_DOCUMENT,
    CHECKPOINT_EVERY,
    Announcement,
    Change,
    Checkpoint,
    Head,
    Kept,
    Record,
    encode,
    open_record,
    sign_checkpoint,
    sign_head,
)
from crossply_policy.canonical import canonical, digest
from crossply_policy.compile import compile_snapshot
from crossply_policy.defaults import LIMITS
from crossply_policy.documents import Document
from crossply_policy.faults import Fault, PolicyInvalid
from crossply_registry.revisions.contents import Contents, Held, concerns

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MOST_DOCUMENTS: Final = 3_500
"""A checkpoint is one message: this many of the longest names fit into it."""
_CARRIED: Final = 256 * 1024

Changes: TypeAlias = Mapping[str, Document | None]
"""What an apply changes: ``kind/name`` to the new document, or to None where it is deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextRevision:
    """The contents after the change, and every byte to be stored and announced for it.

    ``documents`` and ``numbered`` map store keys: documents lie under their digests and never change; what is
    numbered by the revision (the record, perhaps a checkpoint) becomes true only when the head names it.
    """

    contents: Contents
    head: Head
    record: bytes
    documents: Mapping[str, bytes]
    numbered: Mapping[str, bytes]
    carried: Mapping[str, bytes]

    def announcement(self) -> bytes:
        """Return what is said to all: the head, the record, and the documents small enough to ride along."""
        return encode(Announcement(self.head, self.record, dict(self.carried)))


def next_revision(
    current: Contents, changes: Changes, *, at: float, author: str, reason: str, key: Ed25519PrivateKey
) -> NextRevision:
    """Work out the revision after ``current``; ``at`` is unix seconds. Raise ``PolicyInvalid``."""
    revision = current.revision + 1
    fresh = {name: _held(document, revision) for name, document in changes.items() if document is not None}
    held = {name: one for name, one in current.held.items() if name not in changes} | fresh
    _check(changes, fresh, held)
    documents = MappingProxyType(held)
    compile_snapshot((one.document for one in held.values()), generation=current.generation, revision=revision)
    record = Record(
        generation=current.generation,
        revision=revision,
        parent=current.revision,
        prev_hash=current.record_hash,
        at=at,
        author=author,
        reason=reason,
        changed={name: _change(name, current, fresh) for name in sorted(changes)},
    )
    raw, head = sign_head(record, key)
    contents = Contents(generation=current.generation, revision=revision, record_hash=head.hash, held=documents)
    return NextRevision(
        contents=contents,
        head=head,
        record=raw,
        documents={_document_key(one): one.raw for one in fresh.values()},
        numbered=_numbered(contents, head, raw, key),
        carried=_small(fresh),
    )


def manifest_checkpoint(contents: Contents, key: Ed25519PrivateKey) -> bytes:
    """Return the signed checkpoint of ``contents``."""
    checkpoint = Checkpoint(
        generation=contents.generation,
        revision=contents.revision,
        record_hash=contents.record_hash,
        documents=contents.manifest(),
    )
    return sign_checkpoint(checkpoint, key)


def _held(document: Document, revision: int) -> Held:
    raw = canonical(document)
    return Held(document, raw, Kept(hash=digest(raw), revision=revision, concerns=concerns(document)))


def _check(changes: Changes, fresh: Mapping[str, Held], held: Mapping[str, Held]) -> None:
    faults: list[Fault] = []
    if len(changes) > LIMITS.apply_documents:
        faults.append(Fault("", f"changes {len(changes)} documents, at most {LIMITS.apply_documents} at once"))
    if (size := sum(len(one.raw) for one in fresh.values())) > LIMITS.apply:
        faults.append(Fault("", f"is {size} bytes in all, at most {LIMITS.apply} at once"))
    if len(held) > MOST_DOCUMENTS:
        faults.append(Fault("", f"would make {len(held)} documents, a tenant may have {MOST_DOCUMENTS}"))
    if faults:
        raise PolicyInvalid(faults)


def _change(name: str, current: Contents, fresh: Mapping[str, Held]) -> Change:
    """Return what the record says; whoever is concerned by a document is concerned by its end."""
    kept = fresh[name].kept if name in fresh else current.held[name].kept
    return Change(hash=kept.hash if name in fresh else None, concerns=kept.concerns)


def _numbered(contents: Contents, head: Head, record: bytes, key: Ed25519PrivateKey) -> dict[str, bytes]:
    written: dict[str, bytes] = {}
    # A record too long to name its changes is of use only with the whole manifest beside it.
    unnamed = open_record(record, head.hash).changed is None
    if unnamed or contents.revision % CHECKPOINT_EVERY == 0:
        written[keys.checkpoint(*contents.place)] = manifest_checkpoint(contents, key)
    written[keys.record(*contents.place)] = record
    return written


def _small(fresh: Mapping[str, Held]) -> dict[str, bytes]:
    carried: dict[str, bytes] = {}
    room = _CARRIED
    for name, one in fresh.items():
        if len(one.raw) <= min(CARRIED_DOCUMENT, room):
            carried[name] = one.raw
            room -= len(one.raw)
    return carried


def _document_key(held: Held) -> str:
    return keys.document(held.document.kind, held.document.name, held.kept.hash)
