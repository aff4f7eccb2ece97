"""Output that programs read is JSON, and a terminal gets the escapes that its user wants."""

from __future__ import annotations

import json

import pytest

from crossply_cli.output import Format, Rows, as_json, as_text, show

TABLE = Rows(("service", "instances"), [("orders", 2)])


def test_what_json_has_no_word_for_is_null() -> None:
    value = {"nan": float("nan"), "more": [float("inf"), -float("inf"), 1.5]}
    assert json.loads(as_json(value)) == {"nan": None, "more": [None, None, 1.5]}


def test_bytes_are_text_where_they_are_text_and_base64_where_not() -> None:
    assert json.loads(as_json([b"text", b"\xff\x00", {b"key": 1}])) == ["text", "/wA=", {"key": 1}]
    assert as_text(b"\xff") is None


def kept(*_: object) -> bool:
    return False


@pytest.mark.parametrize(("no_color", "escapes"), [("1", False), ("", True)])
def test_no_color_means_no_escape_at_all(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, no_color: str, escapes: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    # click drops escapes where stdout is no terminal; what rich writes is what counts here.
    monkeypatch.setattr("click.utils.should_strip_ansi", kept)
    show(Format.TABLE, [], TABLE)
    assert ("\x1b" in capsys.readouterr().out) is escapes
