"""The part of a broker's configuration that has it ask: what is in it, and what never is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crossply.errors import ConfigError
from crossply_registry.authority import kek
from crossply_registry.authority.bootstrap.init import Bootstrap, Wanted
from crossply_registry.authority.callout.nkeys import Kind, public
from crossply_registry.authority.folder import Folder
from crossply_registry.broker_callout import Callout
from crossply_registry.broker_config import BrokerConfig, Certificates, render

FILES = Certificates(certificate="tls.pem", key="tls.key", root="ca.pem")
ISSUER, USER = (public(Ed25519PrivateKey.generate(), kind) for kind in (Kind.ACCOUNT, Kind.USER))


def test_a_broker_asks_whom_it_is_told_to_and_waits_ten_seconds_for_the_answer() -> None:
    callout = Callout(issuer=ISSUER, user=USER)
    text = render(BrokerConfig(store_dir="jetstream", certificates=FILES, callout=callout))
    assert f"issuer: {ISSUER}" in text
    assert f"auth_users: [ {USER} ]" in text
    assert "timeout: 10" in text
    assert "verify: true" in text
    assert re.search(r'"MESH" \{\s+jetstream \{\s+max_mem: \d+\s+max_file: \d+', text)


@pytest.mark.parametrize("word", ["no_auth_user", "allow_responses", "deny", "verify_and_map", "password"])
def test_nothing_in_it_lets_anybody_in_by_another_way(word: str) -> None:
    text = render(BrokerConfig(store_dir="jetstream", certificates=FILES, callout=Callout(issuer=ISSUER, user=USER)))
    assert word not in text


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"certificates": FILES, "callout": Callout(issuer=USER, user=ISSUER)}, "begins with A"),
        ({"certificates": FILES, "callout": Callout(issuer=ISSUER, user="U } include x")}, "begins with U"),
        ({"callout": Callout(issuer=ISSUER, user=USER)}, "needs certificates"),
    ],
)
def test_what_names_nobody_or_stands_without_certificates_is_refused(config: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        render(BrokerConfig(store_dir="jetstream", **config))  # type: ignore[arg-type]  # as the test says


def test_init_writes_the_names_of_the_keys_that_it_gives_to_the_authority(tmp_path: Path) -> None:
    Bootstrap(Wanted(out=tmp_path), {}).run()
    folder = Folder(tmp_path / "authority")
    keys = folder.read_callout(kek.read({}, folder.kek))
    assert keys is not None
    text = (tmp_path / "broker" / "nats.conf").read_text()
    assert keys.issuer_name in text
    assert keys.user.name in text
    assert keys.issuer.private_bytes_raw() not in folder.callout.read_bytes()
