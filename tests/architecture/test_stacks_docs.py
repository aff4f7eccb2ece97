"""docs/layers.md shows the stacks that stacks.py composes, in their order."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from crossply import stacks
from crossply.handler import Facts, Handler, Layer, Request, Response
from crossply.protection.admission import Admission
from crossply.protection.buckets import Buckets
from crossply.protection.replies import Replies
from crossply.routing.breaker import Breaker
from crossply.routing.held import UNPROTECTED, BySubset, Protection
from crossply.routing.instances import Callee
from crossply.routing.latencies import Latencies
from crossply.routing.moves import Moves
from crossply.routing.outliers import Outliers
from crossply.routing.slots import Slots
from crossply.telemetry.recorder import MemoryRecorder, Side
from crossply_policy.documents import RetryPolicy
from crossply_policy.protection import BreakerPolicy, LimitPolicy, OutlierPolicy
from crossply_policy.rate_limit import RateLimitPolicy, Target
from crossply_policy.snapshot import Route
from crossply_policy.traffic import AbortPolicy, FaultPolicy, MirrorPolicy, TrafficPolicy
from tests.architecture.tree import ROOT

if TYPE_CHECKING:
    from crossply.protection.rates import Limited

PAGE = (ROOT / "docs" / "layers.md").read_text(encoding="utf-8")
ABSENT = "*not in this version*"
EVERYTHING = TrafficPolicy(
    split={"v1": 1.0},
    mirror=MirrorPolicy(subset="v1"),
    fault=FaultPolicy(document="Traffic/orders", abort=AbortPolicy(percentage=1, code="internal")),
    failover=("v1",),
)


def documented(heading: str) -> dict[str, str]:
    """Return the layers of a section's table, in order, each with what it does."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.MULTILINE))


def built(heading: str) -> list[str]:
    return [name for name, does in documented(heading).items() if ABSENT not in does]


