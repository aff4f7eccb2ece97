"""The pinned vector of the envelope: credential and authenticated header, byte for byte."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from crossply.handler import Kind
from crossply.wire import credential, envelope
from crossply.wire.envelope import Envelope

VECTOR: dict[str, Any] = json.loads(Path(__file__).with_name("envelope_v1.json").read_text(encoding="utf-8"))
INPUTS: dict[str, Any] = VECTOR["inputs"]
CREDENTIAL = bytes.fromhex(VECTOR["credential"])
HEADER = bytes.fromhex(VECTOR["header"])


def secret(label: str) -> bytes:
    return hashlib.sha256(b"crossply test " + label.encode()).digest()


def test_the_credential_of_the_vector_opens_and_packs_to_the_same_bytes() -> None:
    opened = credential.unpack(CREDENTIAL)
    assert opened.identity == INPUTS["source"]
    assert opened.service == "orders"
    assert opened.instance == INPUTS["instance"]
    assert (opened.not_before, opened.not_after) == (INPUTS["not_before"], INPUTS["not_after"])
    assert opened.serial == secret("serial")[:16]
    assert credential.pack(opened) == CREDENTIAL
    assert credential.cid(CREDENTIAL).hex() == VECTOR["cid"]


def test_the_header_of_the_vector_packs_to_the_same_bytes() -> None:
    made = Envelope(
        kind=Kind.REQUEST,
        suite=0x01,
        mid=secret("mid")[:16],
        cid=bytes.fromhex(VECTOR["cid"]),
        kid=bytes.fromhex(VECTOR["kid_b"]),
        enc=bytes.fromhex(VECTOR["enc"]),
        seq=INPUTS["seq"],
        iat=INPUTS["iat_ms"],
        ttl=INPUTS["ttl_ms"],
        tlvs={
            envelope.CONTENT_TYPE: INPUTS["content_type"].encode(),
            envelope.TRACEPARENT: INPUTS["traceparent"].encode(),
            envelope.OPERATION: INPUTS["operation"].encode(),
            envelope.REPLY_SUBJECT: INPUTS["reply_subject"].encode(),
        },
    )
    assert envelope.pack_header(made) == HEADER


def test_the_wire_form_begins_with_the_header() -> None:
    wire = bytes.fromhex(VECTOR["wire"])
    assert wire.startswith(HEADER)
    assert len(wire) == VECTOR["wire_len"]
    assert envelope.is_envelope(wire)
