"""One message of each form, made from fixed values, and the bytes it must have."""

from __future__ import annotations

from pathlib import Path

import msgspec

from crossply.control import record
from crossply.control.record import Announcement, Change, Checkpoint, Kept, Record, development_key
from crossply.errors import EndpointFailed, InvalidArgument
from crossply.handler import Facts, HttpHead, Kind, Request, Response
from crossply.protection.replies import Failure
from crossply.protection.replies import Kept as KeptReply
from crossply.wire import credential, envelope, metadata, presence
from crossply.wire.credential import Credential
from crossply.wire.envelope import Envelope
from crossply.wire.lease import Wanted
from crossply.wire.presence import Bye, EndpointHello, Heartbeat, Hello
from crossply.wire.shares import Leased, Want

FILE = Path(__file__).with_name("golden.json")
MID, TRACE = bytes(range(16)), b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OWN = credential.pack_unsigned(Credential(identity="spiffe://mesh.test/t/acme/svc/web", instance="k7q2mzp4x3ab"))

NEEDED = metadata.ReplyMetadata(code="need_credential", executed="no")


def _envelope(kind: Kind, tlvs: dict[int, bytes], said: bytes = b"", body: bytes = b"", ttl: int = 0) -> bytes:
    return envelope.pack(
        Envelope(
            kind,
            MID,
            cid=credential.cid(OWN),
            seq=3,
            iat=1_790_000_000_123,
            ttl=ttl,
            tlvs={envelope.CREDENTIAL: OWN, **tlvs},
            metadata=said,
            body=body,
        )
    )


def _request() -> bytes:
    asked = Request(
        "stock.http-get",
        metadata={"tenant": "acme"},
        baggage={"user": "7"},
        key="c-1",
        idempotency_key="k-1",
        http=HttpHead("/items/a?x=1", [("accept", "*/*")]),
    )
    tlvs = {envelope.TRACEPARENT: TRACE, envelope.OPERATION: b"http-get", envelope.ATTEMPT: b"\x02"}
    return _envelope(Kind.REQUEST, tlvs, metadata.pack_request(asked), b"\x81\xa3sku\xa1a", 5000)


def _reply(response: Response, kind: Kind) -> bytes:
    tlvs = {envelope.IN_REPLY_TO: MID}
    return _envelope(kind, tlvs, metadata.pack_reply(response), response.body)


def _without_credential(raw: bytes) -> bytes:
    sent = envelope.unpack(raw)
    del sent.tlvs[envelope.CREDENTIAL]
    return envelope.pack(sent)


def _hello() -> Hello:
    return Hello(
        "orders",
        "k7q2mzp4x3ab",
        "1.4.0",
        "service",
        "eu-1a",
        {"track": "v2"},
        "takes orders",
        1_790_000_000.5,
        (EndpointHello("create"), EndpointHello("quote", idempotent=True)),
        ("payments.settled",),
        ("orders",),
        1,
        7,
        1_790_000_001.25,
    )


def made() -> dict[str, str]:
    """Return every golden message in hexadecimal."""
    raw, head = record.sign_head(
        Record(1, 2, 1, "ab" * 32, 1_790_000_000.0, "ada", "why", {"Service/billing": Change("cd" * 32, ("billing",))}),
        development_key(),
    )
    checkpoint = Checkpoint(1, 100, "ef" * 32, {"Defaults/mesh": Kept("12" * 32, 3)})
    on_purpose = EndpointFailed("no credit", retry_after=1.5, rule="r", trace_id="0a" * 16)
    invalid = InvalidArgument("wrong", details=[("/sku", "Expected `str`, got `int`")])
    ok = Response(b"\x01", facts=Facts(idempotent=True), status=200, headers=[("a", "b")], metadata={"x": "y"})
    frames = {
        "request": _request(),
        "response": _reply(ok, Kind.RESPONSE),
        "error": _reply(Response(failure=on_purpose), Kind.ERROR),
        "error with details": _reply(Response(failure=invalid), Kind.ERROR),
        "request of a known sender": _without_credential(_request()),
        "reply to a known sender": _without_credential(_reply(ok, Kind.RESPONSE)),
        "credential needed": _envelope(Kind.ERROR, {envelope.IN_REPLY_TO: MID}, metadata.pack(NEEDED)),
        "event": _envelope(
            Kind.EVENT, {envelope.CONTENT_TYPE: b"\x02", envelope.OPERATION: b"orders.created"}, body=b"{}"
        ),
        "ping": _envelope(Kind.PING, {envelope.OPERATION: b"create"}, ttl=1000),
        "pong": _envelope(Kind.PONG, {envelope.IN_REPLY_TO: MID}),
        "hello": presence.encode(_hello()),
        "smallest hello": presence.encode(Hello("web", "k7q2mzp4x3ab")),
        "heartbeat": presence.encode(Heartbeat("orders", "k7q2mzp4x3ab", "eu-1a", {"a": "b"}, 1, 7, 2.5, "no")),
        "bye": presence.encode(Bye("orders", "k7q2mzp4x3ab")),
        "shares asked for": msgspec.msgpack.encode(Want({"quota": Wanted(0.25, 12.5)})),
        "shares leased": msgspec.msgpack.encode(Leased({"quota": 0.5})),
        "claim": msgspec.msgpack.encode(KeptReply(MID, until=1_790_000_000_123)),
        "claim given up": msgspec.msgpack.encode(KeptReply(MID)),
        "kept reply": msgspec.msgpack.encode(
            KeptReply(
                MID,
                done=True,
                body=b"\x01",
                content_type="application/msgpack",
                metadata={"x": "y"},
                status=200,
                headers=[("a", "b")],
            )
        ),
        "kept failure": msgspec.msgpack.encode(
            KeptReply(MID, done=True, failure=Failure("aborted", "no credit", (("/sum", "too much"),), 409))
        ),
        "record": raw,
        "head": record.encode(head),
        "announcement": record.encode(Announcement(head, raw, {"Service/billing": b"\x80"})),
        "checkpoint": record.sign_checkpoint(checkpoint, development_key()),
    }
    return {name: frame.hex() for name, frame in frames.items()}


if __name__ == "__main__":
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(made()), indent=1) + b"\n")
