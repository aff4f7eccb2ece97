"""A process that joins, goes on without an authority, and renews: over a fake authority, on a clock that jumps."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from crossply.clock import chance
from crossply.config import MeshConfig
from crossply.errors import ConfigError, PermissionDenied, Unavailable
from crossply.identity import authority as client
from crossply.identity.authority import Refused, opened
from crossply.identity.issued import Issued
from crossply.identity.member import Member
from crossply_registry.authority import certificates
from crossply_registry.authority.answer import answer
from crossply_registry.authority.identity import parse
from crossply_registry.authority.issuer import Issuer, WorkloadKeys
from crossply_registry.authority.signing_request import read_request
from tests.unit.registry.authority.standing import NOW, Time

ORDERS = "spiffe://mesh.local/t/default/svc/orders"
Pause = Callable[[float], Awaitable[None]]


class FakeAuthority:
    """Issues whatever is asked for; `down` does not answer, `refusing` says no."""

    def __init__(self, folder: Path, time: Time) -> None:
        root_key, key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        self.root = certificates.make_root(root_key, "mesh.local", NOW)
        made = certificates.make_issuer(key.public_key(), self.root, root_key, NOW)
        self.issuer = Issuer(self.root, made, key)
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(certificates.pem(self.root))
        self.time = time
        self.down = False
        self.refusing = ""
        self.lifetime = 1_000.0
        self.named = ""
        self.instance = ""
        self.tokens: list[str] = []
        self.pods: list[str] = []
        self.renewals: list[dict[str, Any]] = []

    async def join(self, body: dict[str, Any], timeout: float) -> Issued:
        if self.down:
            raise Unavailable("authority does not answer")
        if self.refusing:
            raise Refused(self.refusing)
        self.tokens.append(body.get("token", ""))
        self.pods.append(body.get("kubernetes", ""))
        return self.issue(body)

    async def renew(self, raw: bytes) -> bytes:
        if self.down:
            raise Unavailable("authority.renew: nobody listens")
        body = json.loads(raw)
        self.renewals.append(body)
        for name in ("sign_key", "kem_key"):
            body[name] = b64decode(body[name])
        return msgspec.json.encode(self.issue(body))

    def issue(self, body: dict[str, Any]) -> Issued:
        identity = parse(self.named or body["identity"])
        tls, _ = read_request(body["request"], identity)
        keys = WorkloadKeys(tls, body["sign_key"], body["kem_key"])
        made = self.issuer.issue(
            identity, self.instance or body["instance"], keys, now=self.time(), lifetime=self.lifetime
        )
        return opened(msgspec.json.encode(answer(made, self.issuer, (), self.time())))


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def fake(tmp_path: Path, time: Time, monkeypatch: pytest.MonkeyPatch) -> FakeAuthority:
    made = FakeAuthority(tmp_path, time)

    async def join(_self: object, body: dict[str, Any], timeout: float) -> Issued:
        return await made.join(body, timeout)

    monkeypatch.setattr(client.Authority, "join", join)
    return made


def member(fake: FakeAuthority, pause: Pause | None = None, **settings: Any) -> Member:
    said: dict[str, Any] = {"connect_timeout": 0.1, **settings}
    said.setdefault("token", "token")
    config = MeshConfig(authority="https://127.0.0.1:1", authority_ca=fake.ca, **said)

    async def none(_length: float) -> None:
        await asyncio.sleep(0)

    return Member(config, "orders", chance(7), wall=fake.time, pause=pause or none)


async def test_a_process_joins_with_its_token_and_keys_of_its_own(fake: FakeAuthority) -> None:
    one, other = member(fake), member(fake)
    await one.begin()
    await other.begin()
    assert fake.tokens == ["token", "token"]
    assert one.issued.identity == "spiffe://mesh.local/t/default/svc/orders"
    assert one.issued.instance == one.instance != other.instance
    assert one.keys.seeds != other.keys.seeds


async def test_a_pod_joins_with_its_service_account(fake: FakeAuthority) -> None:
    pod = member(fake, token="head.claims.signature")
    await pod.begin()
    assert (fake.tokens, fake.pods) == ([""], ["head.claims.signature"])


async def test_a_restart_takes_fresh_keys_and_stays_the_instance_it_was(fake: FakeAuthority, tmp_path: Path) -> None:
    before = member(fake, state=tmp_path / "state")
    await before.begin()
    before.close()
    after = member(fake, state=tmp_path / "state")
    await after.begin()
    assert after.instance == before.instance
    assert after.keys.seeds != before.keys.seeds
    after.close()


async def test_a_restart_without_any_authority_goes_on_as_who_it_was(fake: FakeAuthority, tmp_path: Path) -> None:
    before = member(fake, state=tmp_path / "state")
    await before.begin()
    before.close()
    fake.down = True
    after = member(fake, state=tmp_path / "state")
    with capture_logs() as logs:
        await after.begin()
    assert (after.issued, after.keys.seeds) == (before.issued, before.keys.seeds)
    assert "identity_kept" in [entry["event"] for entry in logs]
    after.close()


async def test_a_second_process_with_the_same_folder_is_somebody_else(fake: FakeAuthority, tmp_path: Path) -> None:
    one, other = member(fake, state=tmp_path / "state"), member(fake, state=tmp_path / "state")
    await one.begin()
    await other.begin()
    assert one.instance != other.instance
    one.close()


@pytest.mark.parametrize("left", [59.0, -1.0])
async def test_what_was_kept_and_ends_soon_or_has_ended_is_nobody(
    fake: FakeAuthority, tmp_path: Path, time: Time, left: float
) -> None:
    before = member(fake, state=tmp_path / "state")
    await before.begin()
    before.close()
    fake.down = True
    time.seconds = before.issued.not_after - left
    after = member(fake, state=tmp_path / "state")
    with pytest.raises(Unavailable, match="does not answer"):
        await after.begin()
    after.close()


async def test_whoever_is_refused_does_not_go_on_with_what_it_kept(fake: FakeAuthority, tmp_path: Path) -> None:
    before = member(fake, state=tmp_path / "state")
    await before.begin()
    before.close()
    fake.refusing = "spiffe://mesh.local/t/default/svc/orders is revoked"
    after = member(fake, state=tmp_path / "state")
    with pytest.raises(ConfigError, match="is revoked"):
        await after.begin()
    after.close()


async def test_an_answer_that_names_somebody_else_or_leads_to_another_root_is_not_believed(
    fake: FakeAuthority, tmp_path: Path, time: Time
) -> None:
    fake.named = "spiffe://mesh.local/t/default/svc/web"
    with pytest.raises(ConfigError, match="not to be trusted"):
        await member(fake).begin()
    fake.named, fake.instance = "", "otherinstanc"
    with pytest.raises(ConfigError, match="for instance 'otherinstanc'"):
        await member(fake).begin()
    fake.instance = ""
    (tmp_path / "other").mkdir()
    fake.ca = FakeAuthority(tmp_path / "other", time).ca
    with pytest.raises(ConfigError, match="does not lead to the root"):
        await member(fake).begin()


@pytest.mark.parametrize("settings", [{"authority_ca": None}, {"authority_ca": Path("/nowhere")}])
def test_an_authority_without_its_root_is_an_error_of_configuration(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="CROSSPLY_AUTHORITY_CA"):
        Member(MeshConfig(authority="https://127.0.0.1:1", **settings), "orders", chance(7))


async def test_the_token_is_read_from_its_file_each_time(fake: FakeAuthority, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("one\n")
    made = member(fake, token_file=path)
    await made.begin()
    path.write_text("two\n")
    await made.begin()
    assert fake.tokens == ["one", "two"]


class Clock:
    """Pauses that pass at once; after ``most`` of them it stops the test's task."""

    def __init__(self, time: Time, most: int) -> None:
        self.time = time
        self.most = most
        self.lengths: list[float] = []

    async def __call__(self, length: float) -> None:
        if len(self.lengths) == self.most:
            raise asyncio.CancelledError
        self.lengths.append(length)
        self.time.seconds += length


