"""The registry's configuration: every fault at once, and nothing guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crossply.control.record import development_key
from crossply.errors import ConfigError
from crossply_registry.__main__ import main
from crossply_registry.config import RegistryConfig


def test_an_empty_environment_is_a_development_registry() -> None:
    config = RegistryConfig.from_mapping({})
    assert config == RegistryConfig()
    assert config.servers == ("nats://127.0.0.1:4222",)
    assert (config.host, config.port) == ("127.0.0.1", 8700)
    assert config.signing_key().public_key() == development_key().public_key()


def test_every_variable_is_read(tmp_path: Path) -> None:
    seed = tmp_path / "seed"
    seed.write_text("ab" * 32 + "\n")
    config = RegistryConfig.from_mapping(
        {
            "CROSSPLY_NATS_URL": "nats://mesh:secret@a:4222, tls://b:4223",
            "CROSSPLY_REGISTRY_LISTEN": "[::1]:9000",
            "CROSSPLY_TENANT": "acme",
            "CROSSPLY_TRUST_DOMAIN": "mesh.example.com",
            "CROSSPLY_SIGNING_KEY": str(seed),
            "CROSSPLY_REPLICAS": "3",
            "CROSSPLY_LOG_LEVEL": "DEBUG",
            "CROSSPLY_LOG_FORMAT": "console",
            "CROSSPLY_CONNECT_TIMEOUT": "2.5",
        }
    )
    assert config == RegistryConfig(
        servers=("nats://mesh:secret@a:4222", "tls://b:4223"),
        host="::1",
        port=9000,
        tenant="acme",
        trust_domain="mesh.example.com",
        signing_seed=bytes.fromhex("ab" * 32),
        replicas=3,
        log_level="debug",
        log_format="console",
        connect_timeout=2.5,
    )


def test_all_faults_are_reported_together_and_no_secret_with_them(tmp_path: Path) -> None:
    wrong = {
        "CROSSPLY_NATS_URL": "http://user:secret@a",
        "CROSSPLY_REGISTRY_LISTEN": "8700",
        "CROSSPLY_TENANT": "Acme Corp",
        "CROSSPLY_TRUST_DOMAIN": "-",
        "CROSSPLY_SIGNING_KEY": str(tmp_path / "missing"),
        "CROSSPLY_REPLICAS": "2",
        "CROSSPLY_LOG_LEVEL": "loud",
        "CROSSPLY_LOG_FORMAT": "xml",
        "CROSSPLY_CONNECT_TIMEOUT": "nan",
    }
    with pytest.raises(ConfigError) as raised:
        RegistryConfig.from_mapping(wrong)
    first = ["CROSSPLY_REGISTRY_LISTEN", "CROSSPLY_SIGNING_KEY"]
    told = [fault.partition(":")[0] for fault in raised.value.faults]
    assert told == [*first, *(name for name in wrong if name not in first)]
    assert "secret" not in str(raised.value)


def test_a_seed_is_not_shown() -> None:
    assert "signing_seed" not in repr(RegistryConfig(signing_seed=bytes(32)))


@pytest.mark.parametrize("listen", ["127.0.0.1:", ":8700", "host:65536", "host:-1", "host:٣"])
def test_a_strange_address_is_refused(listen: str) -> None:
    with pytest.raises(ConfigError, match="host:port"):
        RegistryConfig.from_mapping({"CROSSPLY_REGISTRY_LISTEN": listen})


def test_a_wrong_configuration_ends_the_process_with_64(capsys: pytest.CaptureFixture[str]) -> None:
    assert main({"CROSSPLY_REPLICAS": "2", "CROSSPLY_LOG_LEVEL": "loud"}) == 64
    assert capsys.readouterr().err.count("crossply registry: CROSSPLY_") == 2


def test_a_signing_keys_file_names_below_the_seed_whose_signatures_count_as_well(tmp_path: Path) -> None:
    former = Ed25519PrivateKey.generate()
    path = tmp_path / "signing.key"
    path.write_text(f"{'ab' * 32}\n{former.public_key().public_bytes_raw().hex()}\n")
    config = RegistryConfig.from_mapping({"CROSSPLY_SIGNING_KEY": str(path)})
    assert config.signing_seed == bytes.fromhex("ab" * 32)
    for key in (config.signing_key(), former):
        config.known_keys().verify(key.sign(b"it"), b"it")
    with pytest.raises(InvalidSignature):
        config.known_keys().verify(Ed25519PrivateKey.generate().sign(b"it"), b"it")
