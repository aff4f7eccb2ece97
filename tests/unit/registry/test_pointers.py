"""Paths of the policy language as JSON pointers."""

from __future__ import annotations

import pytest

from crossply_policy.faults import step
from crossply_registry.api.pointers import pointer


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", ""),
        ("spec", "/spec"),
        ("spec.retry.attempts", "/spec/retry/attempts"),
        ("spec.retry.on[0]", "/spec/retry/on/0"),
        ("spec.endpoints.http-get.timeout", "/spec/endpoints/http-get/timeout"),
        (step("spec.endpoints", "odd key"), "/spec/endpoints/odd key"),
        (step("spec", "it's"), "/spec/it's"),
        (step("spec", 'a"b'), '/spec/a"b'),
        (step("spec", "a/b~c"), "/spec/a~1b~0c"),
        (step("", "two words"), "/two words"),
    ],
)
def test_a_path_becomes_a_pointer(path: str, expected: str) -> None:
    assert pointer(path) == expected
