"""The keys of a channel's events: who has them reads them, and the publisher's signature says who wrote."""

from __future__ import annotations

from dataclasses import dataclass

from crossply.seal.epochs import Epochs


@dataclass(frozen=True, slots=True)
class Group:
    """The 32-byte keys of a ``Channel`` document, by epoch.

    Without ``signed`` (``auth: group``) an event shows no more than that someone with the key wrote it.
    Immutable, replaced whole.
    """

    epochs: Epochs[bytes]
    signed: bool = True
