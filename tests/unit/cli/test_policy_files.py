"""Files of policies: every fault with its place, and none of them is silently nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure
from crossply_cli.policy_files import load

BILLING = '{"kind": "Service", "name": "billing",\n "spec": {"retry": {\n  "attempts": %s}}}'


def refused(path: Path) -> tuple[str, ...]:
    with pytest.raises(Failure) as failed:
        load([path])
    assert failed.value.code is ExitCode.INVALID
    return failed.value.details


@pytest.mark.parametrize(
    ("name", "text"), [("a.yaml", ""), ("a.yaml", "# to come\n"), ("a.yaml", "---\n---\n"), ("a.json", "null")]
)
def test_a_file_without_a_document_is_refused_by_its_name(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert refused(path) == (f"{path}:1: holds no document",)
    assert refused(tmp_path) == (f"{path}:1: holds no document",)


def test_a_file_of_json_is_read_as_json(tmp_path: Path) -> None:
    path = tmp_path / "billing.json"
    path.write_text(BILLING % 2)
    [found] = load([path])
    assert (found.document.key, found.line) == ("Service/billing", 1)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("kind: Service\nname: billing\nspec: {}\n", ":1: is not JSON"),
        ('{"kind": "Service",\n"name": "billing", "spec": {},}', ":2: is not JSON"),
        ('{"kind": "Service", "name": "a", "spec": {\n"retry": {}, "retry": {}}}', ":2: spec.retry: is there twice"),
        (BILLING % -1, ":3: spec.retry.attempts: must be at least 0, not -1"),
        (BILLING % "NaN", ":3: spec.retry.attempts"),
        ("[]", ":1: "),
    ],
)
def test_a_fault_in_json_is_told_with_its_line(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "billing.json"
    path.write_text(text)
    [told] = refused(path)
    assert told.startswith(f"{path}{fault}")
