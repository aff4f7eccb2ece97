"""A command without a broker says whether nobody answers, or the answer is no."""

from __future__ import annotations

from pathlib import Path

from crossply.config import MeshConfig
from crossply.errors import Unavailable
from crossply_cli.broker_failure import broker_failure
from crossply_cli.exit_codes import ExitCode

REFUSED = Unavailable("nats://127.0.0.1:4222: nats: 'Authorization Violation'; is it running there?")


def test_a_wrong_password_is_no_absent_broker() -> None:
    failure = broker_failure(MeshConfig(), REFUSED)
    assert failure.code is ExitCode.DENIED
    assert failure.what == "the broker refuses the credentials"
    assert "CROSSPLY_NATS_URL" in failure.hint
    assert "mesh.json" in failure.hint


def test_credentials_of_another_mesh_are_said_to_come_from_its_file() -> None:
    failure = broker_failure(MeshConfig(local=Path("/home/ada/.crossply/mesh.json")), REFUSED)
    assert "/home/ada/.crossply/mesh.json" in failure.hint


def test_a_broker_that_does_not_answer_is_unreachable() -> None:
    failure = broker_failure(MeshConfig(), Unavailable("connection refused"))
    assert failure.code is ExitCode.UNREACHABLE
    assert "crossply up" in failure.hint


def test_an_authority_that_does_not_answer_is_no_broker_that_does_not() -> None:
    config = MeshConfig(authority="https://127.0.0.1:8701", local=Path("/home/ada/.crossply/mesh.json"))
    silent = Unavailable("authority https://127.0.0.1:8701 does not answer: refused; is CROSSPLY_AUTHORITY right?")
    failure = broker_failure(config, silent)
    assert (failure.what, failure.code) == ("the authority cannot be reached", ExitCode.UNREACHABLE)
    assert "does not run any more; start one with `crossply up`" in failure.hint


def test_a_certificate_that_is_refused_is_no_wrong_password() -> None:
    failure = broker_failure(MeshConfig(authority="https://127.0.0.1:8701"), REFUSED)
    assert failure.why == "it does not take this certificate"
    assert failure.code is ExitCode.DENIED
