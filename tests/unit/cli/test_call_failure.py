"""What a failed call is told as: an exit code that is true, and a next step that helps."""

from __future__ import annotations

import pytest

from crossply.errors import (
    CallError,
    Code,
    DeadlineExceeded,
    EndpointFailed,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unavailable,
)
from crossply_cli.call_failure import Tried, call_failure
from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure


def failed(error: CallError, *, timeout: float | None = None, took: float = 0.1) -> Failure:
    return call_failure(Tried(operation="orders.create", timeout=timeout, took=took), error)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("no service"), ExitCode.NOT_FOUND),
        (EndpointFailed("no such order", code=Code.NOT_FOUND), ExitCode.FAILED),
        (Unavailable("nobody"), ExitCode.TIMEOUT),
        (EndpointFailed("no stock system", code=Code.UNAVAILABLE), ExitCode.FAILED),
        (DeadlineExceeded("late"), ExitCode.TIMEOUT),
        (PermissionDenied("no"), ExitCode.DENIED),
        (EndpointFailed("not yours", code=Code.PERMISSION_DENIED), ExitCode.DENIED),
        (EndpointFailed("no credit", code=Code.ABORTED), ExitCode.FAILED),
    ],
)
def test_the_exit_code_says_what_the_mesh_says_and_not_what_an_endpoint_says_of_its_own(
    error: CallError, code: ExitCode
) -> None:
    assert failed(error).code is code


def test_what_an_endpoint_did_not_find_is_not_among_the_services() -> None:
    assert "crossply services" in failed(NotFound("no service")).hint
    assert failed(EndpointFailed("no such order", code=Code.NOT_FOUND)).hint == ""


def test_a_body_that_does_not_fit_is_to_be_mended_where_the_error_says() -> None:
    failure = failed(InvalidArgument("Expected `str`, got `int`", details=[("/sku", "Expected `str`, got `int`")]))
    assert "/sku: Expected `str`, got `int`" in failure.details
    assert failure.hint == "mend what -d gives; the reason is above"


def test_a_call_that_took_all_it_was_given_may_be_given_more() -> None:
    assert failed(DeadlineExceeded("late"), timeout=0.5, took=0.5).hint.startswith("give it longer with --timeout")


@pytest.mark.parametrize("timeout", [None, 60.0])
def test_a_call_that_the_policy_ended_earlier_names_the_policy(timeout: float | None) -> None:
    hint = failed(DeadlineExceeded("late"), timeout=timeout, took=5.0).hint
    assert "after 5.0 s" in hint
    assert "`timeout.total` of orders bounds it too" in hint


def test_the_operation_and_the_code_are_said_once() -> None:
    aborted = failed(EndpointFailed("orders.create: no credit", code=Code.ABORTED))
    assert aborted.lines()[0] == "orders.create failed: aborted: no credit"
    assert failed(EndpointFailed("orders.create: internal")).lines()[0] == "orders.create failed: internal"


def test_an_unexpected_failure_names_the_log_and_the_trace() -> None:
    assert failed(EndpointFailed("", trace_id="ab" * 16)).hint == (
        f"the log of orders has the reason under trace id {'ab' * 16}"
    )
