"""A join: who proves what gets what, and whatever an attacker sends gets nothing but an entry in the log."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crossply.wire import credential
from crossply.wire.link import StoreUnavailable
from crossply_registry.authority.authority import Authority
from crossply_registry.authority.certificates import identity_of
from crossply_registry.authority.kubernetes import Reviewed
from crossply_registry.authority.refusal import unknown
from tests.unit.registry.authority.joiner import INSTANCE, ORDERS, Joiner, request, uri
from tests.unit.registry.authority.standing import NOW, Standing, client, journal

WEB = ORDERS.replace("orders", "web")
SMALL = b64encode(bytes([1, *bytes(31)])).decode()


async def join(api: httpx.AsyncClient, raw: bytes) -> httpx.Response:
    return await api.post("/v1/join", content=raw)


async def refused(standing: Standing, authority: Authority, raw: bytes, status: int, why: str) -> None:
    """Check that a join gets nothing: a clear error, an entry in the log, no certificate."""
    async with client(authority) as api:
        answer = await join(api, raw)
    problem = answer.json()
    assert (answer.status_code, why in problem["detail"]) == (status, True), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert standing.token("orders") not in answer.text
    entries = await journal(authority)
    assert [entry.what for entry in entries] == ["refused"]
    assert why in entries[0].reason
    assert standing.token("orders")[-64:] not in repr(entries)


async def test_a_process_with_its_token_gets_certificate_and_credential(
    standing: Standing, authority: Authority, api: httpx.AsyncClient
) -> None:
    joiner = Joiner()
    answer = await join(api, joiner.raw(standing.token("orders")))
    assert answer.status_code == 200
    body = answer.json()

    held, issuing = x509.load_pem_x509_certificates(body["certificate"].encode())
    [root] = x509.load_pem_x509_certificates(body["trust"].encode())
    held.verify_directly_issued_by(issuing)
    issuing.verify_directly_issued_by(root)
    assert str(identity_of(held)) == body["identity"] == ORDERS
    assert held.public_key() == joiner.tls.public_key()
    opened = credential.unpack(b64decode(body["credential"]))
    assert (opened.identity, opened.instance, opened.not_after) == (ORDERS, INSTANCE, body["not_after"])
    assert body["not_after"] == NOW + 86_400

    [registry] = x509.load_pem_x509_certificates(body["registry"].encode())
    registry.verify_directly_issued_by(issuing)
    assert identity_of(registry).service == "registry"

    [entry] = await journal(authority)
    assert (entry.what, entry.identity, entry.instance) == ("issued", ORDERS, INSTANCE)
    assert entry.serial == opened.serial
    assert entry.cid == credential.cid(b64decode(body["credential"]))
    assert entry.by.startswith("token ")


async def test_a_request_may_name_its_own_identity_and_a_p256_key(standing: Standing, api: httpx.AsyncClient) -> None:
    joiner = Joiner(tls=ec.generate_private_key(ec.SECP256R1()))
    csr = request(joiner.tls, uri(ORDERS), subject="admin")
    answer = await join(api, joiner.raw(standing.token("orders"), csr=csr))
    held = x509.load_pem_x509_certificate(answer.json()["certificate"].encode())
    assert [each.value for each in held.subject] == ["default", "orders", joiner.instance]
    assert str(identity_of(held)) == ORDERS


ATTACKS: dict[str, tuple[Callable[[str], bytes], int, str]] = {
    "two SANs": (
        lambda token: Joiner().raw(token, csr=request(Ed25519PrivateKey.generate(), uri(ORDERS), uri(WEB))),
        400,
        "request: names",
    ),
    "the SAN of another": (
        lambda token: Joiner().raw(token, csr=request(Ed25519PrivateKey.generate(), uri(WEB))),
        400,
        "request: names",
    ),
    "a DNS name": (
        lambda token: Joiner().raw(
            token, csr=request(Ed25519PrivateKey.generate(), uri(ORDERS), x509.DNSName("localhost"))
        ),
        400,
        "request: names",
    ),
    "a look-alike SAN": (
        lambda token: Joiner().raw(token, csr=request(Ed25519PrivateKey.generate(), uri(ORDERS + "."))),
        400,
        "request: names",
    ),
    "an authority's certificate": (
        lambda token: Joiner().raw(token, csr=request(Ed25519PrivateKey.generate(), ca=True)),
        400,
        "CA=true",
    ),
    "an RSA key": (
        lambda token: Joiner().raw(token, csr=request(rsa.generate_private_key(65537, 2048))),
        400,
        "must be Ed25519 or P-256",
    ),
    "a curve that is not P-256": (
        lambda token: Joiner().raw(token, csr=request(ec.generate_private_key(ec.SECP384R1()))),
        400,
        "must be Ed25519 or P-256",
    ),
    "no certificate request": (lambda token: Joiner().raw(token, request="-----BEGIN X-----"), 400, "request: is no"),
    "a certificate request that is too long": (
        lambda token: Joiner().raw(token, request="x" * 20_000),
        400,
        "at most 16384 are read",
    ),
    "a signing key of small order": (lambda token: Joiner().raw(token, sign_key=SMALL), 400, "sign_key: is of small"),
    "an exchange key of small order": (
        lambda token: Joiner().raw(token, kem_key=b64encode(bytes(32)).decode()),
        400,
        "kem_key: is of small order",
    ),
    "a key that it does not have": (
        lambda token: Joiner().raw(token, sign_key=Joiner().body()["sign_key"]),
        400,
        "possession: is not",
    ),
    "keys that were not joined together": (
        lambda token: Joiner().raw(token, kem_key=Joiner().body()["kem_key"]),
        400,
        "possession: is not",
    ),
    "a certificate request that was not joined with them": (
        lambda token: Joiner().raw(token, request=Joiner().body()["request"]),
        400,
        "possession: is not",
    ),
    "a name with a final dot": (lambda token: Joiner(identity=f"{ORDERS}.").raw(token), 400, "is no identity"),
    "a name in capitals": (lambda token: Joiner(identity=ORDERS.replace("o", "O")).raw(token), 400, "is no"),
    "a homoglyph": (lambda token: Joiner(identity=ORDERS[:-6] + "\u043erders").raw(token), 400, "\\u043e"),
    "another trust domain": (
        lambda token: Joiner(identity=ORDERS.replace("mesh.local", "other.local")).raw(token),
        403,
        "trust domain other.local is not this authority's",
    ),
    "another tenant": (
        lambda token: Joiner(identity=ORDERS.replace("/default/", "/other/")).raw(token),
        403,
        "tenant other is not this authority's",
    ),
    "the authority itself": (
        lambda token: Joiner(identity=ORDERS.replace("orders", "authority")).raw(token),
        403,
        "process of the mesh itself",
    ),
    "a token of another service": (lambda token: Joiner(identity=WEB).raw(token), 403, "is for orders, not for web"),
    "a token that nobody made": (lambda _: Joiner().raw(f"crossply_aaaaaaaaaaaa_{'0' * 64}"), 401, "is not one that"),
    "no proof": (lambda _: Joiner().raw(), 400, "one proof is needed"),
    "two proofs": (lambda token: Joiner().raw(token, kubernetes="x"), 400, "one proof is needed"),
    "a cluster's token where none is taken": (lambda _: Joiner().raw(kubernetes="x"), 401, "takes no service-account"),
    "an instance that is none": (lambda token: Joiner(instance="../../x").raw(token), 400, "instance:"),
    "a field that is none": (lambda token: Joiner().raw(token, admin=True), 400, "is not a join"),
    "no JSON": (lambda _: b"\x00\xff", 400, "is not a join"),
    "JSON without an end": (lambda _: b"[" * 60_000, 400, "is not a join"),
    "a megabyte": (lambda token: Joiner().raw(token, request="x" * 1_000_000), 413, "longer than 65536 bytes"),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_gets_a_clear_error_and_an_entry_in_the_log(
    standing: Standing, authority: Authority, attack: str
) -> None:
    made, status, why = ATTACKS[attack]
    await refused(standing, authority, made(standing.token("orders")), status, why)


async def test_a_revoked_identity_gets_nothing_until_it_is_restored(
    standing: Standing, authority: Authority, api: httpx.AsyncClient
) -> None:
    raw = Joiner().raw(standing.token("orders"))
    other = await standing.replica()
    await other.parts.revocations.bar(ORDERS, "stolen")

    answer = await join(api, raw)
    assert (answer.status_code, "is revoked" in answer.json()["detail"]) == (403, True)
    await other.parts.revocations.restore(ORDERS)
    assert (await join(api, raw)).status_code == 200
    assert [entry.what for entry in await journal(authority)] == ["refused", "issued"]


@pytest.mark.parametrize("written", [True, False])
async def test_nothing_is_handed_out_that_the_log_does_not_have(
    standing: Standing, authority: Authority, api: httpx.AsyncClient, *, written: bool
) -> None:
    async def gone() -> None:
        raise StoreUnavailable("no leader")

    hook = standing.link.store.once_done if written else standing.link.store.once
    hook("create", "authority.journal.", gone)
    answer = await join(api, Joiner().raw(standing.token("orders")))
    assert answer.status_code == 503
    assert "certificate" not in answer.json()
    # The other way round is no harm: the log may have what nobody got.
    assert [entry.what for entry in await journal(authority)] == ["issued"] * written


async def test_whoever_is_refused_again_and_again_does_not_fill_the_store(
    standing: Standing, authority: Authority, api: httpx.AsyncClient
) -> None:
    for _ in range(100):
        assert (await join(api, b"{}")).status_code == 400
    assert len(await journal(authority)) == 60
    standing.time.seconds += 61
    await join(api, b"{}")
    assert "(40 refusals before it were not noted)" in (await journal(authority))[-1].reason


class Cluster:
    """Says that every token but `bad` is of orders' pod."""

    async def review(self, token: str) -> Reviewed:
        if token == "bad":
            raise unknown("kubernetes: the API server refuses the token")
        return Reviewed("shop/orders", "orders-7c9", "a1-b2", "orders")


async def test_a_pod_joins_with_its_service_account(standing: Standing) -> None:
    authority = await standing.replica(reviewer=Cluster())
    async with client(authority) as api:
        assert (await join(api, Joiner().raw(kubernetes="good"))).status_code == 200
        assert (await join(api, Joiner().raw(kubernetes="bad"))).status_code == 401
        wrong = await join(api, Joiner(identity=WEB).raw(kubernetes="good"))
    assert (wrong.status_code, "is mapped to orders, not web" in wrong.json()["detail"]) == (403, True)
    entries = await journal(authority)
    assert [entry.what for entry in entries] == ["issued", "refused", "refused"]
    assert entries[0].by == "kubernetes shop/orders pod orders-7c9 a1-b2"


async def test_replicas_share_issuer_tokens_and_log(standing: Standing, authority: Authority) -> None:
    other = await standing.replica()
    answers: list[Any] = []
    for each in (authority, other):
        async with client(each) as api:
            answers.append((await join(api, Joiner().raw(standing.token("orders")))).json())
    one, two = (x509.load_pem_x509_certificates(answer["certificate"].encode()) for answer in answers)
    assert one[1] == two[1]
    assert [entry.number for entry in await journal(other)] == [1, 2]
