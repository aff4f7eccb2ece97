"""A wrong command line is refused before anything is asked of the mesh, and says what would be right."""

from __future__ import annotations

import pytest

from crossply_cli.exit_codes import ExitCode
from crossply_cli.installed import version
from tests.unit.cli.running import crossply


@pytest.mark.parametrize("timeout", ["nan", "inf", "-inf", "-1", "0", "3601", "soon"])
def test_a_timeout_is_finite_seconds_above_0_and_an_hour_at_most(
    capsys: pytest.CaptureFixture[str], timeout: str
) -> None:
    ended = crossply(capsys, "call", "orders.create", "--timeout", timeout)
    assert ended.code == ExitCode.USAGE
    assert "--timeout" in ended.err


@pytest.mark.parametrize("duration", ["nan", "inf", "0"])
def test_a_run_does_not_last_for_what_is_no_time(capsys: pytest.CaptureFixture[str], duration: str) -> None:
    assert crossply(capsys, "up", "--for", duration).code == ExitCode.USAGE


@pytest.mark.parametrize("which", ["nope", "Foo/bar", "service/billing", "Gateway"])
def test_a_kind_that_there_is_not_is_refused_with_those_there_are(
    capsys: pytest.CaptureFixture[str], which: str
) -> None:
    for command in ("get", "delete"):
        ended = crossply(capsys, "policy", command, which)
        assert ended.code == ExitCode.USAGE
        assert "Defaults" in ended.err
        assert "Service" in ended.err


@pytest.mark.parametrize("which", ["Service/", "Service/Two Words", "Service/any", "Service/a/b"])
def test_a_bad_name_is_refused(capsys: pytest.CaptureFixture[str], which: str) -> None:
    for command in ("get", "delete"):
        ended = crossply(capsys, "policy", command, which)
        assert ended.code == ExitCode.USAGE
        assert "service name" in ended.err


def test_only_a_document_can_be_deleted(capsys: pytest.CaptureFixture[str]) -> None:
    ended = crossply(capsys, "policy", "delete", "Service")
    assert ended.code == ExitCode.USAGE
    assert "Service/NAME" in ended.err


def test_a_file_that_is_not_there_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    ended = crossply(capsys, "policy", "apply", "-f", "missing.yaml")
    assert ended.code == ExitCode.USAGE
    assert "missing.yaml" in ended.err
    assert "mend the lines" not in ended.err


@pytest.mark.parametrize("url", ["foo", "127.0.0.1:8700", "ftp://127.0.0.1", "http://", "http://[::1", "http://a:b"])
def test_an_address_of_the_registry_that_is_none_is_a_wrong_configuration(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("CROSSPLY_REGISTRY_URL", url)
    for command in (["services"], ["policy", "get"], ["check"]):
        ended = crossply(capsys, *command)
        assert ended.code == ExitCode.CONFIG
        assert f"CROSSPLY_REGISTRY_URL: {url!r}" in ended.err


def test_the_version_is_said_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    ended = crossply(capsys, "--version")
    assert (ended.code, ended.out) == (ExitCode.OK, f"crossply {version('crossply')}\n")
