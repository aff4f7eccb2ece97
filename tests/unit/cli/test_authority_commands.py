"""`crossply authority`, `token` and `identity`: what they write, ask for and say when they cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.running import crossply


def test_init_lists_what_it_wrote_and_says_what_to_keep_offline(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "mesh"
    arguments = ("authority", "init", "--out", str(out), "--service", "orders", "--host", "nats")
    ended = crossply(capsys, *arguments, "-o", "json")
    assert ended.code == 0
    written = json.loads(ended.out)["written"]
    assert {"root/ca.key", "services/orders/token", "broker/tls.pem"} <= set(written)
    assert f"keep {out / 'root' / 'ca.key'} offline" in ended.err

    again = crossply(capsys, *arguments)
    assert (again.code, again.out.strip(), again.err) == (0, "", "nothing was missing\n")


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("--service", "Orders", "use a name such as orders"),
        ("--service", "broker", "process of the mesh itself"),
        ("--trust-domain", "Mesh.local", "is not a trust domain"),
        ("--tenant", "a.b", "is refused"),
        ("--host", "a b", "is not the name or the address of a host"),
        ("--host", "n\u00e4ts", "is not the name or the address of a host"),
    ],
)
def test_init_refuses_names_that_are_none_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, option: str, value: str, why: str
) -> None:
    ended = crossply(capsys, "authority", "init", "--out", str(tmp_path / "mesh"), option, value)
    assert (ended.code, why in ended.err) == (2, True), ended.err
    assert not (tmp_path / "mesh").exists()


def test_init_leaves_another_meshs_folder_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    crossply(capsys, "authority", "init", "--out", str(tmp_path))
    ended = crossply(capsys, "authority", "init", "--out", str(tmp_path), "--trust-domain", "other.local")
    assert (ended.code, "is the root of mesh.local" in ended.err) == (64, True)


def test_serve_says_every_fault_of_its_configuration(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSPLY_AUTHORITY_LISTEN", "here")
    monkeypatch.delenv("CROSSPLY_AUTHORITY_DIR", raising=False)
    ended = crossply(capsys, "authority", "serve")
    assert ended.code == 64
    assert "CROSSPLY_AUTHORITY_LISTEN" in ended.err
    assert "there is no key-encryption key" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("token", "ls"),
        ("token", "create", "--service", "orders"),
        ("token", "rotate", "aaaaaaaaaaaa"),
        ("token", "revoke", "aaaaaaaaaaaa"),
        ("identity", "ls"),
        ("identity", "revoke", "orders"),
        ("identity", "restore", "orders"),
        ("identity", "rotate", "orders"),
        ("identity", "issue", "--foreign", "x"),
        ("authority", "log"),
    ],
)
def test_a_command_without_address_root_and_token_says_all_that_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CROSSPLY_AUTHORITY", "http://127.0.0.1:8701")
    for name in ("CROSSPLY_AUTHORITY_CA", "CROSSPLY_OPERATOR_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    ended = crossply(capsys, *arguments)
    assert ended.code == 64
    for name in ("CROSSPLY_AUTHORITY:", "CROSSPLY_AUTHORITY_CA:", "CROSSPLY_OPERATOR_TOKEN_FILE:"):
        assert name in ended.err


def test_an_authority_that_does_not_run_is_unreachable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    crossply(capsys, "authority", "init", "--out", str(tmp_path))
    monkeypatch.setenv("CROSSPLY_AUTHORITY", "https://127.0.0.1:1")
    monkeypatch.setenv("CROSSPLY_AUTHORITY_CA", str(tmp_path / "authority" / "ca.pem"))
    monkeypatch.setenv("CROSSPLY_OPERATOR_TOKEN_FILE", str(tmp_path / "operator" / "token"))
    ended = crossply(capsys, "token", "ls")
    assert (ended.code, "does not answer" in ended.err) == (69, True)


@pytest.mark.parametrize("service", ["Orders", "a.b", "any"])
def test_a_service_that_is_none_is_an_error_of_usage(capsys: pytest.CaptureFixture[str], service: str) -> None:
    for arguments in (("token", "create", "--service", service), ("identity", "revoke", service)):
        assert crossply(capsys, *arguments).code == 2


def test_beside_a_mesh_of_this_folder_commands_need_no_setting(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    crossply(capsys, "authority", "init", "--out", str(tmp_path / ".crossply" / "identities"))
    said = {
        "nats": ["tls://127.0.0.1:4222"],
        "authority": "https://127.0.0.1:1",
        "ca": "identities/authority/ca.pem",
        "operator": "identities/operator/token",
    }
    (tmp_path / ".crossply" / "mesh.json").write_text(json.dumps(said))
    monkeypatch.chdir(tmp_path)
    for name in ("CROSSPLY_AUTHORITY", "CROSSPLY_AUTHORITY_CA", "CROSSPLY_OPERATOR_TOKEN_FILE", "CROSSPLY_NATS_URL"):
        monkeypatch.delenv(name, raising=False)
    ended = crossply(capsys, "token", "ls")
    assert (ended.code, "the authority at https://127.0.0.1:1 does not answer" in ended.err) == (69, True)
