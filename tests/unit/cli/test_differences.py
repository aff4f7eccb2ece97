"""What differs between two specs is told value by value."""

from __future__ import annotations

from crossply_cli.differences import Difference, differences


def test_what_is_new_gone_and_other_is_told_with_its_path() -> None:
    before = {"timeout": {"total": 2.0}, "routes": [{"split": {"v1": 1.0}}], "failover": ["a", "b"]}
    after = {"timeout": {"total": 3.0, "attempt": 1.0}, "routes": [{"split": {"v1": 1.0}}], "failover": ["a"]}
    assert differences(before, after) == [
        Difference("timeout.total", "2.0", "3.0"),
        Difference("failover[1]", '"b"', None),
        Difference("timeout.attempt", None, "1.0"),
    ]


def test_a_new_document_is_new_in_every_value() -> None:
    assert differences(None, {"retry": {"on": []}, "odd key": {"a": "ü"}}) == [
        Difference("retry.on", None, "[]"),
        Difference("['odd key'].a", None, '"ü"'),
    ]


def test_equal_specs_do_not_differ() -> None:
    assert differences({}, {}) == []
    assert differences({"a": {}}, {"a": {}}) == []
    assert differences({"a": {}}, {}) == [Difference("a", "{}", None)]
