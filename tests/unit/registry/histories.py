"""Revision logs over a fake store, and a reader that checks a whole history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from crossply.control import keys
from crossply.control.record import (
    Head,
    development_key,
)
from crossply_policy.documents import Document
from crossply_policy.parse import parse
from crossply_registry.revisions.contents import Contents
from crossply_registry.revisions.log import RevisionLog, Written
from crossply_registry.revisions.next_revision import Changes
from tests.unit.registry.fakes import FakeStore, Pauses, service

KEY = development_key()


class Said:
    """Announcements, decoded."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    async def __call__(self, message: bytes) -> None:
        self.messages.append(message)


def make_log(store: FakeStore, *, said: Said | None = None, pauses: Pauses | None = None) -> RevisionLog:
    return RevisionLog(store, KEY, said or Said(), now=lambda: 1_700_000_000.0, pause=pauses or Pauses())


def document(name: str, **spec: Any) -> Document:
    return parse(service(name, **spec))


def setting(*documents: Document) -> Callable[[Contents], Changes]:
    return lambda _: {one.key: one for one in documents}


async def put(log: RevisionLog, *documents: Document, author: str = "ada", reason: str = "why not") -> Written:
    return await log.apply(setting(*documents), author=author, reason=reason)


def stored_head(store: FakeStore) -> Head:
    return msgspec.msgpack.decode(store.entries[keys.HEAD].value, type=Head)


async def sound(store: FakeStore) -> Contents:
    """Read the whole history anew; this fails if head, records, checkpoints and documents do not fit."""
    return await make_log(store).refresh()
