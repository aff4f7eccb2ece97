"""What a broker answers for its store: another key's value, or nonsense, is no answer, and nothing else is raised."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, cast

import msgspec
import pytest

from crossply.wire.jetstream import JetStream, JetStreamFault, decoded, raise_fault
from crossply.wire.link import Conflict, Entry, StoreUnavailable
from crossply.wire.mux import Reply
from crossply.wire.store import Bucket

KEY = "$KV.MESH_default.head"


class Answering:
    """A JetStream that answers everything with one message."""

    def __init__(self, data: bytes, headers: bytes = b"") -> None:
        self._reply = data, headers

    async def message(self, _subject: str, _payload: bytes, **_said: Any) -> Reply:
        return self._reply

    async def api(self, verb: str, _body: dict[str, Any] | None = None) -> dict[str, Any]:
        said = decoded(verb, self._reply[0])
        raise_fault(verb, said)
        return said


def bucket(data: bytes, headers: bytes = b"") -> Bucket:
    return Bucket(cast("JetStream", Answering(data, headers)), "MESH_default")


def direct(**fields: str) -> bytes:
    return "\r\n".join(["NATS/1.0", *(f"Nats-{name}: {value}" for name, value in fields.items()), "", ""]).encode()


def stored(subject: str = KEY, **more: object) -> bytes:
    said = {"subject": subject, "seq": 7, "data": b64encode(b"value").decode(), **more}
    return msgspec.json.encode({"message": said})


async def test_a_value_is_read_from_whoever_has_it_and_from_the_leader() -> None:
    assert await bucket(b"value", direct(Subject=KEY, Sequence="7")).get("head") == Entry(b"value", 7)
    assert await bucket(stored()).get("head", leader=True) == Entry(b"value", 7)
    deleted = b64encode(b"NATS/1.0\r\nKV-Operation: DEL\r\n\r\n").decode()
    assert await bucket(stored(hdrs=deleted)).get("head", leader=True) is None
    assert await bucket(b"", direct(Subject=KEY, Sequence="7") + b"KV-Operation: DEL\r\n").get("head") is None
    assert await bucket(b'{"stream":"KV_MESH_default","seq":8}').update("head", b"", 7) == 8


@pytest.mark.parametrize(
    "headers",
    [b"", b"NATS/1.0\r\n\r\n", direct(Subject=KEY.replace("head", "tail"), Sequence="7"), direct(Subject=KEY),
     direct(Subject=KEY, Sequence="-7"), direct(Subject=KEY, Sequence="many")],
)  # fmt: skip
async def test_what_is_no_answer_to_a_question_is_not_taken_for_one(headers: bytes) -> None:
    with pytest.raises(StoreUnavailable):
        await bucket(b"value", headers).get("head")


@pytest.mark.parametrize(
    "answer",
    [b"", b"\xe7\x01", b"[]", b"5", b"{}", b'{"message":{}}', b'{"message":5}', b'{"error":5}', b'{"seq":"many"}',
     b'{"error":{"description":"no leader"}}', stored("$KV.MESH_default.tail"), stored(data="?"), stored(seq="7")],
)  # fmt: skip
async def test_what_is_no_answer_of_the_leader_is_not_taken_for_one(answer: bytes) -> None:
    with pytest.raises(StoreUnavailable):
        await bucket(answer).get("head", leader=True)
    with pytest.raises(StoreUnavailable):
        await bucket(answer).create("head", b"")


async def test_a_key_that_somebody_else_wrote_is_a_conflict_and_one_that_is_absent_is_none() -> None:
    with pytest.raises(Conflict):
        await bucket(b'{"error":{"code":400,"err_code":10071}}').update("head", b"", 7)
    assert await bucket(b'{"error":{"code":404,"err_code":10037}}').get("head", leader=True) is None


def test_an_error_that_is_none_is_still_an_error() -> None:
    with pytest.raises(JetStreamFault, match="does not decode"):
        raise_fault("STREAM.INFO", {"error": "no"})
