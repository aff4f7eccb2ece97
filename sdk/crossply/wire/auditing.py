"""The audit stream on the wire: what instances decided, kept by JetStream, written by each under its own subject."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from crossply.handler import MSGPACK, Kind, Peer
from crossply.wire import envelope, subjects
from crossply.wire.envelope import EnvelopeFault
from crossply.wire.jetstream import NOT_FOUND, JetStream, JetStreamFault, decoded, raise_fault
from crossply.wire.link import StoreUnavailable

if TYPE_CHECKING:
    from crossply.wire.link import LinkConfig
    from crossply.wire.provision import Provisioner
    from crossply.wire.senders import Sender, Senders

STORED_WITHIN: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPlan:
    """How the stream should be; ``age`` in seconds. When it is full the oldest go first: it refuses nothing."""

    replicas: int = 1
    age: float = 30 * 24 * 3600.0
    max_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """A batch in the stream: where, and whose. ``body`` is None for what cannot be read."""

    sequence: int
    teller: Peer
    body: bytes | None


class AuditStream(Protocol):
    """The audit stream of a tenant; every method raises ``StoreUnavailable`` when the broker cannot answer."""

    async def store(self, batch: bytes, batch_id: bytes) -> None:
        """Return when a batch of this instance is stored; an id is stored once in ten minutes."""
        ...

    async def ensure(self, plan: AuditPlan) -> bool:
        """Create the stream unless it is there; return whether it was created (the registry only)."""
        ...

    async def bounds(self) -> tuple[int, int]:
        """Return the first and the last sequence in the stream; an empty one has a last below its first."""
        ...

    async def read(self, sequence: int) -> Kept | None:
        """Return a batch, ``None`` when it is gone (the registry only)."""
        ...


class AuditOnWire:
    """See ``AuditStream``."""

    def __init__(
        self, config: LinkConfig, jetstream: JetStream, streams: Provisioner, sender: Sender, senders: Senders
    ) -> None:
        self._subject = subjects.audit(config.service, config.instance)
        self._jetstream = jetstream
        self._streams = streams
        self._sender = sender
        self._senders = senders

    async def store(self, batch: bytes, batch_id: bytes) -> None:
        """Return when a batch is stored."""
        spoken = self._sender.stamp(Kind.EVENT, batch_id, 0)
        spoken.tlvs[envelope.CONTENT_TYPE] = MSGPACK.encode()
        spoken.body = batch
        packed, headers = envelope.pack(spoken), {"Nats-Msg-Id": batch_id.hex()}
        answer, _ = await self._jetstream.message(self._subject, packed, headers=headers, timeout=STORED_WITHIN)
        try:
            raise_fault("audit", decoded("audit", answer))
        except JetStreamFault as fault:
            raise StoreUnavailable(str(fault)) from fault

    async def ensure(self, plan: AuditPlan) -> bool:
        """Create the stream: nothing in it can be deleted or purged."""
        return await self._streams.ensure_audit(plan)

    async def bounds(self) -> tuple[int, int]:
        """Return the first and the last sequence."""
        try:
            state: dict[str, Any] = (await self._jetstream.api(f"STREAM.INFO.{subjects.AUDIT}"))["state"]
        except JetStreamFault as fault:
            if fault.code == NOT_FOUND:
                return 1, 0
            raise StoreUnavailable(str(fault)) from fault
        return max(1, int(state["first_seq"])), int(state["last_seq"])  # one that was never written to begins at 0

    async def read(self, sequence: int) -> Kept | None:
        """Return a batch."""
        try:
            said = await self._jetstream.api(f"STREAM.MSG.GET.{subjects.AUDIT}", {"seq": sequence})
        except JetStreamFault as fault:
            if fault.code == NOT_FOUND:
                return None
            raise StoreUnavailable(str(fault)) from fault
        found: dict[str, Any] = said["message"]
        try:
            opened = envelope.unpack(b64decode(found.get("data", "")))
            teller = self._senders.peer(opened)
        except EnvelopeFault:
            return Kept(sequence, Peer(""), None)
        # The broker lets nobody write under another's subject: it is the subject that is believed.
        own = found["subject"] == subjects.audit(teller.service, teller.instance)
        return Kept(sequence, teller, opened.body if own else None)
