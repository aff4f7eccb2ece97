"""What sealing and opening a call and its reply cost, in processor time of one thread, beyond the set-up of sessions.

A call is sealed, opened, answered, and the answer opened, between two instances that have met: 100 bytes of body each
way, the TLVs that a traced call carries, no credential. Each figure is the best of several rounds. To open is to make
of the payload the message that was sealed, authenticated, fresh, by a member in force, and not seen before; to read
its TLVs is another row, as under every suite a message is read, and the wire compares most with one before instead.
What is not in it: the codec, metadata, the broker.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from itertools import repeat
from time import process_time
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crossply.handler import Kind
from crossply.seal import layout, schedule
from crossply.seal.credentials import Credentials, issue
from crossply.seal.epochs import Epoch, Epochs
from crossply.seal.events import EventOpener
from crossply.seal.group import Group
from crossply.seal.holder import holder
from crossply.seal.lineage import Lineage
from crossply.seal.opener import Opener
from crossply.seal.ring import Ring
from crossply.seal.sealer import Sealer, unix_ms
from crossply.wire import credential, envelope, subjects
from crossply.wire.credential import Credential
from crossply.wire.envelope import tlv

ROUNDS, CALLS, COSTLY = 25, 4_000, 100
TARGET = 12.0
MID = bytes(range(16))
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CONTENT = b"\0\0" + bytes(100)


class Instance:
    """One process's half of the mesh, as far as it seals."""

    def __init__(self, authority: Ed25519PrivateKey, service: str, instance: str) -> None:
        kem, signing = X25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        said = Credential(
            identity=credential.identity("mesh.local", "default", service),
            instance=instance,
            not_after=2**40,
            sign_key=signing.public_key().public_bytes_raw(),
            kem_key=kem.public_key().public_bytes_raw(),
        )
        own, lineage, public = holder(issue(said, authority), kem, signing), Lineage(), authority.public_key()
        trusted = {schedule.issuer_kid(public.public_bytes_raw()): public}
        self.own = own
        self.credentials = Credentials(trusted, "mesh.local", "default")
        self.sealer = Sealer(own, lineage)
        self.opener = Opener(Ring(own), self.credentials, lineage)
        self.events = EventOpener(self.credentials, lineage)
        self.recipient = self.credentials.learn(own.raw).recipient
        self.inbox = subjects.inbox(service, instance).encode()
        self.subject = subjects.one_instance(service, instance, "quote").encode()


class Call(NamedTuple):
    """Both ends of a call, and what each message of it says in the clear."""

    caller: Instance
    callee: Instance
    reply: bytes
    asked: bytes
    answered: bytes

    def request(self) -> bytes:
        """Seal the request."""
        to, subject = self.callee.recipient, self.callee.subject
        return self.caller.sealer.seal_request(to, Kind.REQUEST, subject, 5000, MID, self.asked, CONTENT)

    def response(self) -> bytes:
        """Seal the reply."""
        return self.callee.sealer.seal_reply(
            self.caller.recipient, Kind.RESPONSE, self.reply, MID, self.answered, CONTENT
        )

    def open_request(self, payload: bytes) -> object:
        """Open a request."""
        return self.callee.opener.unseal_request(payload, self.callee.subject, self.reply)

    def open_response(self, payload: bytes) -> object:
        """Open a reply."""
        return self.caller.opener.unseal_reply(payload, self.reply, self.callee.recipient, MID)


def met() -> Call:
    """Return a call between two instances whose sessions are set up."""
    authority = Ed25519PrivateKey.generate()
    caller, callee = Instance(authority, "web", "k7q2mzp4x3ab"), Instance(authority, "orders", "m7q2mzp4x3ac")
    caller.credentials.learn(callee.own.raw)
    callee.credentials.learn(caller.own.raw)
    reply = caller.inbox + b"1f2e3d"
    content_type = tlv(envelope.CONTENT_TYPE, b"application/msgpack")
    asked = (tlv(envelope.TRACEPARENT, TRACE), tlv(envelope.OPERATION, b"quote"), tlv(envelope.ATTEMPT, b"\1"))
    call = Call(
        caller,
        callee,
        reply,
        b"".join((content_type, *asked, tlv(envelope.REPLY_SUBJECT, reply))),
        content_type + tlv(envelope.IN_REPLY_TO, MID),
    )
    call.open_request(call.request())
    call.open_response(call.response())
    return call


