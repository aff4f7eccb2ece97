"""The answers to a broker: who is let in, with what, and until when; and who is not, whatever they show."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crossply_policy.access.rules import Access
from crossply_registry.authority.callout.admitting import Admitting
from crossply_registry.authority.callout.answering import Answering
from crossply_registry.authority.callout.jwt import Claims, verified
from crossply_registry.authority.callout.nkeys import Kind, NkeyFault, opened, public
from crossply_registry.authority.callout.question import QuestionFault
from crossply_registry.authority.certificates import CertificateFault, make_workload
from crossply_registry.authority.identity import Identity
from crossply_registry.authority.revocations import CLEAR, Verdict
from tests.unit.policy.access.writing import access, on, to
from tests.unit.policy.access.writing import said as spec
from tests.unit.registry.authority.callout_asking import INSTANCE, Asking, said, token
from tests.unit.registry.authority.standing import NOW

RULES = access(
    web_orders=spec("allow", ["web"], to("orders")),
    web_events=spec("allow", ["web"], on("orders.>", "subscribe")),
    foreign=spec("allow", ["foreign"], to("stock")),
)


def admitting(asking: Asking, rules: Access = RULES) -> Admitting:
    made = Admitting(
        root=asking.root,
        trust_domain="mesh.local",
        tenant="default",
        account="MESH",
        signer=asking.signer,
        now=lambda: NOW,
    )
    made.adopt(rules)
    return made


def answered(made: Admitting, raw: bytes, verdict: Verdict = CLEAR) -> dict[str, Any]:
    """Return what the answer to a question says."""
    question = made.asked(raw)
    answer = made.admit(question, made.connecting(question), verdict)
    verified(answer, Kind.ACCOUNT, Claims)
    return said(answer)


def user(asking: Asking, raw: bytes) -> dict[str, Any]:
    """Return what somebody is let in with."""
    found: dict[str, Any] = said(answered(admitting(asking), raw)["nats"]["jwt"])
    return found


def test_the_answer_is_for_that_broker_and_that_connection_and_the_users_token_for_the_meshs_account() -> None:
    asking = Asking()
    answer = answered(admitting(asking), asking.question())
    assert (answer["aud"], answer["sub"], answer["iss"]) == (asking.server, asking.user, asking.signer.name)
    assert answer["nats"].keys() == {"type", "version", "jwt"}
    inner = said(answer["nats"]["jwt"])
    assert (inner["aud"], inner["sub"], inner["iss"]) == ("MESH", asking.user, asking.signer.name)
    assert verified(answer["nats"]["jwt"].encode(), Kind.ACCOUNT, Claims).exp == int(NOW) + 600


def test_the_users_token_has_no_name_bounds_nothing_by_accident_and_denies_nothing() -> None:
    asking = Asking()
    found = user(asking, asking.question())
    assert "name" not in found
    assert found["nats"].keys() == {"type", "version", "subs", "data", "payload", "pub", "sub"}
    assert (found["nats"]["subs"], found["nats"]["data"], found["nats"]["payload"]) == (-1, -1, -1)
    assert found["nats"]["pub"].keys() == found["nats"]["sub"].keys() == {"allow"}


def test_what_a_connection_may_follows_from_its_certificate_its_rules_and_what_it_says_that_it_needs() -> None:
    asking = Asking()
    found = user(asking, asking.question(name="orders/otherinstanc orders.created stock.low"))["nats"]
    assert "mesh.rpc.orders.*.*" in found["pub"]["allow"]
    assert f"mesh.hb.web.{INSTANCE}" in found["pub"]["allow"]
    assert "$JS.API.CONSUMER.MSG.NEXT.MESH_EVT_orders.web_orders_created" in found["pub"]["allow"]
    assert not any("stock" in each or "otherinstanc" in each for each in found["pub"]["allow"])
    assert f"_INBOX.web.{INSTANCE}.>" in found["sub"]["allow"]


def test_without_an_instance_it_is_a_client_without_the_sdk_and_may_what_foreign_may() -> None:
    asking = Asking()
    found = user(asking, asking.question(asking.certificate("reports", ""), name="NATS CLI Version 0.1.6"))["nats"]
    assert "mesh.rpc.stock.any.*" in found["pub"]["allow"]
    assert found["sub"]["allow"] == ["_INBOX.reports.>"]


def test_who_may_nothing_at_all_is_not_let_in_with_an_empty_list_which_would_mean_everything() -> None:
    asking = Asking()
    raw = asking.question(asking.certificate("reports", ""))
    found = said(answered(admitting(asking, Access()), raw)["nats"]["jwt"])["nats"]
    assert found["pub"]["allow"]
    assert found["sub"]["allow"]


@pytest.mark.parametrize(("service", "may"), [("registry", "mesh.ctl.head"), ("authority", "mesh.ctl.keys")])
def test_the_meshs_own_processes_are_let_in_by_their_names(service: str, may: str) -> None:
    asking = Asking()
    assert may in user(asking, asking.question(asking.certificate(service, "")))["nats"]["pub"]["allow"]


def test_a_brokers_own_certificate_lets_nobody_in() -> None:
    asking = Asking()
    answer = answered(admitting(asking), asking.question(asking.certificate("broker", "")))
    assert answer["nats"]["error"] == "broker does not connect as a client"
    assert "jwt" not in answer["nats"]


@pytest.mark.parametrize(
    ("verdict", "let_in"),
    [
        (CLEAR, True),
        (Verdict(barred=True), False),
        (Verdict(before=NOW), False),
        (Verdict(before=NOW - 1), True),
    ],
)
def test_who_is_revoked_or_was_issued_before_a_revocation_is_not_let_in(verdict: Verdict, *, let_in: bool) -> None:
    asking = Asking()
    answer = answered(admitting(asking), asking.question(), verdict)["nats"]
    assert ("jwt" in answer) is let_in
    assert let_in or "is revoked" in answer["error"]


def test_a_change_of_policy_is_in_the_next_answer() -> None:
    asking = Asking()
    made = admitting(asking, Access())
    question = made.asked(asking.question())
    assert "mesh.rpc.orders.*.*" not in made.allowed(made.connecting(question)).publish
    made.adopt(RULES)
    assert "mesh.rpc.orders.*.*" in made.allowed(made.connecting(question)).publish


def test_certificates_that_prove_nobody_here_are_refused() -> None:
    asking, other = Asking(), Asking()
    made = admitting(asking)
    key = Ed25519PrivateKey.generate().public_key()
    by_root = make_workload(
        key,
        Identity("mesh.local", "default", "web"),
        issuer=asking.root,
        issuer_key=asking.root_key,
        serial=77,
        now=NOW,
        lifetime=600.0,
    )
    strangers: list[tuple[str, list[str]]] = [
        ("not made by an authority", other.chain(other.certificate())),
        ("not made by an authority", [asking.chain(by_root)[0], asking.chain(by_root)[2]]),
        ("not made by an authority", [asking.chain(by_root)[0]] * 2),
        ("not made by an authority", ["no", "PEM"]),
        ("not in force", asking.chain(asking.certificate(now=NOW - 1_000))),
        ("no certificate was shown", []),
    ]
    for why, chain in strangers:
        question = made.asked(token(asking.broker, asking.claims(chain)))
        with pytest.raises(CertificateFault, match=why):
            made.connecting(question)


async def test_about_another_tenants_certificate_its_own_authority_is_asked_and_this_one_is_silent() -> None:
    asking = Asking()
    answering = Answering(admitting(asking), lambda: 0.0)
    chain = asking.chain(asking.certificate(tenant="another"))
    assert await answering.answer(token(asking.broker, asking.claims(chain))) is None
    await answering.aclose()


@pytest.mark.parametrize("info", [{"kind": "Leafnode", "type": "nats"}, {"kind": "Client", "type": "websocket"}])
def test_only_clients_of_the_nats_protocol_are_let_in(info: dict[str, str]) -> None:
    asking = Asking()
    made = admitting(asking)
    with pytest.raises(CertificateFault, match="only clients"):
        made.connecting(made.asked(asking.question(client_info=info)))


def test_what_no_broker_of_this_mesh_asks_gets_no_answer() -> None:
    asking, other = Asking(), Asking()
    made = admitting(asking)
    chain = asking.chain(asking.certificate())
    claims = asking.claims(chain)
    asked = {
        "no token": b"x",
        "of three parts": b"x.y",
        "cannot be read": b"x.y.z",
        "signature is wrong": token(other.broker, claims),
        "in another way": token(asking.broker, claims, header=b'{"typ":"JWT","alg":"none"}'),
        "is of no type for|for nobody": asking.question(aud=""),
        "it is something for": asking.question(type="something"),
        "another broker": asking.question(server_id={"id": other.server}),
        "another mesh": asking.question(sub=other.signer.name),
        "not of kind user": asking.question(user_nkey=asking.server),
        "not of kind server": token(asking.client, {**claims, "iss": asking.user}),
    }
    for why, raw in asked.items():
        with pytest.raises(QuestionFault, match=why):
            made.asked(raw)


def test_nkeys_are_those_of_nats() -> None:
    # The pair that the documentation of nats-server shows.
    seed = base64.b32decode("SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY" + "=" * 6)[2:34]
    key = Ed25519PrivateKey.from_private_bytes(seed)
    assert public(key, Kind.USER) == "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"
    assert opened(public(key, Kind.USER), Kind.USER) == key.public_key()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("UDXU4RCS", "56 characters"),
        ("UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF5", "checksum"),
        ("udxu4rcsjnzoiqhznwxhxordprtgnjahahfrgzneejcpqtt2m7nlcnf4", "base32"),
    ],
)
def test_what_is_no_nkey_is_refused(text: str, why: str) -> None:
    with pytest.raises(NkeyFault, match=why):
        opened(text, Kind.USER)
