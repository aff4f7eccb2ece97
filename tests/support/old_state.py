"""An old state of the store: what whoever runs the broker goes on to show of it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable

import msgspec

from crossply.wire.link import Entry, Store
from tests.support.nats_frames import Delivered, Said

_DIRECT, _LEADER = "$JS.API.DIRECT.GET.", "$JS.API.STREAM.MSG.GET."


class OldState:
    """Some keys of a tenant's bucket as they once were; ``shown`` counts who was told of them, by key."""

    def __init__(self, tenant: str = "default") -> None:
        self._bucket = f"MESH_{tenant}"
        self._entries: dict[str, Entry | None] = {}
        self.shown: dict[str, int] = {}

    async def remember(self, store: Store, keys: Iterable[str]) -> OldState:
        """Take what lies under these keys now."""
        for key in keys:
            self._entries[key] = await store.get(key, leader=True)
        return self

    def answer(self, said: Said) -> Delivered | None:
        """Answer what asks for one of them."""
        begin = f"$KV.{self._bucket}."
        stream = f"KV_{self._bucket}"
        leader = said.subject == f"{_LEADER}{stream}"
        if leader:
            subject = str(msgspec.json.decode(said.data).get("last_by_subj", ""))
        else:
            subject = said.subject.removeprefix(f"{_DIRECT}{stream}.")
        key = subject.removeprefix(begin)
        if key == subject or key not in self._entries:
            return None
        self.shown[key] = self.shown.get(key, 0) + 1
        entry = self._entries[key]
        if leader:
            return Delivered(said.reply, "", "", b"", _of_the_leader(subject, entry))
        if entry is None:
            return Delivered(said.reply, "", "", b"NATS/1.0 404 Message Not Found\r\n\r\n", b"")
        headers = (
            f"NATS/1.0\r\nNats-Stream: {stream}\r\nNats-Subject: {subject}\r\nNats-Sequence: {entry.revision}\r\n\r\n"
        )
        return Delivered(said.reply, "", "", headers.encode(), entry.value)


def _of_the_leader(subject: str, entry: Entry | None) -> bytes:
    if entry is None:
        return msgspec.json.encode({"error": {"code": 404, "err_code": 10037, "description": "no message found"}})
    data = b64encode(entry.value).decode()
    return msgspec.json.encode({"message": {"subject": subject, "seq": entry.revision, "data": data}})