def best(work: Callable[[], object], times: int = CALLS) -> float:
    """Return microseconds of processor time a run of ``work``."""
    laps: list[float] = []
    for _ in range(ROUNDS):
        start = process_time()
        for _ in repeat(None, times):
            work()
        laps.append((process_time() - start) / times)
    return 1e6 * min(laps)


def opening(make: Callable[[], bytes], work: Callable[[bytes], object], times: int = CALLS) -> float:
    """Return microseconds to open each of ``times`` messages, which are made before."""
    laps: list[float] = []
    for _ in range(ROUNDS):
        made = [make() for _ in range(times)]
        start = process_time()
        for payload in made:
            work(payload)
        laps.append((process_time() - start) / times)
    return 1e6 * min(laps)


def reading(call: Call) -> float:
    """Return what it costs to read the two messages field by field once they are open."""
    request = call.callee.opener.unseal_request(call.request(), call.callee.subject, call.reply)
    reply = call.caller.opener.unseal_reply(call.response(), call.reply, call.callee.recipient, MID)
    return sum(best(partial(layout.parts, each.message)) for each in (request, reply))


def cipher(call: Call) -> float:
    """Return what AES-256-GCM alone takes to seal and open the two: pyca's calls, with as many bytes."""
    aead, nonce, total = AESGCM(os.urandom(32)), bytes(12), 0.0
    for payload, subject in ((call.request(), call.callee.subject), (call.response(), call.reply)):
        aad = payload[: len(payload) - len(CONTENT) - 16] + bytes(len(subject) + 80)
        text = aead.encrypt(nonce, CONTENT, aad)
        total += best(partial(aead.encrypt, nonce, CONTENT, aad))
        total += best(partial(aead.decrypt, nonce, text, aad))
    return total


def rest(call: Call) -> list[tuple[str, float]]:
    """Return what is paid less often: the first message of a session, and a signed event."""
    call.callee.opener.pace.rate = 10**9
    key, channel = os.urandom(32), b"mesh.evt.orders.created"
    group = Group(Epochs([Epoch(0, schedule.group_kid(key), key)]))
    events = call.callee.events

    def event() -> bytes:
        return call.caller.sealer.seal_event(group, channel, MID, b"", CONTENT)

    def open_event(payload: bytes) -> object:
        return events.open_event(payload, channel, group, unix_ms())

    def first() -> bytes:
        call.caller.sealer.forgotten(call.callee.recipient)
        return call.request()

    def open_first(payload: bytes) -> None:
        call.open_request(payload)
        call.callee.opener.sessions.clear()

    return [
        ("a session's first message, sealed", best(first, COSTLY)),
        ("a session's first message, opened", opening(first, open_first, COSTLY)),
        ("a signed event, sealed", best(event, COSTLY)),
        ("a signed event, opened", opening(event, open_event, COSTLY)),
    ]


def main() -> None:
    """Measure and print."""
    call = met()
    rows = [
        ("request, sealed", best(call.request)),
        ("request, opened", opening(call.request, call.open_request)),
        ("reply, sealed", best(call.response)),
        ("reply, opened", opening(call.response, call.open_response)),
    ]
    whole = sum(each for _, each in rows)
    read, alone = reading(call), cipher(call)
    for name, each in [*rows, ("both read, field by field", read), ("the cipher alone", alone), *rest(call)]:
        print(f"{name:36} {each:6.2f} us")
    print(
        f"sealing and opening a call and its reply takes {whole / TARGET:.2f}x the target of {TARGET:.0f} us"
        f" ({whole:.1f} us, {whole / alone:.1f}x the cipher alone; {whole + read:.1f} us with both read; make bench)"
    )


if __name__ == "__main__":
    main()
