"""A tenant's key-value buckets: read by direct get, written by compare-and-set, in JetStream's KV layout (ADR-8)."""

from __future__ import annotations

import msgspec

from crossply.wire import headers
from crossply.wire.jetstream import NOT_FOUND, JetStream, JetStreamFault, decoded, raise_fault
from crossply.wire.link import Conflict, Entry, StoreUnavailable

_EXPECTED = "Nats-Expected-Last-Subject-Sequence"
_SUBJECT, _SEQUENCE, _OPERATION = "Nats-Subject", "Nats-Sequence", "KV-Operation"
_WRONG_LAST = frozenset({10071, 10164})


class _Stored(msgspec.Struct):
    """A message as JetStream tells of it; ``data`` and ``hdrs`` are base64 in JSON."""

    subject: str
    seq: int
    data: bytes = b""
    hdrs: bytes = b""


class Bucket:
    """One bucket; keys are dotted names of ``[a-zA-Z0-9_-]``."""

    def __init__(self, jetstream: JetStream, name: str) -> None:
        self._jetstream = jetstream
        self._stream = f"KV_{name}"
        self._subject = f"$KV.{name}."

    async def get(self, key: str, *, leader: bool = False) -> Entry | None:
        """Return the newest value of a key, or ``None``."""
        subject = self._subject + key
        if leader:
            return await self._from_leader(subject)
        answer, block = await self._jetstream.message(f"$JS.API.DIRECT.GET.{self._stream}.{subject}", b"")
        said, status = headers.unpack(block), headers.status(block)
        if status == str(NOT_FOUND):
            # Any replica may have answered, one that lags too: only the leader knows that a key is absent.
            return await self._from_leader(subject)
        if status:
            raise StoreUnavailable(f"bucket answered {status}")
        if said.get(_SUBJECT) != subject or not said.get(_SEQUENCE, "").isdecimal():
            raise _unasked(key)
        if _OPERATION in said:
            return None
        return Entry(answer, int(said[_SEQUENCE]))

    async def _from_leader(self, subject: str) -> Entry | None:
        try:
            said = await self._jetstream.api(f"STREAM.MSG.GET.{self._stream}", {"last_by_subj": subject})
        except JetStreamFault as fault:
            if fault.code == NOT_FOUND:
                return None
            raise StoreUnavailable(str(fault)) from fault
        try:
            found = msgspec.convert(said.get("message"), _Stored)
        except msgspec.ValidationError as error:
            raise _unasked(subject) from error
        if found.subject != subject:
            raise _unasked(subject)
        if _OPERATION.encode() in found.hdrs:
            return None
        return Entry(found.data, found.seq)

    async def create(self, key: str, value: bytes) -> int:
        """Write a key that must not exist."""
        return await self._write(key, value, 0)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Write a key that must be at ``revision``."""
        return await self._write(key, value, revision)

    async def _write(self, key: str, value: bytes, expected: int) -> int:
        answer, _ = await self._jetstream.message(self._subject + key, value, headers={_EXPECTED: str(expected)})
        said = decoded(key, answer)
        try:
            raise_fault(key, said)
        except JetStreamFault as fault:
            if fault.number in _WRONG_LAST:
                raise Conflict(f"{key} is not at revision {expected} any more") from fault
            raise StoreUnavailable(str(fault)) from fault
        sequence = said.get("seq")
        if not isinstance(sequence, int):
            raise _unasked(key)
        return sequence


def _unasked(key: str) -> StoreUnavailable:
    return StoreUnavailable(f"{key}: the answer is none to the question; somebody at the broker put it there")