@pytest.fixture
def composed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the layers that were composed, in order."""
    names: list[str] = []

    def noting(layers: list[Layer | None], innermost: Handler) -> Handler:
        names.extend(each.name for each in layers if each is not None)
        return innermost

    monkeypatch.setattr(stacks, "compose", noting)
    return names


def surroundings() -> stacks.Surroundings:
    nothing: Any = None
    moves = Moves()
    moves.begin({"orders"}, {"web"}, publishing=True)
    return stacks.Surroundings(recorder=MemoryRecorder(), now=lambda: 0.0, chance=nothing, moves=moves)


def limits() -> Limited:
    policy = RateLimitPolicy(name="quota", target=Target(service="orders"), rate=1.0, burst=1.0)
    return ((Buckets(policy, lambda: 0.0), lambda _request: ""),)


async def wire(_request: Request) -> Response:
    return Response()


def test_the_full_order_is_that_of_the_page() -> None:
    assert list(documented("Outbound")) == list(stacks.OUTBOUND)
    assert list(documented("Inbound")) == list(stacks.INBOUND)


PROTECTED = Protection(
    breakers=BySubset(lambda _: Breaker(BreakerPolicy(), lambda: 0.0, lambda _breaker: None)),
    slots=BySubset(lambda _: Slots(LimitPolicy(), lambda: 0.0)),
    outliers=Outliers(OutlierPolicy(), Callee("orders", "own"), lambda: 0.0, lambda _instance, _seconds: None),
)
HEDGED = Protection(latencies=Latencies())


def outbound(retry: RetryPolicy, protection: Protection = UNPROTECTED) -> None:
    nothing: Any = None
    stacks.outbound(
        Route(retry=retry, traffic=EVERYTHING),
        nothing,
        around=surroundings(),
        catalog=nothing,
        budget=nothing,
        protection=protection,
        idempotent=lambda _request: False,
        permitted=lambda _request: None,
        limits=limits(),
        wire=wire,
        steering=stacks.Steering(subsets=nothing, copy=lambda _request: None),
        moving=True,
    )


def inbound() -> None:
    nothing: Any = None

    def report(_request: Request, _error: BaseException) -> None: ...

    stacks.inbound(
        wire,
        side=Side.CALLEE,
        around=surroundings(),
        admission=Admission(1, lambda: 0.0),
        operation="orders.create",
        permitted=lambda _request: None,
        limits=limits(),
        barred=frozenset({"spiffe://mesh.local/t/default/svc/web"}),
        kept=(Replies(nothing, lambda: 0.0, lambda: 0), Facts(kept=True)),
        report=report,
    )


def test_a_copy_passes_what_the_page_says(composed: list[str]) -> None:
    nothing: Any = None
    stacks.copying(1.0, nothing, around=surroundings(), catalog=nothing, wire=wire)
    sentence = PAGE.partition("A copy that `mirror` sends passes ")[2].partition(" and the wire")[0]
    assert composed == re.findall(r"`(\w+)`", sentence)


def test_the_users_own_layers_stand_where_the_page_says(composed: list[str]) -> None:
    nothing: Any = None
    call, attempt = (Layer(f"own-{slot}", lambda inner: inner) for slot in ("call", "attempt"))
    stacks.outbound(
        Route(traffic=EVERYTHING),
        nothing,
        around=replace(surroundings(), around_call=(call,), around_attempt=(attempt,)),
        catalog=nothing,
        budget=nothing,
        idempotent=lambda _request: False,
        wire=wire,
        steering=stacks.Steering(subsets=nothing, copy=lambda _request: None),
    )
    said = PAGE.partition("**Your own layers** stand in two slots: ")[2].partition(" (")[0].partition("\n([")[0]
    for slot, above, below in re.findall(r"around an? (\w+), between `(\w+)` and `(\w+)`", said):
        place = composed.index(f"own-{slot}")
        assert composed[place - 1 : place + 2] == [above, f"own-{slot}", below]
    assert {"call", "attempt"} <= set(re.findall(r"around an? (\w+),", said))


@pytest.mark.parametrize(
    ("compose", "heading", "terminal"),
    [(lambda: outbound(RetryPolicy(), PROTECTED), "Outbound", "wire"), (inbound, "Inbound", "endpoint")],
    ids=["outbound", "inbound"],
)
def test_the_layers_composed_are_those_that_the_page_calls_built(
    composed: list[str], compose: Callable[[], None], heading: str, terminal: str
) -> None:
    compose()
    # A hedge stands for the retry, never beside it; either leads the attempts of sampled calls through `span` itself.
    expected = [name for name in built(heading) if name not in {"hedge", "span"}]
    assert [name.split("_", maxsplit=1)[0] for name in composed] + [terminal] == expected


def test_a_hedge_stands_in_the_place_of_the_retry(composed: list[str]) -> None:
    outbound(RetryPolicy())
    plain = list(composed)
    composed.clear()
    outbound(RetryPolicy(), HEDGED)
    assert composed == ["hedge" if name == "retry" else name for name in plain]


def test_a_layer_that_no_policy_asks_for_is_not_composed(composed: list[str]) -> None:
    outbound(RetryPolicy(attempts=0))
    assert not {"hedge", "retry", "limit", "breaker", "outlier"} & set(composed)


def test_where_nothing_is_tried_again_the_one_attempt_passes_its_layer_in_its_place(composed: list[str]) -> None:
    outbound(RetryPolicy())
    again = list(composed)
    composed.clear()
    outbound(RetryPolicy(attempts=0))
    assert composed == ["span" if name == "retry" else name for name in again]


def test_without_traffic_there_is_none_of_its_layers(composed: list[str]) -> None:
    nothing: Any = None
    stacks.outbound(
        Route(),
        nothing,
        around=surroundings(),
        catalog=nothing,
        budget=nothing,
        idempotent=lambda _request: False,
        wire=wire,
    )
    assert not {"mirror", "split", "failover", "fault"} & set(composed)


def test_what_events_pass_is_what_the_page_says(composed: list[str]) -> None:
    stacks.publishing(around=surroundings(), within=60.0, permitted=lambda _request: None, limits=limits(), wire=wire)
    sentence = PAGE.partition("Events out pass ")[2].partition(" and the wire")[0]
    assert composed == re.findall(r"`(\w+)`", sentence)


def test_every_layer_has_one_file_and_every_file_one_layer() -> None:
    files = {path.stem for path in (ROOT / "sdk" / "crossply" / "layers").glob("*.py")} - {"__init__"}
    named = (set(built("Outbound")) | set(built("Inbound"))) - {"wire", "endpoint"}
    assert files == named
