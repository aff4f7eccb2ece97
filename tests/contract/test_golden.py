"""Bytes on the wire and in the store do not change by accident; on purpose: python -m tests.contract.golden."""

from __future__ import annotations

import json

import pytest

from crossply.control import record
from crossply.wire import envelope, presence, subjects
from tests.contract.golden import FILE, made

GOLDEN: dict[str, str] = json.loads(FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", list(made()))
def test_a_message_has_the_bytes_it_always_had(name: str) -> None:
    assert made()[name] == GOLDEN[name]


def test_no_golden_message_is_forgotten() -> None:
    assert set(GOLDEN) == set(made())


@pytest.mark.parametrize(
    "name",
    [
        "request",
        "request of a known sender",
        "response",
        "reply to a known sender",
        "error",
        "credential needed",
        "event",
        "ping",
        "pong",
    ],
)
def test_a_golden_envelope_opens_and_packs_to_the_same_bytes(name: str) -> None:
    raw = bytes.fromhex(GOLDEN[name])
    assert envelope.pack(envelope.unpack(raw)) == raw


@pytest.mark.parametrize("name", ["hello", "smallest hello", "heartbeat", "bye"])
def test_golden_presence_decodes(name: str) -> None:
    raw = bytes.fromhex(GOLDEN[name])
    assert presence.encode(presence.decode(raw)) == raw


def test_the_golden_head_verifies_under_the_development_key() -> None:
    opened = record.open_announcement(bytes.fromhex(GOLDEN["announcement"]))
    record.verify_head(opened.head, record.public_key(None))
    assert record.open_record(opened.record, opened.head.hash).revision == 2
    assert record.open_checkpoint(bytes.fromhex(GOLDEN["checkpoint"]), record.public_key(None)).revision == 100


def test_subjects_are_those_of_the_protocol() -> None:
    assert subjects.any_instance("orders", "create") == "mesh.rpc.orders.any.create"
    assert subjects.one_instance("orders", "k7q2mzp4x3ab", "create") == "mesh.rpc.orders.i-k7q2mzp4x3ab.create"
    assert subjects.own_instance("orders", "k7q2mzp4x3ab") == "mesh.rpc.orders.i-k7q2mzp4x3ab.*"
    assert subjects.inbox("web", "k7q2mzp4x3ab") == "_INBOX.web.k7q2mzp4x3ab."
    assert subjects.who("orders") == "mesh.hb.orders.who"
    assert subjects.channel("orders.created") == "mesh.evt.orders.created"
    assert subjects.stream("orders") == "MESH_EVT_orders"
    assert subjects.durable("mailer", "orders.*.paid") == "mailer_orders_ANY_paid"
    assert subjects.durable("mailer", "orders.>") == "mailer_orders_TAIL"
    assert subjects.bucket("default") == "MESH_default"
    assert subjects.replies("default", "orders") == "MESH_default_replies_orders"
    assert subjects.shares("orders", "k7q2mzp4x3ab") == "mesh.ctl.shares.orders.k7q2mzp4x3ab"
    assert subjects.micro("INFO", "orders", "k7q2mzp4x3ab") == "$SRV.INFO.orders.k7q2mzp4x3ab"
