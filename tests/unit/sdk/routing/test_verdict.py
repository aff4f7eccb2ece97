"""What the end of an attempt says of the callee."""

from __future__ import annotations

import asyncio

import pytest

from crossply.errors import (
    Absent,
    Code,
    DeadlineExceeded,
    Disconnected,
    EndpointFailed,
    Executed,
    IntegrityFailed,
    InvalidArgument,
    LinkLost,
    NoResponders,
    NotConnected,
    NotFound,
    Overloaded,
    PayloadTooLarge,
    PermissionDenied,
    RateLimited,
    Unavailable,
)
from crossply.layers.fault import injected
from crossply.routing.verdict import verdict

FAILS = [
    Unavailable("draining"),
    Absent("nobody"),
    Overloaded("full"),
    DeadlineExceeded("late"),
    Disconnected("gone"),
    IntegrityFailed("wrong"),
    EndpointFailed("", code=Code.INTERNAL),
]
WORKS = [EndpointFailed("no credit", code=Code.ABORTED), EndpointFailed("there", code=Code.ALREADY_EXISTS)]
SILENT = [
    LinkLost("ours"),
    NotConnected("ours"),
    NoResponders("left"),
    DeadlineExceeded("never sent", executed=Executed.NO),
    NotFound("nobody"),
    InvalidArgument("bad"),
    PermissionDenied("no"),
    RateLimited("slowly"),
    PayloadTooLarge("big"),
    asyncio.CancelledError(),
    ValueError("a mistake of ours"),
]


@pytest.mark.parametrize("error", FAILS, ids=lambda each: type(each).__name__)
def test_a_callee_that_cannot_answer_fails(error: BaseException) -> None:
    assert verdict(error) is False


@pytest.mark.parametrize("code", sorted({error.code for error in FAILS}))
def test_a_failure_that_a_document_injects_counts_as_the_real_one(code: Code) -> None:
    assert verdict(injected(code, "on purpose", "Traffic/orders")) is False


@pytest.mark.parametrize("error", WORKS, ids=str)
def test_a_callee_that_raises_on_purpose_works(error: BaseException) -> None:
    assert verdict(error) is True


@pytest.mark.parametrize("error", SILENT, ids=lambda each: type(each).__name__)
def test_what_is_not_the_callees_doing_says_nothing_of_it(error: BaseException) -> None:
    assert verdict(error) is None
