"""Whose name a broker's certificate must bear, and what is said when TLS fails."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from crossply.tls import TlsFiles
from crossply.wire.dial_tls import explained, name_to_check
from crossply.wire.servers import Servers


@pytest.mark.parametrize(
    ("address", "told", "name"),
    [
        ("nats://a.example:4222", ["nats://a.example:4222"], None),
        ("nats://10.0.0.7:4222", ["nats://10.0.0.7:4222", "nats://a.example:4222"], None),
        ("nats://10.0.0.8:4222", ["nats://u:p@a.example:4222"], "a.example"),
        ("tls://[fd00::8]:4222", ["a.example:4222"], "a.example"),
        ("nats://b.example:4222", ["nats://a.example:4222"], None),
    ],
)
def test_a_broker_learned_by_its_address_must_prove_the_name_of_one_that_was_told(
    address: str, told: list[str], name: str | None
) -> None:
    assert name_to_check(address, told) == name


@pytest.mark.parametrize("told", [["tls://a:4222", "nats://b:4222"], ["nats://b:4222", "tls://a:4222"]])
def test_whoever_was_told_of_a_broker_over_tls_learns_of_others_over_tls(told: list[str]) -> None:
    servers = Servers(told)
    servers.learn(["10.0.0.7:4222"])
    assert servers.addresses[-1] == "tls://10.0.0.7:4222"


def test_an_alert_is_said_in_words_that_name_the_variable() -> None:
    error = ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required (_ssl.c:2580)")
    error.reason = "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    assert "CROSSPLY_TLS_CERT" in explained(error, TlsFiles())


def test_another_failure_of_tls_is_said_as_it_is() -> None:
    error = ssl.SSLError(1, "wrong version number")
    error.reason = "WRONG_VERSION_NUMBER"
    assert explained(error, TlsFiles()) == "TLS failed: wrong version number"


def test_a_refused_certificate_is_said_with_whom_is_trusted() -> None:
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_message = "certificate has expired"
    assert "/etc/ca.pem, of CROSSPLY_TLS_CA" in explained(error, TlsFiles(ca=Path("/etc/ca.pem")))
    assert "CROSSPLY_TLS_CA is not set" in explained(error, None)


def test_a_connection_that_ends_is_no_matter_of_certificates_without_tls() -> None:
    assert explained(ConnectionResetError("reset"), None) == "reset"
    assert "certificate" in explained(ConnectionResetError("reset"), TlsFiles())
    assert "certificate" not in explained(ConnectionRefusedError("refused"), TlsFiles())
