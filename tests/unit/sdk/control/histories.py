"""A registry's history as a test writes it: documents, records, checkpoints and heads in a dictionary."""

from __future__ import annotations

from dataclasses import dataclass, field

from crossply.control import keys, record
from crossply.control.record import Announcement, Change, Checkpoint, Head, Kept, Record, development_key, encode
from crossply.wire.link import Entry, StoreUnavailable
from crossply_policy.canonical import canonical, digest
from crossply_policy.parse import parse

KEY = development_key()


def document(attempts: int, name: str = "billing") -> tuple[str, bytes]:
    """Return the key and the canonical bytes of a ``Service`` document."""
    raw = canonical(parse({"kind": "Service", "name": name, "spec": {"retry": {"attempts": attempts}}}))
    return f"Service/{name}", raw


def rate_limit(service: str) -> tuple[str, bytes]:
    """Return the key and the canonical bytes of a ``RateLimit`` document about a service."""
    spec = {"for": {"service": service}, "rate": 1}
    return "RateLimit/quota", canonical(parse({"kind": "RateLimit", "name": "quota", "spec": spec}))


@dataclass
class Written:
    """What a registry wrote; ``stale`` overrides what a lagging replica answers, ``away`` has nobody answer."""

    generation: int = 1
    revision: int = -1
    hash: str = ""
    kept: dict[str, Kept] = field(default_factory=dict[str, Kept])
    values: dict[str, bytes] = field(default_factory=dict[str, bytes])
    stale: dict[str, bytes] = field(default_factory=dict[str, bytes])
    reads: list[str] = field(default_factory=list[str])
    away: bool = False
    head: Head | None = None
    announced: bytes = b""

    async def get(self, key: str, *, leader: bool = False) -> Entry | None:
        """Answer as the store does."""
        if self.away:
            raise StoreUnavailable("away")
        self.reads.append(key)
        value = self.values.get(key) if leader else self.stale.get(key, self.values.get(key))
        return None if value is None else Entry(value, 1)

    async def create(self, key: str, value: bytes) -> int:
        """Nobody writes here but the test."""
        raise AssertionError(key + str(value))

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Nobody writes here but the test."""
        raise AssertionError(key + str(value) + str(revision))

    def change(
        self,
        *documents: tuple[str, bytes | None],
        carried: bool = True,
        concise: bool = False,
        concerns: tuple[str, ...] = (),
    ) -> bytes:
        """Write the next revision and return its announcement; ``concerns`` says whom, where the names do not."""
        changed: dict[str, Change] = {}
        riding: dict[str, bytes] = {}
        self.revision += 1
        for name, raw in documents:
            whom = concerns or ((name.partition("/")[2],) if name.startswith("Service/") else ("*",))
            if raw is None:
                changed[name] = Change(None, whom)
                self.kept.pop(name)
                continue
            kind, _, document_name = name.partition("/")
            self.values[keys.document(kind, document_name, digest(raw))] = raw
            changed[name] = Change(digest(raw), whom)
            self.kept[name] = Kept(digest(raw), self.revision, whom)
            riding[name] = raw
        made = Record(
            self.generation,
            self.revision,
            max(0, self.revision - 1),
            self.hash,
            1.0,
            "tester",
            "because",
            None if concise else changed,
        )
        raw_record, head = record.sign_head(made, KEY)
        self.hash, self.head = head.hash, head
        self.values[keys.record(self.generation, self.revision)] = raw_record
        self.values[keys.HEAD] = encode(head)
        if self.revision % record.CHECKPOINT_EVERY == 0 or concise:
            self.checkpoint()
        self.announced = encode(Announcement(head, raw_record, riding if carried else {}))
        return self.announced

    def checkpoint(self) -> None:
        """Write the checkpoint of the newest revision."""
        made = Checkpoint(self.generation, self.revision, self.hash, dict(self.kept))
        self.values[keys.checkpoint(self.generation, self.revision)] = record.sign_checkpoint(made, KEY)

    def restored(self) -> None:
        """Begin a new generation, as after a restored backup."""
        self.generation, self.revision, self.hash = self.generation + 1, -1, ""


def begun() -> Written:
    """Return a history at revision 0 of generation 1, without documents."""
    written = Written()
    written.change()
    return written