async def renewing(made: Member, ask: Callable[[bytes], Awaitable[bytes]]) -> None:
    with pytest.raises(asyncio.CancelledError):
        await made.renew_for_ever(ask)


async def test_it_renews_at_half_of_its_life_with_jitter_and_tells_its_connections(
    fake: FakeAuthority, time: Time
) -> None:
    clock = Clock(time, 20)
    made = member(fake, clock)
    await made.begin()
    told: list[str] = []
    made.renewals.on_renewal(lambda: told.append(made.issued.certificate))
    await renewing(made, fake.renew)

    assert len(fake.renewals) == len(told) == 20
    assert len(set(told)) == 20
    assert all(395 <= length <= 605 for length in clock.lengths)
    assert len({round(length) for length in clock.lengths}) > 10
    assert fake.tokens == ["token"]
    assert len({renewal["credential"] for renewal in fake.renewals}) == 20


async def test_while_no_authority_answers_it_tries_on_with_longer_pauses_and_then_renews(
    fake: FakeAuthority, time: Time
) -> None:
    clock = Clock(time, 5)
    made = member(fake, clock)
    await made.begin()
    fake.down = True
    await renewing(made, fake.renew)
    assert made.issued.not_after > time()
    waits = clock.lengths[1:]
    assert 0.5 <= waits[0] <= 1.5
    assert waits[-1] > 2 * waits[0]

    fake.down = False
    clock.lengths.clear()
    await made.renew(fake.renew)
    assert len(fake.renewals) == 1


async def test_what_is_not_renewed_joins_with_its_token_instead(fake: FakeAuthority) -> None:
    async def denied(_raw: bytes) -> bytes:
        raise PermissionDenied("what it was issued is revoked; it may join anew")

    made = member(fake)
    await made.begin()
    first = made.issued
    assert await made.renew(denied)
    assert made.issued != first
    assert fake.tokens == ["token", "token"]


async def test_an_answer_to_a_renewal_is_checked_as_one_to_a_join(fake: FakeAuthority) -> None:
    made = member(fake)
    await made.begin()
    first = made.issued
    fake.refusing = "no more joins"

    async def other(raw: bytes) -> bytes:
        fake.named = "spiffe://mesh.local/t/default/svc/web"
        return await fake.renew(raw)

    with capture_logs() as logs:
        assert not await made.renew(other)
    assert made.issued == first
    assert {entry["event"] for entry in logs} == {"not_renewed", "not_joined_again"}
