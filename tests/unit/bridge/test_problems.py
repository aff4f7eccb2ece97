"""Every failure is a problem document whose status comes from the one table."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crossply.errors import CallError, Code, InvalidArgument, Overloaded, PermissionDenied, RateLimited
from crossply.wire.status import STATUSES
from crossply_bridge import problems
from crossply_bridge.http_message import HttpFault, HttpResponse

FAILURES = [code for code in Code if code is not Code.OK]


def document(response: HttpResponse) -> dict[str, Any]:
    assert dict(response.headers)["content-type"] == "application/problem+json"
    said: dict[str, Any] = json.loads(response.body)
    assert said["status"] == response.status
    return said


@pytest.mark.parametrize("code", FAILURES)
def test_each_code_has_the_status_of_the_table(code: Code) -> None:
    row = STATUSES[code]
    response = problems.of_error(row.error("it failed", code=code, executed=row.executed, trace_id="1" * 32))
    said = document(response)
    assert response.status == row.http
    assert (said["code"], said["detail"], said["trace_id"]) == (code.value, "it failed", "1" * 32)
    waits = {Code.UNAVAILABLE, Code.OVERLOADED, Code.CIRCUIT_OPEN, Code.RATE_LIMITED}
    assert said["retryable"] is (code in waits)


@pytest.mark.parametrize("error", [Overloaded("busy"), RateLimited("slow down", rule="web")])
def test_who_is_turned_away_for_load_is_told_when_to_come_back(error: CallError) -> None:
    assert dict(problems.of_error(error).headers)["retry-after"] == "1"


def test_retry_after_is_rounded_up_to_whole_seconds() -> None:
    assert dict(problems.of_error(Overloaded("busy", retry_after=2.1)).headers)["retry-after"] == "3"
    assert dict(problems.of_error(Overloaded("busy", retry_after=0.001)).headers)["retry-after"] == "1"


def test_faults_in_the_body_are_listed_with_their_pointers() -> None:
    error = InvalidArgument("two faults", details=[("/sku", "missing"), ("/quantity", "not an int")])
    assert document(problems.of_error(error))["errors"] == [
        {"pointer": "/sku", "detail": "missing"},
        {"pointer": "/quantity", "detail": "not an int"},
    ]


def test_the_rule_that_denied_is_named() -> None:
    assert document(problems.of_error(PermissionDenied("no", rule="orders-only")))["rule"] == "orders-only"


def test_a_fact_about_one_hop_is_not_forwarded() -> None:
    assert "executed" not in document(problems.of_error(Overloaded("busy")))


def test_an_error_without_text_says_what_its_code_means() -> None:
    assert document(problems.of_error(CallError("", code=Code.INTERNAL)))["detail"]


def test_the_trace_of_the_request_stands_in_for_one_the_error_lacks() -> None:
    assert document(problems.of_error(Overloaded("busy"), "2" * 32))["trace_id"] == "2" * 32
    assert document(problems.of_error(Overloaded("busy", trace_id="1" * 32), "2" * 32))["trace_id"] == "1" * 32
    assert "trace_id" not in document(problems.of_error(Overloaded("busy")))


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "invalid_argument"),
        (403, "permission_denied"),
        (404, "not_found"),
        (405, "invalid_argument"),
        (408, "invalid_argument"),
        (413, "payload_too_large"),
        (414, "invalid_argument"),
        (415, "invalid_argument"),
        (417, "invalid_argument"),
        (431, "invalid_argument"),
        (500, "internal"),
        (501, "unimplemented"),
        (502, "integrity_failed"),
        (503, "overloaded"),
        (505, "unimplemented"),
    ],
)
def test_a_request_that_is_refused_as_http_has_a_code_as_well(status: int, code: str) -> None:
    said = document(problems.of_fault(HttpFault(status, "why", [("allow", "POST")])))
    assert (said["code"], said["detail"]) == (code, "why")
    assert said["retryable"] is (status == 503)


def test_the_headers_of_a_fault_go_with_it() -> None:
    assert ("allow", "POST") in problems.of_fault(HttpFault(405, "no", [("allow", "POST")])).headers
    assert ("retry-after", "1") in problems.of_fault(HttpFault(503, "full")).headers
